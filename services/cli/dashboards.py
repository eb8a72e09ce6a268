"""`dashboards publish | preview`: the committed dashboards into a Grafana, or into a browser."""

import os
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import typer
from rich.console import Console

from dashboards.preview.serve import serve
from dashboards.publish.client import GrafanaApi
from dashboards.publish.errors import GrafanaError
from dashboards.publish.plan import Finding, State, connect, mend
from dashboards.publish.plan import plan as read_plan
from dashboards.publish.wanted import DataSource, committed
from services.cli.context import Context, err, out
from services.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Dashboard Grafana / the Grafana dashboards.")
#: Of one dashboard; who wants all of them looks at it in Grafana.
_SHOWN = 5


@app.command()
def publish(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Option(envvar="WARROOM_GRAFANA_URL", help="Such as https://grafana.kota.go.id or http://HOST/grafana."),
    ],
    token: Annotated[
        str,
        typer.Option(
            envvar="WARROOM_GRAFANA_TOKEN",
            help="Of a service account with the role Admin; better given by the environment, for others can read argv.",
        ),
    ],
    database_url: Annotated[
        str | None,
        typer.Option(
            envvar="WARROOM_GRAFANA_DATABASE_URL",
            help="The database as Grafana reaches it: postgresql://HOST:5432/warroom; sslmode=require unless it ends"
            " with ?sslmode=... Without it the data source must be there.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only tell what differs; exit 1 if anything does.")] = False,
) -> None:
    """Folders, data source and dashboards; only what differs is written, so it may be repeated and interrupted.

    The password of grafana_reader comes from WARROOM_GRAFANA_DB_PASSWORD.
    """
    own: Context = context.obj
    address, source = _grafana_url(url), _source(database_url, os.environ.get("WARROOM_GRAFANA_DB_PASSWORD"))
    try:
        with GrafanaApi(address, _token(token)) as grafana:
            version = grafana.health().version or "?"
            _print(f"Grafana {version} {own.say('di', 'at')} {grafana.where}")
            with err.status(own.say("Membaca Grafana", "Reading Grafana")):
                found = list(read_plan(grafana, committed(), source))
            if check:
                _tell_drift(own, found)
            else:
                _warn(own, found)
                _tell_done(own, found, mend(found))
                connect(grafana, source)
    except GrafanaError as error:
        _print(own.say(error.indonesian, error.english), err)
        raise typer.Exit(1) from None
    if check and any(finding.state is not State.SAME for finding in found):
        raise typer.Exit(1)


@app.command()
def preview(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own let others look.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
) -> None:
    """Show the committed dashboards in a browser without a Grafana; `warroom up` does so too. Ctrl-C ends it."""
    own: Context = context.obj
    endpoints = own.endpoints()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise typer.BadParameter(f"--host {host} --port {port} cannot be listened on: {error.strerror}") from None
        settings = Settings(
            nats_url=endpoints.nats_url_for("viewer"), database_url=endpoints.database_url_for("grafana_reader")
        )
        out.print(f"{own.say('Dinding', 'The wall')}: http://{host}:{listening.getsockname()[1]}/")
        serve(settings, listening)


def _grafana_url(text: str) -> SplitResult:
    url = _split(text, "--url", "https://HOST, http://HOST:3000/grafana")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise typer.BadParameter("--url is no address of a Grafana; write https://HOST or http://HOST:3000/grafana")
    if "@" in url.netloc:
        raise typer.BadParameter("--url carries a user; a token in WARROOM_GRAFANA_TOKEN is the way in")
    return url


def _token(text: str) -> str:
    # An HTTP header takes nothing else, and the error for it would print the token.
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise typer.BadParameter("the token is empty, or has characters that no token of Grafana has")
    return token


def _source(text: str | None, password: str | None) -> DataSource | None:
    if not text:
        return None
    url = _split(text, "--database-url", "postgresql://HOST:5432/DATABASE")
    if url.scheme not in ("postgresql", "postgres") or not url.hostname or not url.path.strip("/"):
        raise typer.BadParameter("--database-url is no address of a database; write postgresql://HOST:5432/DATABASE")
    if url.password is not None:
        raise typer.BadParameter("--database-url carries a password; put it into WARROOM_GRAFANA_DB_PASSWORD instead")
    return DataSource.of(url, password or None)


def _split(text: str, option: str, example: str) -> SplitResult:
    try:
        url = urlsplit(text.strip())
        _ = url.port
    except ValueError:
        raise typer.BadParameter(f"{option} is no address; write {example}") from None
    return url


def _tell_drift(own: Context, found: Sequence[Finding]) -> None:
    """What differs, and where."""
    say = own.say
    words = {
        State.MISSING: say("belum ada", "missing"),
        State.OUTDATED: say("berbeda", "differs"),
        State.HAND_MADE: say("diubah tangan", "changed by hand"),
        State.SURPLUS: say("berlebih", "surplus"),
    }
    apart = [finding for finding in found if finding.state is not State.SAME]
    for line, finding in zip(_lines(words, apart), apart, strict=True):
        _print(line)
        _tell_differences(own, finding)
    if not apart:
        _print(say(f"Semua {len(found)} sama dengan yang tercatat.", f"All {len(found)} are as committed."))
        return
    _print(say(f"{len(apart)} dari {len(found)} berbeda.", f"{len(apart)} of {len(found)} differ."))
    if any(finding.write for finding in apart):
        _print(say("Samakan dengan: warroom dashboards publish", "Bring into line with: warroom dashboards publish"))
    if any(finding.state is State.SURPLUS for finding in apart):
        _print(say("Yang berlebih: hapus di Grafana bila tidak dipakai.", "Surplus ones: delete in Grafana if unused."))


def _warn(own: Context, found: Sequence[Finding]) -> None:
    """Whose changes are about to be replaced, and by what; said before anything is written."""
    by_hand = [finding for finding in found if finding.state is State.HAND_MADE]
    if by_hand:
        _print(own.say("Diubah tangan, akan diganti:", "Changed by hand, to be replaced:"))
    for finding in by_hand:
        _print(f"  dashboard {finding.uid}  {finding.title}")
        _tell_differences(own, finding)


def _tell_done(own: Context, found: Sequence[Finding], done: Iterable[Finding]) -> None:
    """Each as soon as it is done, then how many of each."""
    say = own.say
    words = {
        State.MISSING: say("dibuat", "created"),
        State.OUTDATED: say("diperbarui", "updated"),
        State.HAND_MADE: say("perubahan tangan diganti", "hand-made change replaced"),
        State.SAME: say("tetap", "unchanged"),
        State.SURPLUS: say("berlebih, dibiarkan", "surplus, left alone"),
    }
    for line, _ in zip(_lines(words, found), done, strict=True):
        _print(line)
    counts = Counter(finding.state for finding in found)
    _print(", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state]) + ".")


def _lines(words: Mapping[State, str], found: Sequence[Finding]) -> list[str]:
    """State, kind, uid and title in columns; the title comes last, so that nothing needs to be cut."""
    state = max((len(words[finding.state]) for finding in found), default=0)
    kind = max((len(finding.kind) for finding in found), default=0)
    uid = max((len(finding.uid) for finding in found), default=0)
    return [f"{words[f.state]:<{state}}  {f.kind:<{kind}}  {f.uid:<{uid}}  {f.title}" for f in found]


def _tell_differences(own: Context, finding: Finding) -> None:
    if finding.by:
        _print(own.say(f"    disimpan oleh {finding.by}", f"    saved by {finding.by}"))
    for difference in finding.differences[:_SHOWN]:
        _print(f"    {difference.show(own.say('(tidak ada)', '(none)'))}")
    if (more := len(finding.differences) - _SHOWN) > 0:
        _print(own.say(f"    dan {more} lagi", f"    and {more} more"))


def _print(line: str, console: Console = out) -> None:
    """One line, never wrapped; whoever may edit in Grafana must not write control codes onto this screen."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in line)
    console.print(plain, markup=False, emoji=False, soft_wrap=True)
