"""The whole hub on one machine: the stack's servers, a migrated database, streams, a catalogue, and the services."""

import asyncio
import sys
import time
import urllib.request
from pathlib import Path

import nats

from deploy.local.stack import Endpoints, Program, Stack, StackError
from opd_schemas.catalogue import Catalogue
from services import catalogue_store, streams
from services.catalogue import load
from services.sql.runner import migrate

INGEST = "ingest"
AGGREGATOR = "aggregator"
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


def programs(stack: Stack, endpoints: Endpoints, *, aggregators: int = 1) -> list[Program]:
    """The services as supervised programs, each with the least rights that do; workers are numbered from the second."""
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
    ]


def up(state: Path, folder: Path | None, *, aggregators: int = 1) -> Endpoints:
    """Start everything and wait until servers and services answer.

    `folder` holds the catalogue; with None the one in force stays.
    """
    catalogue = load(folder) if folder is not None else None
    stack = Stack(state)
    endpoints = stack.up(applications=list(catalogue.applications()) if catalogue is not None else None)
    prepare(endpoints, catalogue)
    services = programs(stack, endpoints, aggregators=aggregators)
    stack.add_programs(services)
    for service in services:
        _wait_until_well(stack, service)
    return endpoints


def _wait_until_well(stack: Stack, service: Program) -> None:
    """Return once the service says of itself that it keeps up."""
    url = f"http://127.0.0.1:{service.environment['WARROOM_HTTP_PORT']}/healthz"
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise StackError(f"{service.name} is not well ({error}); see {stack.log(service.name)}") from None
            time.sleep(0.05)
