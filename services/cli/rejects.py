"""`rejects list | show | replay`."""

from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.progress import track
from rich.table import Table

from services.cli.context import Context, err, nats_connection, out, print_json, run
from services.errors import CannotReplay
from services.operator import quarantine

app = typer.Typer(no_args_is_help=True, help="Karantina: kejadian yang ditolak / the events that were refused.")
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as unknown_unit.")]
Opd = Annotated[str | None, typer.Option(help="Only this agency.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Number = Annotated[int, typer.Argument(help="Its number, as `rejects list` shows it.")]


@app.command("list")
def list_(
    context: typer.Context,
    reason: Reason = None,
    opd: Opd = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those counted or replayed since.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    json: Json = False,
) -> None:
    """The newest refused events."""
    own: Context = context.obj

    async def work() -> list[quarantine.RejectLine]:
        async with await psycopg.AsyncConnection.connect(own.endpoints().database_url, connect_timeout=5) as connection:
            return await quarantine.find(connection, reason=reason, opd=opd, everything=everything, limit=limit)

    found = run(work())
    if json:
        print_json(found)
        return
    if not found:
        out.print(own.say("Karantina kosong.", "The quarantine is empty."))
        return
    table = Table(box=None, header_style="bold")
    say = own.say
    # Texts give way on a narrow screen; the number, by which an event is called, never does.
    table.add_column("no", no_wrap=True, justify="right", min_width=max(len(str(r.inbox_seq)) for r in found))
    table.add_column(say("diterima", "received"), no_wrap=True, min_width=14)
    for heading in (say("alasan", "reason"), say("kolom", "field"), "OPD/app", "id"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", ratio=1)
    for r in found:
        table.add_row(
            str(r.inbox_seq),
            r.received_at.astimezone().strftime("%m-%d %H:%M:%S"),
            r.reason,
            r.field,
            f"{r.opd or '-'}/{r.app or '-'}",
            r.event_id or "-",
        )
    out.print(table)
    out.print(say("\nLihat satu: warroom rejects show NO", "\nLook at one: warroom rejects show NO"))


@app.command()
def show(context: typer.Context, number: Number, json: Json = False) -> None:
    """One refused event: why, where it came from, and its payload with personal data masked.

    Numbers begin anew with a new INBOX; then this is the newest of that number.
    """
    own: Context = context.obj

    async def work() -> quarantine.Reject:
        async with await psycopg.AsyncConnection.connect(own.endpoints().database_url, connect_timeout=5) as connection:
            return await quarantine.show(connection, number)

    found = run(work())
    if json:
        print_json(found)
        return
    say = own.say
    out.print(f"[bold]{found.reason}[/]  {say('kolom', 'field')}: {found.field or '-'}", markup=True)
    out.print(found.detail, markup=False)
    out.print(f"{say('subjek', 'subject')} {found.subject}   id {found.event_id or '-'}", markup=False)
    out.print(f"{say('diterima', 'received')} {found.received_at.astimezone():%Y-%m-%d %H:%M:%S}   {found.standing}")
    out.print(quarantine.pretty(found.payload), markup=False)


@app.command()
def replay(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(help="Its number; or none with --all.")] = None,
    payload: Annotated[Path | None, typer.Option(help="File with the mended event (JSON).")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one, after the catalogue was mended.")] = False,
    reason: Reason = None,
    opd: Opd = None,
) -> None:
    """Send refused events again, the way of every event; what was counted before never counts twice."""
    own: Context = context.obj
    if (number is None) != everything:
        raise typer.BadParameter("give the number of one event, or --all")
    if payload is not None and everything:
        raise typer.BadParameter("--payload mends one event; give its number")
    if payload is not None and not payload.is_file():
        raise typer.BadParameter(f"{payload} is no file")

    async def work() -> tuple[int, int]:
        endpoints = own.endpoints()
        sent = failed = 0
        async with (
            nats_connection(endpoints, "hub-admin") as client,
            await psycopg.AsyncConnection.connect(endpoints.database_url, connect_timeout=5) as connection,
        ):
            if number is not None:
                mended = payload.read_bytes() if payload else None
                await quarantine.replay(client, connection, number, mended=mended)
                return 1, 0
            numbers = await quarantine.open_ones(connection, reason=reason, opd=opd)
            for created, seq in track(numbers, own.say("Mengirim ulang", "Replaying"), console=err, transient=True):
                try:
                    await quarantine.replay(client, connection, seq, created=created)
                    sent += 1
                except CannotReplay as why:
                    failed += 1
                    err.print(str(why), markup=False)
        return sent, failed

    sent, failed = run(work())
    out.print(
        own.say(
            f"{sent} dikirim ulang, {failed} tidak. Hasilnya: warroom status",
            f"{sent} sent again, {failed} not. See what became of them: warroom status",
        )
    )
