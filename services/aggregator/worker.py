"""Commits batches whatever happens around: retries what may be retried, waits out a database that is away, and brings
a row that the database refuses to store into quarantine by itself.

While a batch waits, nothing more is fetched: an outage never turns an event into poison.
"""

import asyncio
from collections.abc import Sequence

import psycopg
import structlog
from psycopg import errors
from psycopg_pool import PoolTimeout

from opd_schemas import privacy, subjects
from opd_schemas.refusal import Reason
from services.aggregator.arrival import Arrival, Refused
from services.aggregator.registry import Registry
from services.aggregator.transaction import Outcome, apply
from services.db import Pool
from services.errors import NotMigrated

log = structlog.get_logger("aggregator")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
#: The server chose us as the one to yield; the same batch goes through the next time.
_YIELDED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
#: Away, restarting, or not set up yet: nothing is wrong with the batch.
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, NotMigrated, errors.UndefinedTable)
#: The content itself cannot be stored. No answer of a sick server is among these.
_UNSTORABLE = (errors.DataError, errors.IntegrityError)


class Worker:
    """One worker: `commit` returns only when the batch is in the store."""

    def __init__(self, pool: Pool, registry: Registry) -> None:
        self._pool = pool
        self._registry = registry
        self._ready = False

    async def commit(self, arrivals: Sequence[Arrival], refused: Sequence[Refused] = ()) -> list[Outcome]:
        """Count and quarantine; the outcomes of the transactions it took (one, unless a row had to be set apart)."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                if not self._ready:
                    await self._registry.refresh()
                    self._ready = True
                async with self._pool.connection() as connection:
                    return [await apply(connection, self._registry, arrivals, refused)]
            except _YIELDED:
                continue
            except _UNSTORABLE as error:
                return await self._set_apart(arrivals, refused, error)
            except _AWAY as error:
                log.warning("the database is away; nothing is fetched until it is back", error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _set_apart(
        self, arrivals: Sequence[Arrival], refused: Sequence[Refused], error: psycopg.Error
    ) -> list[Outcome]:
        """Halve until the row that cannot be stored stands alone, and quarantine that one."""
        # Never the message of the error: it quotes the row.
        log.error("a row cannot be stored", sqlstate=error.sqlstate, events=len(arrivals), rejects=len(refused))
        if len(arrivals) + len(refused) > 1:
            half_a, half_r = len(arrivals) // 2, len(refused) // 2
            if len(arrivals) == 1:
                parts = [(arrivals, ()), ((), refused)]
            else:
                parts = [(arrivals[:half_a], refused[:half_r]), (arrivals[half_a:], refused[half_r:])]
            return [outcome for a, r in parts if a or r for outcome in await self.commit(a, r)]
        if refused:
            if refused[0].reason == Reason.NOT_STORABLE:
                raise error
            return await self.commit((), (_bare(refused[0], error.sqlstate or ""),))
        return await self.commit((), (unstorable(arrivals[0], error.sqlstate or ""),))


def _bare(refused: Refused, sqlstate: str) -> Refused:
    """A reject whose own texts cannot be stored: that it was, and when, is kept; what it said stays in INBOX."""
    return Refused(
        refused.inbox_created_us,
        refused.inbox_seq,
        Reason.NOT_STORABLE,
        "",
        f"refused, and the store refuses the reject (SQLSTATE {sqlstate}); report it to the hub's maintainer",
        "",
        None,
        None,
        None,
        "",
        refused.received_us,
    )


def unstorable(a: Arrival, sqlstate: str) -> Refused:
    """The reject of an event that passed the edge and yet cannot be stored."""
    return Refused(
        a.inbox_created_us,
        a.inbox_seq,
        Reason.NOT_STORABLE,
        "",
        f"the store refuses it (SQLSTATE {sqlstate}); report it to the hub's maintainer",
        subjects.publish_subject(opd=a.opd, app=a.app, kind=a.kind, state=a.state, history=a.history),
        a.opd,
        a.app,
        a.event_id,
        privacy.mask_text(a.body.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")),
        a.received_us,
    )
