"""Stacks that a test may break: the broker is their own, the database that of the run unless the test needs its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Endpoints, Stack

APPLICATIONS = [("dukcapil", "kiosk"), ("dinkes", "simpus")]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, endpoints: Endpoints) -> Iterator[Stack]:
    """A stack with two applications and a broker of its own."""
    environment = {"WARROOM_DATABASE_URL": endpoints.database_url}
    stack = Stack(tmp_path_factory.mktemp("broker"), environment)
    try:
        stack.up(applications=APPLICATIONS)
        yield stack
    finally:
        stack.down()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Stack]:
    """A stack with both servers, in a deep folder with a name that needs quoting."""
    stack = Stack(tmp_path / ("deep " * 20).strip() / "50% o'clock", environment={})
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
