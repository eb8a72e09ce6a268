"""The three streams and their durable consumers, declared in one place and brought about by `warroom migrate`.

Services never declare: a consumer's settings that exist already would silently win over those in the code.
"""

from datetime import datetime

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from opd_schemas import subjects

#: Larger messages are refused by the broker itself; larger events (`MAX_EVENT_BYTES`) go into quarantine.
MAX_MESSAGE_BYTES = 256 * 1024
#: How many messages stay in a stream after both sides confirmed them, to replay from.
REPLAY_SPAN = 1_000_000
#: Far longer than a batch takes. What a killed worker had in hand comes again after it; what a slow one still has in
#: hand then comes twice, which changes nothing.
ACK_WAIT_S = 10.0
#: Covers a redelivery by ingest; what comes later is caught by the ledger.
DUPLICATE_WINDOW_S = 60.0
#: The least that the broker takes. A publisher's own message ids mean nothing here: one could swallow another's event.
NO_DUPLICATE_WINDOW_S = 0.1
#: When a stream is full it refuses (`discard=new`): the publisher keeps its event and hears of it.
MAX_BYTES = {subjects.INBOX: 2 << 30, subjects.EVENTS: 2 << 30, subjects.REJECTS: 512 << 20}

STREAMS = tuple(
    StreamConfig(
        name=name,
        subjects=list(taken),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=MAX_BYTES[name],
        max_msg_size=MAX_MESSAGE_BYTES,
        duplicate_window=NO_DUPLICATE_WINDOW_S if name == subjects.INBOX else DUPLICATE_WINDOW_S,
    )
    for name, taken in (
        (subjects.INBOX, subjects.INBOX_SUBJECTS),
        (subjects.EVENTS, subjects.EVENTS_SUBJECTS),
        (subjects.REJECTS, subjects.REJECTS_SUBJECTS),
    )
)

CONSUMERS = tuple(
    (
        stream,
        ConsumerConfig(
            durable_name=durable,
            ack_policy=AckPolicy.EXPLICIT,
            deliver_policy=DeliverPolicy.ALL,
            ack_wait=ACK_WAIT_S,
            # An outage must never turn into loss, so there is no last delivery.
            max_deliver=-1,
            max_ack_pending=8000,
        ),
    )
    for stream, durable in (
        (subjects.INBOX, subjects.INGEST_DURABLE),
        (subjects.EVENTS, subjects.AGGREGATOR_DURABLE),
        (subjects.REJECTS, subjects.AGGREGATOR_DURABLE),
    )
)


async def declare(js: JetStreamContext) -> list[str]:
    """Create or update streams and consumers; returns the names of those created. Existing messages stay."""
    created: list[str] = []
    for stream in STREAMS:
        assert stream.name is not None  # noqa: S101 - given above
        try:
            await js.stream_info(stream.name)
        except NotFoundError:
            await js.add_stream(stream)
            created.append(stream.name)
        else:
            await js.update_stream(stream)
    for stream_name, consumer in CONSUMERS:
        # The server treats an unchanged durable as there already, and a changed one as an update.
        await js.add_consumer(stream_name, consumer)
    return created


async def waiting_since(js: JetStreamContext, stream: str, info: ConsumerInfo) -> datetime | None:
    """When the oldest message that a consumer has not confirmed was stored; None if all are, or were meanwhile."""
    if not (info.num_pending or 0) + (info.num_ack_pending or 0):
        return None
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    try:
        # The first that is still there: messages may have been deleted.
        return (await js.get_msg(stream, seq=floor + 1, subject=">", next=True)).time
    except NotFoundError:
        return None
