"""A few events of one counter, and what stands in the store after them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, LiteralString, TypeVar

import psycopg

from opd_schemas.event import Event
from services.aggregator.arrival import Arrival
from services.aggregator.transaction import SQL
from tests.arrivals import arrive
from tests.databases import Database

T = TypeVar("T")
OPD, APP = "dukcapil", "antrean"
_WAITING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'warroom-aggregator' AND wait_event_type = 'Lock'"
_PATIENCE_S = 60.0


def ticket(seq: int, state: str, clock: str, case: str = "A-1", **fields: Any) -> Arrival:
    """An event of a queue on 17 November 2025 in Jakarta; its id is e<seq> unless given."""
    about = {"opd": OPD, "app": APP, "unit": "loket-1", "service": "ktp", "channel": "onsite", "id": f"e{seq}"} | fields
    time = datetime.fromisoformat(f"2025-11-17T{clock}+07:00")
    return arrive(Event(kind="queue", state=state, time=time, case=case, **about), seq)


class Owner:
    """What stands in the store, as its owner sees it."""

    def __init__(self, database: Database) -> None:
        self.url = database.owner_url
        self._worker_url = database.url_for("hub_aggregator")

    def query(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has any."""
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def counted(self) -> dict[str, int]:
        """Events per state, as the hourly sums have them."""
        return dict(
            self.query("SELECT name, sum(n)::int FROM hub.rollup_hour JOIN hub.measure USING (measure_id)"
                       " WHERE role = 'state' GROUP BY 1")
        )  # fmt: skip

    def ledger(self) -> list[str]:
        """The ids that counted, sorted."""
        return [event_id for (event_id,) in self.query("SELECT event_id FROM hub.ledger ORDER BY 1")]

    def commits(self) -> list[int]:
        """The commit numbers that were given, sorted."""
        return [number for (number,) in self.query("SELECT commit_no FROM hub.commit_log ORDER BY 1")]

    @contextmanager
    def rules_alone(self) -> Iterator[psycopg.Connection]:
        """Hold the rules alone, as whoever applies a catalogue; commits at the end."""
        with psycopg.connect(self.url) as connection:
            connection.execute(SQL["hold_rules_alone"])
            yield connection

    def waiting(self) -> list[int]:
        """Process ids of the workers' sessions that wait for a lock; only their own role may see that."""
        with psycopg.connect(self._worker_url) as connection:
            return [pid for (pid,) in connection.execute(_WAITING)]

    def cut(self, pid: int) -> None:
        """End a worker's session."""
        with psycopg.connect(self._worker_url) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


async def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(_PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Let the work go on beside the test, which awaits it; where the test fails, it ends."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
