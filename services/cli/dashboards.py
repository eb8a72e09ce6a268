"""`dashboards build | publish | preview`: dashboards from a catalogue, into a Grafana, or into a browser.

What builds, publishes and serves is imported by the one command that needs it: it takes a good part of a second, which
every start of `warroom` would pay.
"""

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import typer

from dashboards.publish.errors import GrafanaError
from dashboards.publish.plan import Finding, State, connect, mend
from dashboards.publish.plan import plan as read_plan
from dashboards.publish.wanted import COMMITTED, DataSource, committed, committed_playlists
from services.catalogue import load
from services.cli.context import Context, err, out, print_json
from services.cli.dashboards_lines import plain, tell, tell_done, tell_drift, warn
from services.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Dashboard Grafana / the Grafana dashboards.")
From = Annotated[
    Path,
    typer.Option(
        "--from",
        envvar="WARROOM_DASHBOARDS",
        show_default="those of the ready city",
        help="Folder that `dashboards build` wrote.",
    ),
]


@app.command()
def build(
    context: typer.Context,
    catalogue: Annotated[Path, typer.Argument(help="Folder with city.yaml and agencies.")],
    output: Annotated[Path, typer.Option(help="Folder for id/, en/ and the playlists; made if it is not there.")],
) -> None:
    """Write the dashboards of a city's own catalogue, in both languages, for provisioning and for `publish`."""
    own: Context = context.obj
    from dashboards.build import write

    found = load(catalogue)
    try:
        count = write(found, output)
    except OSError as error:
        raise _wrong(
            own,
            f"--output {output} tidak dapat ditulisi ({error.strerror}); pilih folder lain",
            f"--output {output} cannot be written to ({error.strerror}); choose another folder",
        ) from None
    out.print(own.say(f"{output}: {count} berkas.", f"{output}: {count} files."), markup=False, soft_wrap=True)


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
    from_: From = COMMITTED,
    check: Annotated[bool, typer.Option("--check", help="Only tell what differs; exit 1 if anything does.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Folders, data source, dashboards, playlists; only what differs is written: it may be repeated and interrupted.

    The password of grafana_reader comes from WARROOM_GRAFANA_DB_PASSWORD.
    """
    from dashboards.publish.client import GrafanaApi

    own: Context = context.obj
    address = _grafana_url(own, url)
    source = _source(own, database_url, os.environ.get("WARROOM_GRAFANA_DB_PASSWORD"))
    try:
        with GrafanaApi(address, _token(own, token)) as grafana:
            version = grafana.health().version or "?"
            if not json:
                tell(f"Grafana {version} {own.say('di', 'at')} {grafana.where}")
            with err.status(own.say("Membaca Grafana", "Reading Grafana")):
                found = list(read_plan(grafana, committed(from_), committed_playlists(from_), source))
            if check and json:
                print_json([plain(finding, written=False) for finding in found])
            elif check:
                tell_drift(own, found)
            else:
                if json:
                    _mend_for_machines(found)
                else:
                    warn(own, found)
                    tell_done(own, found, mend(found))
                connect(grafana)
    except GrafanaError as error:
        raise _told(own, error) from None
    if check and any(finding.state is not State.SAME for finding in found):
        raise typer.Exit(1)


@app.command()
def preview(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's own let others look.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    from_: From = COMMITTED,
) -> None:
    """Show dashboards in a browser without a Grafana; `warroom up` does so with the catalogue's own. Ctrl-C ends it."""
    from dashboards.preview.serve import serve

    own: Context = context.obj
    endpoints = own.endpoints()
    try:
        committed(from_)
    except GrafanaError as error:
        raise _told(own, error) from None
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            where = f"--host {host} --port {port}"
            raise _wrong(
                own,
                f"{where} tidak dapat dipakai ({error.strerror}); pilih yang lain",
                f"{where} cannot be listened on ({error.strerror}); choose another",
            ) from None
        settings = Settings(
            nats_url=endpoints.nats_url_for("viewer"), database_url=endpoints.database_url_for("grafana_reader")
        )
        # Whoever opens the address at once waits for the server rather than being refused.
        listening.listen()
        out.print(f"{own.say('Dinding', 'The wall')}: http://{host}:{listening.getsockname()[1]}/")
        serve(settings, listening, from_)


def _mend_for_machines(found: Sequence[Finding]) -> None:
    """One list of what was done, though an error cut it short."""
    done = []
    try:
        for finding in mend(found):
            done.append(plain(finding, written=finding.write is not None))
    finally:
        print_json(done)


def _grafana_url(own: Context, text: str) -> SplitResult:
    url = _split(own, text, "--url", "https://HOST, http://HOST:3000/grafana")
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise _wrong(
            own,
            "--url bukan alamat Grafana; tulis https://HOST atau http://HOST:3000/grafana",
            "--url is no address of a Grafana; write https://HOST or http://HOST:3000/grafana",
        )
    if "@" in url.netloc:
        raise _wrong(
            own,
            "--url memuat nama pengguna; yang dipakai untuk masuk adalah token di WARROOM_GRAFANA_TOKEN",
            "--url carries a user; a token in WARROOM_GRAFANA_TOKEN is the way in",
        )
    return url


def _token(own: Context, text: str) -> str:
    # An HTTP header takes nothing else, and the error for it would print the token.
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise _wrong(
            own,
            "token kosong, atau memuat tanda yang tak ada dalam token Grafana; salin lagi dari akun layanannya",
            "the token is empty, or has characters that no token of Grafana has; copy it again from its account",
        )
    return token


def _source(own: Context, text: str | None, password: str | None) -> DataSource | None:
    if not text:
        return None
    url = _split(own, text, "--database-url", "postgresql://HOST:5432/DATABASE")
    if url.scheme not in ("postgresql", "postgres") or not url.hostname or not url.path.strip("/"):
        raise _wrong(
            own,
            "--database-url bukan alamat database; tulis postgresql://HOST:5432/DATABASE",
            "--database-url is no address of a database; write postgresql://HOST:5432/DATABASE",
        )
    if url.password is not None:
        raise _wrong(
            own,
            "--database-url memuat kata sandi; isikan ke WARROOM_GRAFANA_DB_PASSWORD",
            "--database-url carries a password; put it into WARROOM_GRAFANA_DB_PASSWORD instead",
        )
    return DataSource.of(url, password or None)


def _split(own: Context, text: str, option: str, example: str) -> SplitResult:
    try:
        url = urlsplit(text.strip())
        _ = url.port
    except ValueError:
        raise _wrong(
            own, f"{option} bukan alamat; tulis {example}", f"{option} is no address; write {example}"
        ) from None
    return url


def _told(own: Context, error: GrafanaError) -> typer.Exit:
    tell(own.say(error.indonesian, error.english), err)
    return typer.Exit(1)


def _wrong(own: Context, indonesian: str, english: str) -> typer.BadParameter:
    return typer.BadParameter(own.say(indonesian, english))
