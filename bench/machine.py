"""The servers that everything is measured on: the embedded stack in a folder of its own, and a clean start of each run.

INBOX is filled once and only read; what a run writes (EVENTS, REJECTS, the database, the durables) is made anew.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import nats
import psycopg
from nats.aio.client import Client
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

    async def start_services(self) -> float:
        """Start one aggregator, and once it waits for work, ingest; returns the moment (time.time) ingest begins.

        That is when INBOX hands out its first message, or, while INBOX is empty, when ingest waits for one.
        """
        async with self.admin() as client:
            js = client.jetstream()

            async def pulls(service: str, stream: str, durable: str) -> float:
                programs = hub.programs(self.stack, self.endpoints)
                await asyncio.to_thread(self.stack.add_programs, [each for each in programs if each.name == service])
                deadline = time.monotonic() + 30
                while time.monotonic() < deadline:
                    info = await js.consumer_info(stream, durable)
                    if info.num_waiting or (info.delivered and info.delivered.stream_seq):
                        return time.time()
                    await asyncio.sleep(0.01)
                raise TimeoutError(f"{service} does not fetch; see {self.stack.log(service)}")

            await pulls(hub.AGGREGATOR, subjects.EVENTS, subjects.AGGREGATOR_DURABLE)
            return await pulls(hub.INGEST, subjects.INBOX, subjects.INGEST_DURABLE)

    def stop_services(self) -> None:
        """End both; the servers stay."""
        for service in SERVICES:
            self.stack.stop(service)


async def _gone(deletion: Awaitable[bool]) -> None:
    with suppress(NotFoundError):
        await deletion


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
