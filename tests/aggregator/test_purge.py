"""Streams stay within bounds under a load that never pauses, and nothing unread ever goes."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import orjson
import pytest
from nats.js import JetStreamContext

from deploy.local.stack import Endpoints, Stack
from opd_schemas import subjects
from services import streams
from services.aggregator import purge
from services.aggregator.purge import Bounds


@pytest.fixture
async def js(tmp_path: Path, endpoints: Endpoints) -> AsyncIterator[JetStreamContext]:
    """A broker of its own with the hub's streams."""
    stack = Stack(tmp_path / "broker", environment={"WARROOM_DATABASE_URL": endpoints.database_url})
    try:
        client = await nats.connect(stack.up().nats_url_for("hub-admin"))
        await streams.declare(client.jetstream())
        yield client.jetstream()
        await client.close()
    finally:
        stack.down()


async def _publish(js: JetStreamContext, subject: str, count: int, size: int = 10) -> None:
    for _ in range(count):
        await js.publish(subject, b"x" * size)


async def _confirm(js: JetStreamContext, stream: str, durable: str, count: int) -> None:
    """Fetch and acknowledge so many and not one more, which the hub's own `fetch` may have in advance."""
    inbox = js._nc.new_inbox()
    subscription = await js._nc.subscribe(inbox)
    request = {"batch": count, "expires": 5_000_000_000}
    await js._nc.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}", orjson.dumps(request), inbox)
    for _ in range(count):
        await (await subscription.next_msg(5)).ack_sync()
    await subscription.unsubscribe()


async def _first(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.first_seq


async def test_inbox_goes_once_the_aggregator_has_what_came_of_it(js: JetStreamContext) -> None:
    bounds = Bounds(span=10)
    await _publish(js, "opd.a.b.queue.issued", 50)
    await _publish(js, "event.queue.issued.a.u", 50)
    await _confirm(js, subjects.INBOX, subjects.INGEST_DURABLE, 50)
    await _confirm(js, subjects.EVENTS, subjects.AGGREGATOR_DURABLE, 30)
    await bounds.keep(js)
    assert (await _first(js, subjects.EVENTS), await _first(js, subjects.INBOX)) == (31, 1)
    # More comes all the while; what INBOX was at the first look is committed at the third.
    await _publish(js, "opd.a.b.queue.issued", 5)
    await _publish(js, "event.queue.issued.a.u", 5)
    await bounds.keep(js)
    assert await _first(js, subjects.INBOX) == 1
    await _confirm(js, subjects.EVENTS, subjects.AGGREGATOR_DURABLE, 20)
    await bounds.keep(js)
    assert (await _first(js, subjects.EVENTS), await _first(js, subjects.INBOX)) == (46, 46)


async def test_few_large_messages_do_not_fill_a_stream(js: JetStreamContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(purge.MAX_BYTES, subjects.REJECTS, 40_000)
    await _publish(js, "reject.too_large.a", 10, size=8_000)
    await _confirm(js, subjects.REJECTS, subjects.AGGREGATOR_DURABLE, 10)
    await Bounds().keep(js)
    left = (await js.stream_info(subjects.REJECTS)).state
    assert 0 < left.bytes <= 20_000


async def test_nothing_unread_goes(js: JetStreamContext) -> None:
    await _publish(js, "reject.too_large.a", 20)
    await Bounds(span=1).keep(js)
    assert (await js.stream_info(subjects.REJECTS)).state.messages == 20
