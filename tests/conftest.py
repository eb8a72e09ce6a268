"""The real servers of a test run: one stack, started by the first test that asks for it. A missing server fails."""

from collections.abc import Iterator

import pytest

from deploy.local.stack import Endpoints, Stack


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
