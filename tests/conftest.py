"""The real servers of a test run: one stack for each process that runs tests, started by the
first test that asks for it. A missing server fails.
"""

from collections.abc import Callable, Iterator

import pytest

from deploy.local.stack import Endpoints, Stack
from tests.databases import Database, Databases


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Broker and database of this test run, without the hub's services."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="session")
def endpoints(stack: Stack) -> Endpoints:
    """Where they are, and the passwords of all users and roles."""
    endpoints = stack.endpoints()
    assert endpoints is not None
    return endpoints


@pytest.fixture(scope="session")
def databases(endpoints: Endpoints) -> Iterator[Databases]:
    """Makes fresh databases and drops them at the end of the run."""
    databases = Databases(endpoints)
    yield databases
    databases.drop_all()


@pytest.fixture(scope="session")
def fresh_database(databases: Databases) -> Callable[..., Database]:
    """`fresh_database(timezone="Asia/Jakarta")` gives a migrated database that lives until the end of the run."""
    return databases.create


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """A migrated database for one test, with the city's zone Asia/Jakarta and no catalogue."""
    database = databases.create()
    yield database
    databases.drop(database)
