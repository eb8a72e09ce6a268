"""Keeps the streams within bounds: what both sides have confirmed goes, down to the replay span; nothing unread goes.

INBOX is confirmed when ingest has stored its messages in EVENTS or REJECTS *and* the aggregator has committed those.
"""

from nats.js import JetStreamContext

from opd_schemas import subjects
from services.streams import REPLAY_SPAN


async def purge(js: JetStreamContext, span: int = REPLAY_SPAN) -> None:
    """Drop messages older than the last `span` of each stream, as far as they are confirmed."""
    behind = False
    for stream in (subjects.EVENTS, subjects.REJECTS):
        info = await js.consumer_info(stream, subjects.AGGREGATOR_DURABLE)
        behind = behind or bool(info.num_pending or info.num_ack_pending)
        await _drop(js, stream, info.ack_floor.stream_seq if info.ack_floor else 0, span)
    if not behind:
        info = await js.consumer_info(subjects.INBOX, subjects.INGEST_DURABLE)
        await _drop(js, subjects.INBOX, info.ack_floor.stream_seq if info.ack_floor else 0, span)


async def _drop(js: JetStreamContext, stream: str, confirmed: int, span: int) -> None:
    state = (await js.stream_info(stream)).state
    first_kept = min(confirmed, state.last_seq - span) + 1
    if first_kept > state.first_seq:
        await js.purge_stream(stream, seq=first_kept)
