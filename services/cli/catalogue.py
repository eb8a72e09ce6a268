"""`catalogue check | diff | apply`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import psycopg
import typer
from rich.markup import escape
from rich.progress import Progress

from deploy.local.stack import Stack
from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from services import catalogue_diff, catalogue_store, db
from services.aggregator import rewrite
from services.catalogue import load
from services.catalogue_diff import Change
from services.cli.context import Context, err, nats_connection, out, print_json, run

app = typer.Typer(no_args_is_help=True, help="Katalog kota: OPD, aplikasi, unit, layanan / the city's register.")
Folder = Annotated[Path, typer.Argument(help="Folder with city.yaml and agencies.")]


@app.command()
def check(context: typer.Context, folder: Folder) -> None:
    """Say what is wrong with a catalogue's files, each fault on one line; changes nothing."""
    own: Context = context.obj
    found = load(folder)
    apps, units = len(list(found.applications())), sum(len(agency.units) for agency in found.agencies)
    out.print(
        own.say(
            f"{folder}: benar. {len(found.agencies)} OPD, {apps} aplikasi, {units} unit.",
            f"{folder}: sound. {len(found.agencies)} agencies, {apps} applications, {units} units.",
        )
    )


@app.command()
def diff(
    context: typer.Context,
    folder: Folder,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """What applying a folder would change, and what would be counted anew; changes nothing."""
    own: Context = context.obj
    found = compare(own.endpoints().database_url, load(folder))
    if json:
        print_json(found)
    else:
        _show_difference(own, found)


def compare(url: str, written: Catalogue) -> dict[str, Any]:
    """As plain data: the version in force, the changes, (kind, opd) with the number of cases that would be rewritten,
    and the KPIs whose figure would be new.
    """
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.read_only = True
        newest = connection.execute(catalogue_store.SQL["newest"]).fetchone()
        version, document = newest or (None, {})
        new = catalogue_store.with_holidays(connection, written, document)
        changes = catalogue_diff.changes(document, new.model_dump(mode="json"))
        stored = connection.execute(rewrite.SQL["agencies"]).fetchall()
        old = Catalogue.model_validate(document) if newest else None
        follows = catalogue_diff.consequences(old, new, [(kind, opd) for kind, opd in stored])
        rewritten = []
        for kind, opd in follows.rewritten:
            extent = connection.execute(rewrite.SQL["extent"], (kind, opd)).fetchone()
            assert extent is not None  # noqa: S101 - an aggregate always gives a row
            rewritten.append({"kind": kind, "opd": opd, "cases": extent[1]})
    return {
        "in_force": version,
        "changes": [asdict(change) for change in changes],
        "rewritten": rewritten,
        "new_figures": follows.new_figures,
    }


_SIGNS = {"added": "[green]+[/]", "removed": "[red]-[/]", "changed": "[yellow]~[/]"}
#: So many entries of a list are told.
_TOLD = 6


def _show_difference(own: Context, found: Mapping[str, Any]) -> None:
    say = own.say
    groups = {
        "city": say("Kota", "City"),
        "agencies": say("OPD", "Agencies"),
        "units": "Unit" if own.lang == "id" else "Units",
        "services": say("Layanan", "Services"),
        "apps": say("Aplikasi", "Applications"),
        "calendars": say("Kalender", "Calendars"),
        "limits": say("Batas", "Limits"),
        "kpis": say("KPI", "KPIs"),
    }
    version = found["in_force"]
    if version is None:
        out.print(say("Belum ada katalog yang berlaku.", "No catalogue is in force yet."))
    elif not found["changes"]:
        out.print(say(f"Tidak ada perbedaan dengan versi {version}.", f"No difference from version {version}."))
    else:
        out.print(say(f"Dibandingkan dengan versi {version}:", f"Compared with version {version}:"))
    changes = [Change(**change) for change in found["changes"]]
    for group, title in groups.items():
        if its := [change for change in changes if change.group == group]:
            out.print(f"[bold]{title}[/]")
            for change in its:
                out.print(f"  {_SIGNS[change.sign]} {escape(_line(own, change))}", soft_wrap=True)
    if found["rewritten"]:
        out.print(f"[bold]{say('Perkara yang ditulis ulang', 'Cases that would be rewritten')}[/]")
        for each in found["rewritten"]:
            out.print(f"  {each['kind']} {each['opd']}: {own.number(each['cases'])}", soft_wrap=True)
    if found["new_figures"]:
        title = say("KPI dengan hitungan baru", "KPIs with a new figure")
        out.print(f"[bold]{title}[/] ({len(found['new_figures'])})")
        for name in found["new_figures"]:
            out.print(f"  {name}", soft_wrap=True)


def _line(own: Context, change: Change) -> str:
    if change.sign != "changed":
        name = (change.new or change.old).get("name")
        return f"{change.key}  {name[own.lang.value]}" if isinstance(name, Mapping) else change.key
    where = ".".join(part for part in (change.key, change.path) if part)
    if change.path.rpartition(".")[2] == "order":
        return f"{where}: {own.say('urutan berubah', 'in another order')}"
    if isinstance(change.old, list) and isinstance(change.new, list):
        return " ".join([f"{where}:", *_listed("-", change.old), *_listed("+", change.new)])
    return f"{where}: {_value(own, change.old)} -> {_value(own, change.new)}"


def _listed(sign: str, values: list[Any]) -> list[str]:
    told = [f"{sign}{_text(value)}" for value in values[:_TOLD]]
    return told + ([f"{sign}… ({len(values)})"] if len(values) > _TOLD else [])


def _value(own: Context, value: Any) -> str:
    return own.say("(kosong)", "(none)") if value is None else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@app.command("apply")
def apply_command(context: typer.Context, folder: Folder) -> None:
    """Put a catalogue into force, at once for all services; then bring what is stored in step with it.

    The second part may be broken off; the next `apply` goes on with it.
    """
    own: Context = context.obj
    applied, rewritten = apply(own, folder)
    version = applied.version
    if applied.changed:
        out.print(own.say(f"Katalog versi {version} berlaku.", f"Catalogue version {version} is in force."))
    else:
        out.print(
            own.say(
                f"Tidak ada perubahan; versi {version} tetap berlaku.",
                f"Nothing changed; version {version} stays in force.",
            )
        )
    cases, figures = own.number(rewritten.cases), own.number(rewritten.figures)
    out.print(
        own.say(
            f"{cases} perkara ditulis ulang, {figures} hitungan KPI diselesaikan.",
            f"{cases} cases rewritten, {figures} figures of KPIs counted.",
        )
    )


def apply(own: Context, folder: Path) -> tuple[catalogue_store.Applied, rewrite.Rewritten]:
    """Load the folder, store it, then give its applications their accounts, tell the services, and bring what is
    stored in step with it.
    """
    catalogue = load(folder)
    endpoints = own.endpoints()
    applied = catalogue_store.apply(endpoints.database_url, catalogue)
    if endpoints.nats_users:
        # The embedded broker knows each application by name; elsewhere accounts are the operator's.
        endpoints = Stack(own.state).reconfigure(list(catalogue.applications()))

    async def announce() -> None:
        async with nats_connection(endpoints, "hub-admin") as client:
            await client.publish(subjects.CATALOGUE_CHANGED, b"{}")
            await client.flush(timeout=5)

    try:
        run(announce())
    finally:
        # Whether the services heard of it at once or look for themselves, the figures must follow.
        rewritten = bring_in_step(own)
    return applied, rewritten


def bring_in_step(own: Context) -> rewrite.Rewritten:
    """Rewrite and count what lags behind the catalogue in force, and what an earlier call left undone."""
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task(own.say("Menyesuaikan data tersimpan", "Bringing what is stored in step"), total=None)

        async def work() -> rewrite.Rewritten:
            async with db.pool(own.endpoints().database_url, size=3, name="rewrite") as pool:
                return await rewrite.rewrite(
                    pool, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
                )

        return run(work())
