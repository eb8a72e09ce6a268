"""`demo`: the whole hub with a simulated city, live in the terminal; ends well only if the books close."""

import asyncio
import signal
import time
from collections import deque
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import typer
from nats.aio.client import Client
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.live import Live as Screen
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from deploy.local import hub
from deploy.local.stack import Stack, StackError
from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from services.catalogue import load
from services.cli.context import Context, err, nats_connection, out
from services.cli.simulate import Duration, Rate, Seed, Speed
from services.operator.books import Books, read_books
from services.operator.live import Live, city, newest_batch, read_live
from services.operator.settle import settle
from simulator.run import Counts, run

#: Fewer events than this prove little.
LEAST_EVENTS = 10_000
#: Seconds over which latency and speed are shown.
_RECENT_S = 15
_PLAIN_EVERY_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(demo)


@dataclass(frozen=True)
class Ending:
    """What a run came to: its books, late events, and latency over the whole run in milliseconds."""

    books: Books
    late: int
    p50_ms: float | None
    p99_ms: float | None
    seconds: float
    failed: int

    def shortfalls(self, own: Context) -> list[str]:
        """Why the run proves nothing or proves us wrong; empty if all is well."""
        books, say = self.books, own.say
        found = []
        if not books.close:
            found.append(say("pembukuan tidak cocok", "the books do not close"))
        if books.accepted < LEAST_EVENTS:
            found.append(
                say(
                    f"kurang dari {own.number(LEAST_EVENTS)} kejadian; jalankan lebih lama",
                    f"fewer than {own.number(LEAST_EVENTS)} events; run longer",
                )
            )
        for name, n in (
            (say("kejadian ganda", "duplicates"), books.duplicates),
            (say("kejadian dikarantina", "quarantined events"), books.quarantined),
            (say("kejadian terlambat", "late events"), self.late),
        ):
            if n == 0:
                found.append(say(f"tidak ada {name}; jalankan lebih lama", f"no {name}; run longer"))
        if self.failed:
            found.append(say(f"{self.failed} tidak terkonfirmasi", f"{self.failed} never confirmed"))
        return found


def demo(
    context: typer.Context, duration: Duration = None, rate: Rate = 250.0, speed: Speed = 60.0, seed: Seed = 1
) -> None:
    """Start everything, play a city and watch it live; afterwards a summary, and exit 0 only if the books close."""
    own: Context = context.obj
    stack = Stack(own.state)
    was_running = stack.is_running()
    began = time.monotonic()
    err.print(own.say("Menyiapkan hub…", "Setting up the hub…"))
    endpoints = hub.up(own.state, None)
    wall = hub.preview_url(stack)
    err.print(own.say(f"Dinding kota di peramban: {wall}", f"The city wall in a browser: {wall}"))
    try:
        catalogue = _ready_city(endpoints.database_url)
        ending = asyncio.run(_play(own, catalogue, duration=duration, rate=rate, speed=speed, seed=seed, began=began))
    finally:
        if not was_running:
            stack.down()
    shortfalls = _summarise(own, ending)
    if shortfalls:
        raise typer.Exit(1)


def _ready_city(database_url: str) -> Catalogue:
    """The catalogue in force, which must be that of the ready city: invented events have no place in a real one."""
    found, sample = hub.in_force(database_url), load(hub.SAMPLE)

    def mark(catalogue: Catalogue) -> tuple[str, set[str]]:
        return catalogue.city.name, {agency.opd for agency in catalogue.agencies}

    if found is None or mark(found) != mark(sample):
        raise StackError(
            f"the demo plays the ready city ({sample.city.name}), and this hub holds another;"
            " use a folder of its own: warroom --state DIR demo"
        )
    return found


async def _play(
    own: Context,
    catalogue: Catalogue,
    *,
    duration: float | None,
    rate: float,
    speed: float,
    seed: int,
    began: float,
) -> Ending:
    endpoints = own.endpoints()
    counts = Counts()

    def report(newest: Counts) -> None:
        nonlocal counts
        counts = newest

    async with (
        nats_connection(endpoints, "hub-admin") as client,
        await psycopg.AsyncConnection.connect(endpoints.database_url, connect_timeout=5) as connection,
    ):
        js = client.jetstream()
        await settle(js)
        first_batch = await newest_batch(connection)
        after = (await js.stream_info(subjects.INBOX)).state.last_seq
        playing = asyncio.create_task(
            run(
                catalogue,
                lambda opd, app: endpoints.nats_url_for(f"app-{opd}-{app}"),
                seed=seed,
                rate=rate,
                duration=duration,
                speed=speed,
                report=report,
            )
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, playing.cancel)
        started = time.monotonic()
        watching = asyncio.create_task(
            _watch(own, client, connection, first_batch, began=began, duration=duration, rate=rate, speed=speed)
        )
        with suppress(asyncio.CancelledError):
            counts = await playing
        seconds = time.monotonic() - started
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        err.print(own.say("Menunggu semua tercatat…", "Waiting until everything is committed…"))
        await settle(js)
        await connection.rollback()
        books = await read_books(js, connection, after=after)
        _, zone = await city(connection)
        last = await read_live(connection, since_batch=first_batch, now=datetime.now(UTC), zone=zone, top=1)
    return Ending(books, last.late, last.p50_ms, last.p99_ms, seconds, counts.failed)


async def _watch(
    own: Context,
    client: Client,
    connection: psycopg.AsyncConnection[tuple[object, ...]],
    first_batch: int,
    *,
    began: float,
    duration: float | None,
    rate: float,
    speed: float,
) -> None:
    """Draw once a second; where nobody looks at a terminal, a line every few seconds."""
    js = client.jetstream()
    name, zone = await city(connection)
    marks: deque[tuple[float, int, int]] = deque(maxlen=_RECENT_S)
    started = time.monotonic()
    first_figure: float | None = None
    told = 0.0
    with Screen(console=out, auto_refresh=False, transient=True) if out.is_terminal else nullcontext() as screen:
        while True:
            now = time.monotonic()
            accepted = (await js.stream_info(subjects.INBOX)).state.last_seq
            since = marks[0][2] if marks else first_batch
            live = await read_live(connection, since_batch=since, now=datetime.now(UTC), zone=zone, top=10)
            marks.append((now, accepted, await newest_batch(connection)))
            await connection.rollback()
            first, *_, last = (*marks, marks[-1])
            per_second = (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0
            if first_figure is None and (live.waiting or live.visits_today):
                first_figure = now - began
                if screen is None:
                    err.print(f"{own.say('Angka pertama', 'First figure')} {_span(own, first_figure, 1)}")
            left = None if duration is None else max(0.0, duration - (now - started))
            if screen is not None:
                screen.update(_draw(own, name, live, per_second, left, speed=speed), refresh=True)
            elif now - told >= _PLAIN_EVERY_S:
                told = now
                out.print(_line(own, live, per_second))
            await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - now)))


def _ms(own: Context, value: float | None) -> str:
    return "-" if value is None else f"{own.number(value)} ms"


def _span(own: Context, seconds: float | None, decimals: int = 0) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{own.number(seconds, decimals)} {own.say('dtk', 's')}"
    return f"{own.number(seconds / 60, 1)} {own.say('mnt', 'min')}"


def _line(own: Context, live: Live, per_second: float) -> str:
    say, number = own.say, own.number
    return (
        f"{say('menunggu', 'waiting')} {number(live.waiting)}  "
        f"{say('izin terbuka', 'permits open')} {number(live.permits_open)}  "
        f"{say('kunjungan hari ini', 'visits today')} {number(live.visits_today)}  "
        f"{number(per_second)} {say('kejadian/dtk', 'events/s')}  p99 {_ms(own, live.p99_ms)}"
    )


def _draw(
    own: Context, name: str, live: Live, per_second: float, left: float | None, *, speed: float
) -> RenderableType:
    say = own.say
    now = datetime.now(UTC)
    tiles = Columns(
        [
            Panel(Text(value, style="bold", justify="center"), title=title, width=19)
            for title, value in (
                (say("menunggu", "waiting"), own.number(live.waiting)),
                (say("izin terbuka", "permits open"), own.number(live.permits_open)),
                (say("kunjungan", "visits"), own.number(live.visits_today)),
                (say("kejadian/dtk", "events/s"), own.number(per_second)),
                (say("latensi p99", "latency p99"), _ms(own, live.p99_ms)),
            )
        ]
    )
    table = Table(box=None, header_style="bold", expand=False)
    table.add_column(say("layanan", "service"), no_wrap=True, min_width=38, max_width=44)
    table.add_column("OPD", no_wrap=True, max_width=18)
    for heading in (say("menunggu", "waiting"), say("terlama", "oldest"), say("tunggu p90", "p90 wait"), "n"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=9)
    for service in live.services:
        oldest = None if service.oldest is None else max(timedelta(0), now - service.oldest).total_seconds()
        table.add_row(
            service.name_id if own.lang == "id" else service.name_en,
            service.opd,
            own.number(service.waiting),
            _span(own, oldest),
            _span(own, service.p90_s),
            own.number(service.called),
        )
    note = say(
        f"Kota simulasi, {speed:.0f}x lebih cepat: tunggu 10 menit tampil sebagai {600 / speed:.0f} dtk.",
        f"A simulated city at {speed:.0f}x: a wait of 10 minutes shows as {600 / speed:.0f} s.",
    )
    ends = "" if left is None else say(f"  selesai dalam {left:.0f} dtk", f"  ends in {left:.0f} s")
    stop = say("Ctrl-C: selesai", "Ctrl-C: end") if left is None else ""
    return Group(
        Text(f"{name}  {now.astimezone():%H:%M:%S}{ends}  {stop}", style="bold"), tiles, table, Text(note, style="dim")
    )


def _summarise(own: Context, ending: Ending) -> list[str]:
    say, number, books = own.say, own.number, ending.books
    table = Table(title=say("Ringkasan", "Summary"), title_justify="left", box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for label, value in (
        (say("diterima", "accepted"), number(books.accepted)),
        (say("dihitung", "counted"), number(books.counted)),
        (say("ganda, diabaikan", "duplicates ignored"), number(books.duplicates)),
        (say("dikarantina", "quarantined"), number(books.quarantined)),
        (say("terlambat (tetap dihitung)", "late (counted all the same)"), number(ending.late)),
        (say("kejadian per detik", "events a second"), number(books.accepted / ending.seconds)),
        (say("latensi diterima-tercatat p50", "latency accepted-committed p50"), _ms(own, ending.p50_ms)),
        (say("latensi diterima-tercatat p99", "latency accepted-committed p99"), _ms(own, ending.p99_ms)),
    ):
        table.add_row(label, value)
    out.print(table)
    if books.close:
        out.print(
            f"[green]{say('Pembukuan cocok', 'The books close')}:[/] {number(books.accepted)} = "
            f"{number(books.counted)} + {number(books.duplicates)} + {number(books.quarantined)}"
        )
    shortfalls = ending.shortfalls(own)
    for shortfall in shortfalls:
        out.print(f"[red]{shortfall}[/]")
    return shortfalls
