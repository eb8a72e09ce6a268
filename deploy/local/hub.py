"""The whole hub on one machine: the stack's servers, a migrated database, streams, a catalogue, and the services."""

import asyncio
import hashlib
import shutil
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import nats
import psycopg

from deploy.local.stack import Endpoints, Program, Stack, StackError
from deploy.local.state import Memory
from deploy.local.supervise import Supervisor
from opd_schemas.catalogue import Catalogue
from services import catalogue_store, db, streams
from services.aggregator.rewrite import rewrite
from services.catalogue import load
from services.sql.runner import migrate

INGEST = "ingest"
AGGREGATOR = "aggregator"
PREVIEW = "preview"
#: The ready city, for a hub that has no catalogue yet.
SAMPLE = Path("schemas/catalogue")
#: Seconds for a service to start on a busy machine.
_PATIENCE_S = 60.0


async def declare_streams(nats_url: str) -> list[str]:
    """Create or update the streams and consumers as the hub's administrator; returns the streams created."""
    connection = await nats.connect(nats_url, connect_timeout=5, max_reconnect_attempts=3)
    try:
        return await streams.declare(connection.jetstream())
    finally:
        await connection.close()


def prepare(endpoints: Endpoints, catalogue: Catalogue | None) -> None:
    """Bring database and broker to the newest form, and put the catalogue into force where one is given."""
    migrate(endpoints.database_url)
    asyncio.run(declare_streams(endpoints.nats_url_for("hub-admin")))
    if catalogue is not None:
        catalogue_store.apply(endpoints.database_url, catalogue)
    if in_force(endpoints.database_url) is not None:
        # Also without a new catalogue: a new release may read cases otherwise, and an earlier start may have been cut.
        asyncio.run(_rewrite(endpoints.database_url))


async def _rewrite(database_url: str) -> None:
    async with db.pool(database_url, size=3, name="rewrite") as pool:
        await rewrite(pool)


def in_force(database_url: str) -> Catalogue | None:
    """The catalogue in force; None in a database that never had one."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute(catalogue_store.SQL["newest"]).fetchone()
    return Catalogue.model_validate(row[1]) if row else None


def programs(
    stack: Stack, endpoints: Endpoints, *, aggregators: int = 1, dashboards: Path | None = None
) -> list[Program]:
    """The services as supervised programs, each with the least rights that do; workers are numbered from the second.

    `dashboards` is the folder that the preview shows; None are those of the ready city.
    """
    workers = [f"{AGGREGATOR}-{number}" if number > 1 else AGGREGATOR for number in range(1, aggregators + 1)]
    return [
        Program(
            name,
            [sys.executable, "-m", f"services.{service}"],
            {
                "WARROOM_NATS_URL": endpoints.nats_url_for(service),
                "WARROOM_DATABASE_URL": endpoints.database_url_for(f"hub_{service}"),
                "WARROOM_HTTP_PORT": str(stack.port(name)),
            },
        )
        for name, service in [(INGEST, INGEST), *((worker, AGGREGATOR) for worker in workers)]
    ] + [
        # What Grafana would show, for whoever has none at hand; it reads, and nothing else.
        Program(
            PREVIEW,
            [sys.executable, "-m", "dashboards.preview"],
            {
                "WARROOM_NATS_URL": endpoints.nats_url_for("viewer"),
                "WARROOM_DATABASE_URL": endpoints.database_url_for("grafana_reader"),
                "WARROOM_HTTP_PORT": str(stack.port(PREVIEW)),
                **({"WARROOM_DASHBOARDS": str(dashboards)} if dashboards is not None else {}),
            },
        )
    ]


def write_dashboards(state: Path, catalogue: Catalogue) -> Path:
    """Write the dashboards of a catalogue beside the stack's data.

    The folder has another name for another catalogue: so a preview that shows the last one is started anew.
    """
    # It takes a good part of a second, which only `up` need pay.
    from dashboards.build import write

    folder = (state / "dashboards" / hashlib.sha256(catalogue.model_dump_json().encode()).hexdigest()[:12]).resolve()
    write(catalogue, folder)
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other)
    return folder


def preview_url(stack: Stack) -> str:
    """Where the wall is shown on this machine."""
    return f"http://127.0.0.1:{stack.port(PREVIEW)}/"


def up(state: Path, folder: Path | None, *, aggregators: int = 1) -> Endpoints:
    """Start everything and wait until servers and services answer.

    `folder` holds the catalogue; with None the one in force stays, and a hub that has none gets the ready city.
    """
    catalogue = load(folder) if folder is not None else None
    stack = Stack(state)
    endpoints = stack.up()
    prepare(endpoints, catalogue)
    stored = in_force(endpoints.database_url)
    if stored is None:
        stored = load(SAMPLE)
        prepare(endpoints, stored)
    # Only now: a catalogue that the database refuses must not change who may publish.
    endpoints = stack.reconfigure(list(stored.applications()))
    shown = write_dashboards(state, stored)
    services = programs(stack, endpoints, aggregators=aggregators, dashboards=shown)
    stack.add_programs(services)
    _stop_surplus(stack, {service.name for service in services})
    for service in services:
        wait_until_up(stack, service)
    return endpoints


def _stop_surplus(stack: Stack, wanted: set[str]) -> None:
    """Stop the workers that an earlier `up` had and this one has not."""
    running = Supervisor(stack.state, Memory.read(stack.state / "memory.json")).names()
    for name in running - wanted:
        if name.startswith(f"{AGGREGATOR}-"):
            stack.stop(name)


def wait_until_up(stack: Stack, service: Program) -> None:
    """Return once the service answers for its health, which it does when it has begun to take messages."""
    url = f"http://127.0.0.1:{service.environment['WARROOM_HTTP_PORT']}/healthz"
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except HTTPError:
            # It is up and says so itself; after an outage it may have to catch up first.
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise StackError(f"{service.name} is not well ({error}); see {stack.log(service.name)}") from None
            time.sleep(0.05)
