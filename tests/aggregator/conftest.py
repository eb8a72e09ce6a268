"""A database for each test, seen by its owner, and workers of the hub as they are in production."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from services import db
from services.aggregator import transaction
from services.aggregator.registry import Registry
from services.aggregator.worker import Worker
from tests.aggregator.store import Owner
from tests.databases import Database


@pytest.fixture
def owner(database: Database) -> Owner:
    return Owner(database)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[db.Pool]:
    """Connections as the aggregator has them."""
    async with db.pool(
        database.url_for("hub_aggregator"), size=3, name="aggregator", configure=transaction.prepare
    ) as pool:
        yield pool


@pytest.fixture
def worker(pool: db.Pool) -> Worker:
    return Worker(pool, Registry(pool))


@pytest.fixture
async def new_worker(database: Database) -> AsyncIterator[Callable[[], Awaitable[Worker]]]:
    """Makes workers that share nothing but the database."""
    async with AsyncExitStack() as stack:

        async def make() -> Worker:
            pool = db.pool(database.url_for("hub_aggregator"), size=3, name="aggregator", configure=transaction.prepare)
            await stack.enter_async_context(pool)
            return Worker(pool, Registry(pool))

        yield make
