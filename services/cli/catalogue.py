"""`catalogue check | apply`."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.local.stack import Stack
from opd_schemas import subjects
from services import catalogue_store
from services.catalogue import load
from services.cli.context import Context, nats_connection, out, run

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


@app.command("apply")
def apply_command(context: typer.Context, folder: Folder) -> None:
    """Put a catalogue into force: a new version in the database; the services take it over at once."""
    own: Context = context.obj
    applied = apply(own, folder)
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


def apply(own: Context, folder: Path) -> catalogue_store.Applied:
    """Load the folder, store it, then give its applications their accounts, and tell the services."""
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

    run(announce())
    return applied
