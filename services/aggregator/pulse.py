"""The hub's pulse: since when the oldest message that is not counted yet has been waiting, looked at every few seconds.

Figures are grey on the wall when it stops or the wait is long; with each beat it is remembered what the wall shows.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from opd_schemas import subjects
from services.db import Pool, load

SQL = load(__file__)
EVERY_S = 5.0
#: A time-out of the reader's own is only a default, which a session can unset.
_LONGEST_READ = timedelta(seconds=30)


class _Step(NamedTuple):
    stream: str
    durable: str


#: The way of an event to the figures.
_WAY = (
    _Step(subjects.INBOX, subjects.INGEST_DURABLE),
    _Step(subjects.EVENTS, subjects.AGGREGATOR_DURABLE),
)


async def waiting_since(js: JetStreamContext) -> datetime | None:
    """When the oldest message that is not confirmed was stored; None if all are."""
    found = [at for step in _WAY if (at := await _oldest(js, step)) is not None]
    return min(found, default=None)


async def _oldest(js: JetStreamContext, step: _Step) -> datetime | None:
    info = await js.consumer_info(step.stream, step.durable)
    if not (info.num_pending or 0) + (info.num_ack_pending or 0):
        return None
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    try:
        # The first that is still there: messages may have been deleted.
        return (await js.get_msg(step.stream, seq=floor + 1, subject=">", next=True)).time
    except NotFoundError:
        return None


async def beat(js: JetStreamContext, pool: Pool) -> None:
    """Look once, and write down what was seen and what the wall shows; end what the wall's readers ask for too long."""
    since = await waiting_since(js)
    async with pool.connection() as connection:
        await connection.execute(SQL["beat"], (since,))
    async with pool.connection() as connection:
        await connection.execute(SQL["note_statuses"])
        await connection.execute(SQL["end_long_reads"], (_LONGEST_READ,))
