"""One database of the ready city with a morning's events, for all tests of dashboards."""

import asyncio
import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from opd_schemas.catalogue import Catalogue
from services import catalogue_store, db
from services.aggregator import transaction
from services.aggregator.registry import Registry
from services.aggregator.worker import Worker
from services.catalogue import load
from tests.dashboards.seeded import morning, refused
from tests.databases import Database

with warnings.catch_warnings():
    # On import the SDK advises the second form of dashboards, which Grafana 10 and 11 do not read.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    importlib.import_module("dashboards.build")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The ready city, from which the committed dashboards are built."""
    return load(Path("schemas/catalogue"))


@pytest.fixture(scope="session")
def seeded(fresh_database: Callable[..., Database], catalogue: Catalogue) -> Database:
    """Counted by the aggregator's own transaction."""
    database = fresh_database(timezone=None)
    catalogue_store.apply(database.owner_url, catalogue)
    asyncio.run(_count(database))
    return database


async def _count(database: Database) -> None:
    url = database.url_for("hub_aggregator")
    async with db.pool(url, size=3, name="aggregator", configure=transaction.prepare) as pool:
        await Worker(pool, Registry(pool)).commit(morning(), refused())


@pytest.fixture(scope="session")
def grafana(seeded: Database) -> Iterator[psycopg.Connection]:
    """The database as Grafana sees it."""
    with psycopg.connect(seeded.url_for("grafana_reader"), autocommit=True) as connection:
        yield connection
