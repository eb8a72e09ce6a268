"""Ingest acknowledges only what is confirmed elsewhere: a stream that is full or away costs time, and no event."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from opd_schemas import subjects
from services import streams
from services.streams import STREAMS
from tests.hubs import RunningHub, running_hub
from tests.ingest.town import NIK, SUBJECT, body, catalogue

EVENTS = 50


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("outage"), catalogue()) as running:
        yield running


class Inbox:
    """INBOX as the hub's administrator sees it."""

    def __init__(self, js: JetStreamContext) -> None:
        self.js = js

    async def publish(self, prefix: str, count: int = EVENTS) -> list[int]:
        """Good events; where they stand."""
        return [(await self.js.publish(SUBJECT, body(f"{prefix}-{number}"))).seq for number in range(count)]

    async def confirmed(self) -> int:
        """The last message up to which ingest acknowledged all."""
        floor = (await self._consumer()).ack_floor
        assert floor is not None
        return floor.stream_seq

    async def tried_again(self) -> None:
        """Return when every message that waits was given to ingest a second time."""
        await self._until(lambda info: (info.num_redelivered or 0) >= (info.num_ack_pending or 0) > 0)

    async def _until(self, reached: Callable[[ConsumerInfo], bool]) -> None:
        async with asyncio.timeout(60):
            while not reached(await self._consumer()):  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(0.05)

    async def _consumer(self) -> ConsumerInfo:
        return await self.js.consumer_info(subjects.INBOX, subjects.INGEST_DURABLE)

    async def fill(self, stream: str) -> None:
        """Let a stream take nothing more."""
        info = await self.js.stream_info(stream)
        info.config.max_msgs = max(info.state.messages, 1)
        if info.state.messages == 0:
            info.config.max_msgs, info.config.max_bytes = -1, 1
        await self.js.update_stream(info.config)

    async def enlarge(self) -> None:
        """As the hub declares them."""
        await streams.declare(self.js)
        assert {config.max_msgs for config in STREAMS} == {None}


@pytest.fixture
async def inbox(hub: RunningHub) -> AsyncIterator[Inbox]:
    async with hub.client() as client:
        yield Inbox(client.jetstream())


def counted(hub: RunningHub, prefix: str) -> list[int]:
    return [
        seq for (seq,) in hub.query("SELECT inbox_seq FROM hub.ledger WHERE event_id LIKE %s ORDER BY 1", f"{prefix}-%")
    ]


def duplicates(hub: RunningHub) -> int:
    ((found,),) = hub.query("SELECT count(*) FROM hub.duplicate")
    return int(found)


async def test_a_full_stream_of_events_loses_nothing(hub: RunningHub, inbox: Inbox) -> None:
    before = await inbox.publish("before")
    await hub.settle()
    await inbox.fill(subjects.EVENTS)
    waiting = await inbox.publish("full")
    await inbox.tried_again()
    assert await inbox.confirmed() == before[-1]
    assert counted(hub, "full") == []
    await inbox.enlarge()
    await hub.settle()
    assert counted(hub, "full") == waiting
    assert duplicates(hub) == 0


async def test_a_stream_of_events_that_is_away_loses_nothing(hub: RunningHub, inbox: Inbox) -> None:
    before = await inbox.publish("there")
    await hub.settle()
    await inbox.js.delete_stream(subjects.EVENTS)
    waiting = await inbox.publish("away")
    await inbox.tried_again()
    assert await inbox.confirmed() == before[-1]
    assert counted(hub, "away") == []
    await inbox.enlarge()
    await hub.settle()
    assert counted(hub, "there") == before
    assert counted(hub, "away") == waiting
    assert duplicates(hub) == 0


async def test_an_inbox_that_was_created_anew_is_another(hub: RunningHub, inbox: Inbox) -> None:
    """Its sequences begin again; under the old creation they would be taken for what is counted already."""
    before = await inbox.publish("old")
    await hub.settle()
    pid = hub.stack.pid("ingest")
    await inbox.js.delete_stream(subjects.INBOX)
    await inbox.enlarge()
    anew = await inbox.publish("anew")
    assert anew[0] == 1
    await hub.settle()
    assert counted(hub, "old") == before
    assert counted(hub, "anew") == anew
    assert duplicates(hub) == 0
    assert hub.stack.pid("ingest") == pid


async def test_a_client_that_reads_no_more_ends_its_process(
    inbox: Inbox, hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(Exception):
        pass

    def end() -> None:
        raise Ended

    monkeypatch.setattr("services.broker._end_process", end)
    async with hub.client() as client:
        pulled = await client.jetstream().pull_subscribe_bind("nobody", stream=subjects.INBOX)
        reading = client._reading_task
        assert reading is not None
        reading.cancel()
        await asyncio.wait([reading])
        with pytest.raises(Ended):
            await pulled.fetch(1, timeout=1)


async def test_personal_data_is_erased_only_when_its_reject_is_stored(hub: RunningHub, inbox: Inbox) -> None:
    """Good events of the same batch are counted meanwhile."""
    first = (await inbox.js.publish(SUBJECT, b"{")).seq
    await hub.settle()
    await inbox.fill(subjects.REJECTS)
    hub.stack.stop("ingest")
    poison = (await inbox.js.publish(SUBJECT, body("p", {"case": NIK}))).seq
    waiting = await inbox.publish("beside")
    hub.stack.start("ingest")
    await inbox.tried_again()
    assert await inbox.confirmed() == first
    assert NIK.encode() in ((await inbox.js.get_msg(subjects.INBOX, poison)).data or b"")
    rejects = "SELECT inbox_seq FROM hub.reject ORDER BY 1"
    assert hub.query(rejects) == [(first,)]
    await inbox.enlarge()
    await hub.settle()
    assert counted(hub, "beside") == waiting
    assert hub.query(rejects) == [(first,), (poison,)]
    state = (await inbox.js.stream_info(subjects.INBOX)).state
    assert (state.num_deleted, state.messages) == (1, state.last_seq - 1)
