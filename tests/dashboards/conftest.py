"""One database of the ready city, the real permit log and the simulated applications, for all tests of dashboards."""

import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from opd_schemas.catalogue import Catalogue
from services.catalogue import load
from tests.dashboards.town import Town
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
def town(fresh_database: Callable[..., Database]) -> Iterator[Town]:
    """Counted by the aggregator's own transaction."""
    town = Town(fresh_database(timezone=None))
    town.build()
    town.beat()
    yield town
    town.close()


@pytest.fixture
def grafana(town: Town) -> psycopg.Connection:
    """The database as Grafana sees it."""
    return town.grafana
