"""Queries that somebody looks at: each runs once for all browsers, when the hub hints at a change, at most twice a
second. A viewer hears which results differ from the last; what it has not taken yet is replaced, never queued.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from dashboards.macros import MacroError, Variable, expand, interval_for
from dashboards.preview.frame import FrameError, frame
from dashboards.preview.outage import Outage, pool_log
from dashboards.preview.timerange import TimeError, window
from services.db import Pool, load

SQL = load(__file__)
log = structlog.get_logger("preview")

#: Two runs of one query begin at least this far apart; one that is slow twice rests this many times as long as it took.
_APART_S = 0.5
_REST = 4
#: A few hundred people with choices of their own; somebody's script would have no end.
_MOST = 1000
#: A hint may be lost: after so long without one, everything is read again.
LOOK_S = 5.0


@dataclass(frozen=True)
class Query:
    """A query before its macros are expanded: browsers that have all of this in common share its result."""

    sql: str
    form: str = "table"
    start: str = "now"
    end: str = "now"
    zone: str = "UTC"
    variables: tuple[Variable, ...] = ()
    points: int = 1000
    at_least: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Result:
    """A frame as JSON, or why there is none: a key of page.js and one line for whoever writes the dashboard.

    `span` is the window in milliseconds.
    """

    frame: bytes | None
    problem: str | None = None
    detail: str = ""
    span: tuple[float, float] | None = None

    def is_news_after(self, last: "Result | None") -> bool:
        """Whether it says something else than the last; that the window moves on is no news."""
        return last is None or (self.frame, self.problem, self.detail) != (last.frame, last.problem, last.detail)


class Full(Exception):
    """More different queries are looked at than one database should be asked at a time."""


class Viewer:
    """One browser: the queries whose results it has not been sent yet."""

    def __init__(self) -> None:
        self._changed: set[Query] = set()
        self._wake = asyncio.Event()

    def note(self, query: Query) -> None:
        """There is a new result."""
        self._changed.add(query)
        self._wake.set()

    def wake(self) -> None:
        """Let it go on though nothing changed."""
        self._wake.set()

    async def changes(self, patience_s: float) -> set[Query]:
        """What changed since the last call, as soon as anything has; empty when the patience is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._wake.wait()
        self._wake.clear()
        changed, self._changed = self._changed, set()
        return changed


@dataclass
class _Watched:
    due: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: set[Viewer] = field(default_factory=set)
    result: Result | None = None
    #: When the database last answered, and whether it did so at the last attempt.
    answered_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    answers: bool = True
    task: asyncio.Task[None] | None = None


class Live:
    """All queries in view, and the pool they run in."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._watched: dict[Query, _Watched] = {}
        self._outage = Outage("the database")

    def admit(self, queries: Iterable[Query]) -> None:
        """Raise Full if so many different queries are looked at that these would be too many."""
        if len(self._watched.keys() | set(queries)) > _MOST:
            raise Full

    def unanswered_since(self, queries: Iterable[Query]) -> datetime | None:
        """Since when the database has not answered one of these queries; None while it answers all."""
        watched = (self._watched.get(query) for query in queries)
        return min((one.answered_at for one in watched if one is not None and not one.answers), default=None)

    def hint(self) -> None:
        """Something was committed: read everything again as soon as its pace allows."""
        for watched in self._watched.values():
            watched.due.set()

    def wake(self) -> None:
        """Let all viewers go on, to see for instance that the server is to stop."""
        for watched in self._watched.values():
            for viewer in watched.viewers:
                viewer.wake()

    @contextmanager
    def watching(self, queries: Iterable[Query]) -> Iterator[Viewer]:
        """Keep these queries running for one viewer; what is known of them already is noted at once."""
        viewer, watched = Viewer(), []
        for query in queries:
            if (one := self._watched.get(query)) is None:
                one = self._watched[query] = _Watched()
                one.task = asyncio.create_task(self._keep(query, one))
            one.viewers.add(viewer)
            watched.append(one)
            if one.result is not None:
                viewer.note(query)
        try:
            yield viewer
        finally:
            for one in watched:
                one.viewers.discard(viewer)

    def result(self, query: Query) -> Result | None:
        """The newest result of a query in view; None before its first."""
        watched = self._watched.get(query)
        return None if watched is None else watched.result

    async def read(self, query: Query) -> Result:
        """The result of a query that nobody need look at for longer."""
        with self.watching([query]) as viewer:
            while (result := self.result(query)) is None:
                await viewer.changes(LOOK_S)
        return result

    async def close(self) -> None:
        """Stop all queries."""
        tasks = [watched.task for watched in self._watched.values() if watched.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, query: Query, watched: _Watched) -> None:
        """Run the query until nobody has looked on for a round: a page that is loaded again finds it at its pace."""
        took = 0.0
        while watched.viewers or watched.result is None:
            watched.due.clear()
            before = took
            began = time.monotonic()
            result = await self._ask(query)
            took = time.monotonic() - began
            watched.answers = result.problem != "unreachable"
            if watched.answers:
                watched.answered_at = datetime.now(UTC)
            elif watched.result is not None and watched.result.frame is not None:
                # The figures stay; that they grow old is said by the freshness of the whole wall.
                result = watched.result
            if result.is_news_after(watched.result):
                watched.result = result
                for viewer in watched.viewers:
                    viewer.note(query)
            # To wait for a database that is away was no work of its.
            await asyncio.sleep(max(_APART_S, _REST * min(before, took) if watched.answers else 0) - took)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await watched.due.wait()
        del self._watched[query]

    async def _ask(self, query: Query) -> Result:
        try:
            at = window(query.start, query.end, datetime.now(UTC), ZoneInfo(query.zone))
            interval = interval_for(at, query.points, query.at_least)
            expanded = expand(query.sql, at, interval, query.variables)
            async with self._pool.connection() as connection:
                # The binary form takes one statement and no more.
                cursor = await connection.cursor(binary=True).execute(expanded.sql.encode())
                rows, description = await cursor.fetchall(), cursor.description or []
            self._outage.is_over()
            pool_log.cause = ""
            found = orjson.dumps(frame(description, rows, form=query.form, fill=expanded.fill, window=at))
        except (MacroError, TimeError, FrameError) as error:
            return Result(None, "refused", str(error))
        except psycopg.errors.QueryCanceled:
            return Result(None, "too_long")
        except psycopg.Error as error:
            if _is_away(error):
                self._outage.goes_on(pool_log.cause or str(error))
                return Result(None, "unreachable")
            return Result(None, "refused", error.diag.message_primary or type(error).__name__)
        except Exception as fault:
            # Not foreseen: left alone, this one panel would stand still for ever.
            log.error("a fault of the preview", error=repr(fault), sql=query.sql)
            return Result(None, "refused", type(fault).__name__)
        return Result(found, span=(at.start.timestamp() * 1000, at.end.timestamp() * 1000))


def _is_away(error: psycopg.Error) -> bool:
    """Whether there was no server to answer, or it is going; what it answered otherwise is no outage."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(("08", "57P0"))


async def prepare(connection: AsyncConnection[TupleRow]) -> None:
    """Read only, whoever we are; and each text differs by its window, so none is worth preparing."""
    await connection.set_autocommit(True)
    connection.prepare_threshold = None
    await connection.execute(SQL["session"])
