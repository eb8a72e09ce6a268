"""`up`, `down`, `migrate`, `status`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from rich.table import Table

from deploy.local import hub
from deploy.local.stack import Stack
from services.cli.context import Context, nats_connection, out, print_json, run
from services.operator.status import Status, read_status


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(up)
    app.command()(down)
    app.command()(migrate)
    app.command()(status)


def up(
    context: typer.Context,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the catalogue to put into force; default: the one in force, at first a ready one."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Aggregator workers.")] = 1,
) -> None:
    """Start NATS, TimescaleDB and the services; a second `up` goes on with the same data."""
    own: Context = context.obj
    endpoints = hub.up(own.state, catalogue, aggregators=workers)
    out.print(own.say("Hub berjalan.", "The hub runs."))
    database = conninfo_to_dict(endpoints.database_url)
    out.print(f"  {own.say('dinding', 'the wall')}    {hub.preview_url(Stack(own.state))}")
    # Addresses only: either URL may carry a password.
    out.print(f"  NATS       {urlsplit(endpoints.nats_url).netloc.rpartition('@')[2]}")
    out.print(f"  PostgreSQL {database.get('host', '')}:{database.get('port', 5432)}/{database.get('dbname', '')}")
    out.print(f"  {own.say('kata sandi', 'passwords')}: {own.state / 'stack.json'}   log: {own.state / 'log'}")


def down(context: typer.Context) -> None:
    """Stop everything cleanly; the data stays."""
    own: Context = context.obj
    Stack(own.state).down()
    out.print(own.say("Hub berhenti; data tetap tersimpan.", "The hub is stopped; its data stays."))


def migrate(context: typer.Context) -> None:
    """Bring the database's tables, the streams and their consumers to the newest form."""
    own: Context = context.obj
    hub.prepare(own.endpoints(), None)
    out.print(own.say("Basis data dan stream mutakhir.", "Database and streams are up to date."))


def status(context: typer.Context, json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Streams, lag, the books, the quarantine, and when each application was last heard."""
    own: Context = context.obj
    found = run(_read(own))
    if json:
        print_json(found.as_dict())
    else:
        _show(own, found)
    if found.alarms:
        raise typer.Exit(1)


async def _read(own: Context) -> Status:
    endpoints = own.endpoints()
    async with (
        nats_connection(endpoints, "hub-admin") as client,
        await psycopg.AsyncConnection.connect(endpoints.database_url, connect_timeout=5) as connection,
    ):
        return await read_status(client.jetstream(), connection, now=datetime.now(UTC))


_ALARMS = {
    "full": ("hampir penuh; lihat apakah aggregator berjalan", "is nearly full; see whether the aggregator runs"),
    "missing": ("tidak ada; jalankan: warroom migrate", "is missing; run: warroom migrate"),
    "lag": ("kejadian menunggu lebih dari 60 detik", "events have waited for more than 60 seconds"),
}


def _show(own: Context, found: Status) -> None:
    say, number = own.say, own.number
    table = Table(title=say("Aliran", "Streams"), title_justify="left", box=None, header_style="bold")
    for heading in ("stream", say("pesan", "messages"), "MB", say("terisi", "fill"), say("tertunda", "lag")):
        table.add_column(heading, justify="left" if heading == "stream" else "right", no_wrap=True)
    for stream in found.streams:
        table.add_row(
            stream.name,
            number(stream.messages),
            number(stream.bytes / 1e6, 1),
            f"{number(stream.fill * 100, 1)}%",
            number(stream.lag),
        )
    out.print(table)
    books = found.books
    closed = (
        say("[green]pembukuan cocok[/]", "[green]the books close[/]")
        if books.close
        else say("[yellow]belum cocok (ada yang masih diproses?)[/]", "[yellow]not closed (still at work?)[/]")
    )
    out.print(
        f"\n{say('Pembukuan', 'Books')}: {say('diterima', 'accepted')} {number(books.accepted)} = "
        f"{say('dihitung', 'counted')} {number(books.counted)} + "
        f"{say('ganda', 'duplicates')} {number(books.duplicates)} + "
        f"{say('karantina', 'quarantined')} {number(books.quarantined)}   {closed}"
    )
    at = found.committed_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if found.committed_at else "-"
    out.print(f"{say('Komit terakhir', 'Last commit')}: {number(found.commit_no)}  {at}")
    if found.quarantine:
        reasons = ", ".join(f"{reason} {number(n)}" for reason, n in sorted(found.quarantine.items()))
        out.print(f"{say('Karantina terbuka', 'Open quarantine')}: {reasons}   (warroom rejects list)")
    heard = Table(title=say("\nAplikasi", "\nApplications"), title_justify="left", box=None, header_style="bold")
    # Names give way on a narrow screen; times and states do not.
    heard.add_column("OPD", no_wrap=True, overflow="ellipsis", ratio=1)
    heard.add_column(say("aplikasi", "application"), no_wrap=True, overflow="ellipsis", ratio=2)
    heard.add_column(say("terakhir terdengar", "last heard"), no_wrap=True, min_width=19)
    heard.add_column("", no_wrap=True, min_width=6)
    for a in found.applications:
        name = a.name_id if own.lang == "id" else a.name_en
        last = a.heard_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if a.heard_at else say("belum pernah", "never")
        state = say("[yellow]senyap[/]", "[yellow]silent[/]") if a.silent else say("[green]aktif[/]", "[green]live[/]")
        heard.add_row(a.opd, name, last, state)
    out.print(heard)
    for alarm in found.alarms:
        kind, _, what = alarm.partition(":")
        out.print(f"[red bold]{what} {say(*_ALARMS[kind])}[/]")
