"""`measure` and `verify`: the figures, and the proof that they are right."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.progress import Progress
from rich.table import Table

from opd_schemas.events import KINDS
from services import db
from services.aggregator import verify as verifier
from services.cli.context import Context, err, moment, out, print_json, run, span
from services.errors import NotMigrated
from services.operator.measure import SQL, Filter, unknown_names
from services.operator.measure import measure as measure_kind

Many = Annotated[list[str] | None, typer.Option(help="May be repeated.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(measure)
    app.command()(verify)


def measure(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="queue, permit or visit.")],
    start: Annotated[str | None, typer.Option("--from", help="Day or time, in the city's zone; default: all.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Day or time, not included; default: now.")] = None,
    at: Annotated[str | None, typer.Option(help="Moment for what is open; default: --to, at most now.")] = None,
    opd: Many = None,
    unit: Many = None,
    service: Many = None,
    channel: Many = None,
    limit: Annotated[list[str] | None, typer.Option(help="Limit besides the catalogue's, such as PT20M.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Counts, shares, durations and what is open, for any window and place, as schema `wall` has them."""
    own: Context = context.obj
    known = [name for name, lifecycle in KINDS.items() if lifecycle.has_cases]
    if kind not in known:
        raise typer.BadParameter(f"{kind!r} is no kind of service; known: {', '.join(known)}")
    url = own.endpoints().database_url_for("grafana_reader")
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(SQL["city"]).fetchone()
    if row is None:
        raise NotMigrated("The city's catalogue")
    zone = ZoneInfo(row[1])
    # To the end of the running minute: windows are cut to whole minutes.
    now = datetime.now(UTC)
    until = moment(end, zone) if end else now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    chosen = Filter(
        moment(start, zone) if start else datetime(2000, 1, 1, tzinfo=UTC),
        until,
        moment(at, zone) if at else min(until, now),
        opd,
        unit,
        service,
        channel,
    )
    if chosen.start >= chosen.end:
        raise typer.BadParameter("--from must lie before --to")
    if wrong := unknown_names(url, kind, chosen):
        raise typer.BadParameter("; ".join(wrong))
    found = measure_kind(url, kind, chosen, [span(text) for text in limit or ()])
    if json:
        print_json(found)
    else:
        _show(own, found, zone)


_SIZES = ((86400.0, "hari", "d"), (3600.0, "jam", "h"), (60.0, "mnt", "min"))


class _Words:
    """Numbers as the language writes them; what is hidden or unknown is a dash."""

    def __init__(self, own: Context) -> None:
        self._own = own

    def duration(self, seconds: float | None) -> str:
        if seconds is None:
            return "-"
        for size, *unit in _SIZES:
            if seconds >= 2 * size:
                return f"{self._own.number(seconds / size, 2)} {self._own.say(*unit)}"
        return f"{self._own.number(seconds, 2)} {self._own.say('dtk', 's')}"

    def count(self, n: int | None) -> str:
        """A count; of a health kind one of fewer than five is hidden."""
        return "–" if n is None else self._own.number(n)

    def share(self, share: float | None, decimals: int = 2) -> str:
        return "–" if share is None else f"{self._own.number(share * 100, decimals)}%"


def _show(own: Context, found: dict[str, Any], zone: ZoneInfo) -> None:
    say, words = own.say, _Words(own)
    lifecycle = KINDS[found["kind"]]
    title = say(lifecycle.title_id, lifecycle.title_en)
    start, end = (found[name].astimezone(zone).strftime("%Y-%m-%d %H:%M") for name in ("from", "to"))
    out.print(f"[bold]{title}[/]  {start} - {end}  {zone}")
    out.print(f"{say('Kejadian dihitung', 'Events counted')}: {own.number(found['events'])}")
    table = Table(box=None, header_style="bold")
    for heading in (say("status", "state"), say("kejadian", "events"), say("perkara", "cases")):
        table.add_column(heading, justify="left" if heading in ("status", "state") else "right")
    for state, row in found["states"].items():
        table.add_row(state, words.count(row["events"]), words.count(row["cases"]))
    out.print(table)
    shares = [
        f"{name} {words.share(row['share'])} ({words.count(row['cases'])})"
        for name, row in found["channels"].items()
        if name != "of"
    ]
    out.print(f"{say('Kanal', 'Channels')} ({found['channels']['of']}): {', '.join(shares) or '-'}\n")
    table = Table(box=None, header_style="bold")
    for heading in (say("durasi", "duration"), "n", say("rata-rata", "mean"), "median", "p90", say("batas", "limits")):
        table.add_column(heading, justify="right" if heading == "n" else "left")
    for name, row in found["durations"].items():
        limits = ", ".join(
            f"≤ {words.duration(x['limit_s'])}: {words.count(x['within'])}"
            + (f" ({words.share(x['share'], 1)})" if x["share"] is not None else "")
            for x in row["limits"]
        )
        table.add_row(
            name,
            words.count(row["n"]),
            words.duration(row["mean_s"]),
            words.duration(row["median_s"]),
            words.duration(row["p90_s"]),
            limits,
        )
        if net := row.get("net"):
            table.add_row(
                f"{name} ({say('bersih', 'net')})",
                words.count(net["n"]),
                *(words.duration(net[figure]) for figure in ("mean_s", "median_s", "p90_s")),
                say("jam kerja tanpa jeda", "working hours without pauses"),
            )
    out.print(table)
    level = found["open"]
    oldest = level["oldest_open"].astimezone(zone).strftime("%Y-%m-%d %H:%M") if level["oldest_open"] else "-"
    out.print(
        f"\n{say('Terbuka', 'Open')}: {words.count(level['open'])}  "
        f"{say('menunggu', 'waiting')}: {words.count(level['waiting'])}  "
        f"{say('terlama sejak', 'oldest since')}: {oldest}"
    )


def verify(
    context: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs; workers wait meanwhile.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Recompute every figure from the raw events and name each difference; exit 1 if any stays."""
    own: Context = context.obj
    # A pool would try for a while, and say so each time.
    psycopg.connect(own.endpoints().database_url, connect_timeout=5).close()
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task(own.say("Menghitung ulang", "Recomputing"), total=None)

        async def work(mend: bool) -> verifier.Verdict:
            check = verifier.repair if mend else verifier.verify
            async with db.pool(own.endpoints().database_url, size=3, name="verify") as pool:
                return await check(
                    pool, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
                )

        found = run(work(False))
        mended = run(work(True)) if repair and found.differences else None
        left = run(work(False)).differences if mended else found.differences
    if json:
        print_json(
            {
                "commit": found.commit_no,
                "events": found.events,
                "cases": found.cases,
                "differences": [str(d) for d in found.differences],
                "left": [str(d) for d in left],
            }
        )
    else:
        for difference in found.differences:
            out.print(str(difference), markup=False, soft_wrap=True)
        events, cases, commit = (own.number(n) for n in (found.events, found.cases, found.commit_no))
        out.print(
            own.say(
                f"{events} kejadian, {cases} perkara diperiksa pada komit {commit}: {len(found.differences)} perbedaan",
                f"{events} events, {cases} cases checked at commit {commit}: {len(found.differences)} differences",
            )
            + (
                own.say(f", {len(left)} tersisa setelah perbaikan.", f", {len(left)} left after mending.")
                if mended
                else "."
            )
        )
        if left and not repair:
            out.print(own.say("Perbaiki dengan: warroom verify --repair", "Mend with: warroom verify --repair"))
    if left:
        raise typer.Exit(1)
