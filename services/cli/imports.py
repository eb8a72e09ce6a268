"""`import`: history from a file, along the path of live events."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from deploy.local.state import Endpoints
from opd_schemas import subjects
from services.catalogue import load
from services.cli.catalogue import apply as put_into_force
from services.cli.context import Context, err, nats_connection, out, print_json, run
from services.errors import NotMigrated
from services.importer.send import Progress, Report, check_file, import_file
from services.operator.books import Books, read_books
from services.operator.live import SQL
from services.operator.settle import settle


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("import")(import_)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV (.csv, .csv.gz) or CloudEvents as JSON Lines (.jsonl, .ndjson).")],
    map_: Annotated[Path | None, typer.Option("--map", help="YAML that says what the columns mean.")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="Catalogue to put into force first.")] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Send everything, even what an interrupted run has sent.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Import history; it may be interrupted (it goes on where it was) and repeated (an event counts once)."""
    own: Context = context.obj
    if catalogue is not None:
        # Before anything changes: a file that cannot be read, or a map that does not fit it.
        check_file(file, map_, timezone=load(catalogue).city.timezone)
        put_into_force(own, catalogue)
    endpoints = own.endpoints()
    timezone = _timezone(endpoints)
    with Bar(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[waiting]}"), console=err, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task(own.say("Mengirim (byte)", "Sending (bytes)"), total=None, waiting="")

        def on_progress(at: Progress) -> None:
            bar.update(task, completed=at.done_bytes, total=at.total_bytes, waiting=at.waiting)

        async def work() -> tuple[Report, Books]:
            async with (
                nats_connection(endpoints, "hub-admin") as client,
                await psycopg.AsyncConnection.connect(endpoints.database_url, connect_timeout=5) as connection,
            ):
                js = client.jetstream()
                after = (await js.stream_info(subjects.INBOX)).state.last_seq
                report = await import_file(
                    file,
                    map_,
                    nats_url=endpoints.nats_url_for("importer"),
                    timezone=timezone,
                    progress_folder=own.state / "import",
                    on_progress=on_progress,
                    from_start=from_start,
                )
                bar.update(task, description=own.say("Menunggu pencatatan", "Waiting for the commit"))
                await settle(js)
                return report, await read_books(js, connection, after=after)

        report, books = run(work())
    if json:
        print_json({**asdict(report), "books": books.as_dict()})
    else:
        _show(own, report, books)


def _timezone(endpoints: Endpoints) -> str:
    with psycopg.connect(endpoints.database_url, connect_timeout=5) as connection:
        row = connection.execute(SQL["city"]).fetchone()
    if row is None:
        raise NotMigrated("The city's catalogue")
    return str(row[1])


def _show(own: Context, report: Report, books: Books) -> None:
    say, number = own.say, own.number
    if report.resumed_at is not None:
        out.print(f"{say('Dilanjutkan setelah baris', 'Went on behind line')} {number(report.resumed_at)}.")
    out.print(
        f"{number(report.read)} {say('baris dibaca', 'rows read')}, {number(report.sent)} {say('dikirim', 'sent')}, "
        f"{number(report.read - report.sent)} {say('dilewati', 'skipped')}."
    )
    if report.skipped:
        table = Table(box=None, header_style="bold")
        for heading in (say("dilewati karena", "skipped because"), say("baris", "rows"), say("pertama", "first"), ""):
            table.add_column(heading, no_wrap=True, justify="left")
        for reason, skipped in sorted(report.skipped.items(), key=lambda item: -item[1].count):
            table.add_row(reason, number(skipped.count), number(skipped.first_line), (skipped.example or "")[:60])
        out.print(table)
    out.print(
        say(
            f"Sejak impor dimulai, semua pengirim bersama: dihitung {number(books.counted)}, "
            f"sudah pernah {number(books.duplicates)}, dikarantina {number(books.quarantined)}.",
            f"Since the import began, all publishers together: counted {number(books.counted)}, "
            f"counted before {number(books.duplicates)}, quarantined {number(books.quarantined)}.",
        )
    )
    if books.quarantined:
        out.print(say("Lihat: warroom rejects list", "See: warroom rejects list"))
