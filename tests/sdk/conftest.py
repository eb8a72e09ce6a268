"""The broker of these tests, empty and running at the begin of each; the stream is made per test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from opd_sdk import AsyncHub, Hub
from tests.sdk.broker import APP, OPD, TIMEZONE, Broker, Inbox, administrator


@pytest.fixture(scope="session")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"))
    yield broker
    broker.kill()


@pytest.fixture
async def broker(_broker: Broker) -> Broker:
    """The broker, running and empty; a test may do to it what it likes."""
    _broker.kill()
    _broker.clear()
    _broker.write()
    _broker.start()
    await _broker.answers()
    return _broker


@pytest.fixture
async def nothing(broker: Broker) -> AsyncIterator[Inbox]:
    """A broker without any stream."""
    async with administrator(broker) as inbox:
        yield inbox


@pytest.fixture
async def inbox(nothing: Inbox) -> Inbox:
    """A broker with an empty INBOX."""
    await nothing.create()
    return nothing


@pytest.fixture
async def hub(broker: Broker, inbox: Inbox) -> AsyncIterator[AsyncHub]:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=2) as hub:
        yield hub


@pytest.fixture
def sync_hub(broker: Broker, inbox: Inbox) -> Iterator[Hub]:
    with Hub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=2) as hub:
        yield hub
