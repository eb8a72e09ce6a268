"""The hub's pulse: since when the oldest message that is not counted yet has been waiting, looked at every few seconds.

Figures are grey on the wall when it stops or the wait is long; with each beat it is remembered what the wall shows.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from nats.js import JetStreamContext

from opd_schemas import subjects
from services.db import Pool, load
from services.streams import waiting_since

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


async def _oldest(js: JetStreamContext) -> datetime | None:
    found = [await waiting_since(js, s.stream, await js.consumer_info(s.stream, s.durable)) for s in _WAY]
    return min((at for at in found if at is not None), default=None)


async def beat(js: JetStreamContext, pool: Pool, *, longest_read: timedelta = _LONGEST_READ) -> None:
    """Look once, and write down what was seen and what the wall shows; end what the wall's readers ask for too long."""
    # First: whether or not the broker answers.
    async with pool.connection() as connection:
        await connection.execute(SQL["end_long_reads"], (longest_read,))
    since = await _oldest(js)
    async with pool.connection() as connection:
        await connection.execute(SQL["beat"], (since,))
    async with pool.connection() as connection:
        await connection.execute(SQL["note_statuses"])
