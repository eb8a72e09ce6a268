"""The servers that everything is measured on: the embedded stack in a folder of its own, and a clean start of each run.

INBOX is filled once and only read; what a run writes (EVENTS, REJECTS, the database, the durables) is made anew.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import nats
import psycopg
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError
from psycopg import sql

from deploy.local import hub
from deploy.local.stack import Endpoints, Stack
from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from services import catalogue_store, streams
from services.sql.runner import migrate

ADMIN = "hub-admin"
SERVICES = (hub.INGEST, hub.AGGREGATOR)
_PENDING = 4000


@dataclass(frozen=True)
class Machine:
    """One embedded stack and where its parts are."""

    stack: Stack
    endpoints: Endpoints
    catalogue: Catalogue

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Client]:
        """A connection to NATS that may do everything."""
        client = await nats.connect(self.endpoints.nats_url_for(ADMIN))
        try:
            yield client
        finally:
            await client.close()

    def new_database(self) -> None:
        """An empty database with the catalogue in force; what is dirty in memory is written out first."""
        assert self.endpoints.superuser_url is not None
        name = psycopg.conninfo.conninfo_to_dict(self.endpoints.database_url)["dbname"]
        with psycopg.connect(self.endpoints.superuser_url, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))))
            create = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(create.format(sql.Identifier(str(name)), sql.Identifier("warroom_owner")))
            connection.execute("CHECKPOINT")
        migrate(self.endpoints.database_url)
        catalogue_store.apply(self.endpoints.database_url, self.catalogue)

    async def new_streams(self, *, keep_inbox: bool) -> None:
        """Empty streams and durables that begin at the first message."""
        async with self.admin() as client:
            js = client.jetstream()
            for stream in (*([] if keep_inbox else [subjects.INBOX]), subjects.EVENTS, subjects.REJECTS):
                await _gone(js.delete_stream(stream))
            if keep_inbox:
                await _gone(js.delete_consumer(subjects.INBOX, subjects.INGEST_DURABLE))
            await streams.declare(js)

    async def fill_inbox(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Store `messages` in an INBOX that was empty."""
        async with self.admin() as client:
            js = client.jetstream(publish_async_max_pending=_PENDING)
            for subject, body in messages:
                await js.publish_async(subject, body)
            await js.publish_async_completed()
            stored = (await js.stream_info(subjects.INBOX)).state.messages
        assert stored == len(messages), f"INBOX holds {stored} of {len(messages)} messages"

    async def start_services(self) -> None:
        """Ingest and one aggregator, connected and waiting."""
        await asyncio.to_thread(self.stack.add_programs, hub.programs(self.stack, self.endpoints))
        async with self.admin() as client:
            js = client.jetstream()
            deadline = time.monotonic() + 30
            waiting = [(subjects.INBOX, subjects.INGEST_DURABLE), (subjects.EVENTS, subjects.AGGREGATOR_DURABLE)]
            while waiting:
                if (await js.consumer_info(*waiting[0])).num_waiting:
                    waiting.pop(0)
                elif time.monotonic() > deadline:
                    raise TimeoutError(f"{waiting[0][1]} does not fetch; see {self.stack.log(waiting[0][1])}")
                else:
                    await asyncio.sleep(0.1)

    def stop_services(self) -> None:
        """End both; the servers stay."""
        for service in SERVICES:
            self.stack.stop(service)

    async def hold_ingest(self, *, hold: bool) -> None:
        """While held, INBOX gives nothing to ingest, however it asks: its durable wants what nobody publishes.

        Not by pausing: requests that came during a pause are served only when they are renewed, seconds later.
        """
        ((_, durable),) = [each for each in streams.CONSUMERS if each[1].durable_name == subjects.INGEST_DURABLE]
        wanted = f"{subjects.LIVE_PREFIX}.nobody" if hold else None
        async with self.admin() as client:
            await client.jetstream().add_consumer(subjects.INBOX, durable.evolve(filter_subject=wanted))


async def _gone(deletion: object) -> None:
    try:
        await deletion  # type: ignore[misc]
    except NotFoundError:
        pass


@contextmanager
def machine(catalogue: Catalogue) -> Iterator[Machine]:
    """A stack of its own for this run; it and its data are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="warroom-bench-"))
    stack = Stack(folder, environment={})
    try:
        endpoints = stack.up(applications=list(catalogue.applications()))
        yield Machine(stack, endpoints, catalogue)
    finally:
        stack.down()
        shutil.rmtree(folder)
