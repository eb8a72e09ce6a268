"""Keeps the streams within bounds: what both sides have confirmed goes, down to the replay span; nothing unread goes.

INBOX is confirmed when ingest has stored its messages in EVENTS or REJECTS *and* the aggregator has committed those.
"""

from typing import NamedTuple

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from opd_schemas import subjects
from services.streams import MAX_BYTES, REPLAY_SPAN

_OUTGOING = (subjects.EVENTS, subjects.REJECTS)


class _Mark(NamedTuple):
    """All of INBOX up to `inbox` lies in the other streams, no further than `last`."""

    inbox: int
    last: dict[str, int]


class Bounds:
    """Remembers, from one look to the next, how far INBOX was passed on, until all of that is committed."""

    def __init__(self, span: int = REPLAY_SPAN) -> None:
        self._span = span
        self._mark: _Mark | None = None

    async def keep(self, js: JetStreamContext) -> None:
        """Look once; under steady load INBOX is purged up to where it was at an earlier look."""
        floors: dict[str, int] = {}
        for stream in _OUTGOING:
            floors[stream] = _floor(await js.consumer_info(stream, subjects.AGGREGATOR_DURABLE))
            await self._drop(js, stream, floors[stream])
        if self._mark is not None and all(floors[stream] >= self._mark.last[stream] for stream in _OUTGOING):
            await self._drop(js, subjects.INBOX, self._mark.inbox)
            self._mark = None
        if self._mark is None:
            # INBOX first: whatever ingest had confirmed by then stands in the others by now.
            passed_on = _floor(await js.consumer_info(subjects.INBOX, subjects.INGEST_DURABLE))
            self._mark = _Mark(
                passed_on, {stream: (await js.stream_info(stream)).state.last_seq for stream in _OUTGOING}
            )

    async def _drop(self, js: JetStreamContext, stream: str, confirmed: int) -> None:
        state = (await js.stream_info(stream)).state
        if not state.bytes:
            return
        # Half of the stream's bytes at most, so that few large messages do not fill it for everybody.
        span = min(self._span, state.messages * (MAX_BYTES[stream] // 2) // state.bytes)
        first_kept = min(confirmed, state.last_seq - span) + 1
        if first_kept > state.first_seq:
            await js.purge_stream(stream, seq=first_kept)


def _floor(info: ConsumerInfo) -> int:
    return info.ack_floor.stream_seq if info.ack_floor else 0
