"""Whole hubs for tests, servers and services as in production: each with a state folder, a broker and a database."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import psycopg
from nats.aio.client import Client

from deploy.local import hub
from deploy.local.stack import Endpoints, Stack
from opd_schemas.catalogue import Catalogue
from services import db
from services.operator.settle import settle

DUMP = db.load(str(Path(__file__).parent / "properties" / "city.py"), "dump.sql")


@dataclass(frozen=True)
class RunningHub:
    """One hub that runs, and what may be asked of it."""

    stack: Stack
    endpoints: Endpoints

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement, as the database's owner."""
        with psycopg.connect(self.endpoints.database_url, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def figures(self, opd: str) -> bytes:
        """Every figure of an agency, by natural keys, sorted."""
        with psycopg.connect(self.endpoints.database_url, autocommit=True) as connection:
            rows = connection.execute(DUMP["figures"], {"opd": opd}).fetchall()
        return "\n".join(f"{part} {row}" for part, row in rows).encode()

    @asynccontextmanager
    async def client(self, user: str = "hub-admin", **options: Any) -> AsyncIterator[Client]:
        """A connection to the broker."""
        client = await nats.connect(self.endpoints.nats_url_for(user), max_reconnect_attempts=3, **options)
        try:
            yield client
        finally:
            await client.close()

    async def settle(self) -> None:
        """Return once all that INBOX holds is committed."""
        async with self.client() as client:
            await settle(client.jetstream(), patience_s=60)


@contextmanager
def running_hub(
    state: Path,
    catalogue: Catalogue,
    applications: Sequence[tuple[str, str]] | None = None,
    *,
    aggregators: int = 1,
) -> Iterator[RunningHub]:
    """Start a hub in the folder `state`; it is stopped at the end, its folder stays.

    `applications` may publish; None are those of the catalogue.
    """
    stack = Stack(state, environment={})
    try:
        endpoints = stack.up(applications=list(catalogue.applications()) if applications is None else applications)
        hub.prepare(endpoints, catalogue)
        stack.add_programs(hub.programs(stack, endpoints, aggregators=aggregators))
        yield RunningHub(stack, endpoints)
    finally:
        stack.down()
