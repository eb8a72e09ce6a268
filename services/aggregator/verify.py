"""Recomputes every figure from the raw events, names each difference, and mends them on demand.

The check reads one snapshot, in which raw events, cases, contributions and sums belong together however many events
arrive meanwhile. The mending holds the workers for its one transaction; publishers never notice, the broker keeps what
they send.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from opd_schemas.event import Event
from opd_schemas.lifecycle import VOIDED
from services.aggregator import transaction
from services.aggregator.merge import Contribution, Meaning, Transition
from services.aggregator.registry import Registry
from services.aggregator.transaction import CaseKey, Connection, StoredCase
from services.db import Pool, load
from services.micros import from_us

SQL = load(__file__, "verify.sql")
_SUMS = ("rollup_hour", "rollup_day", "within_hour", "within_day", "figure_hour", "figure_day")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the raw events say: which, what is stored, what it should be."""

    what: str
    key: str
    stored: str
    recomputed: str

    def __str__(self) -> str:
        return f"{self.what} {self.key}: stored {self.stored}, recomputed {self.recomputed}"


@dataclass
class Verdict:
    """The result of one check, as of commit `commit_no`."""

    commit_no: int = 0
    events: int = 0
    cases: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass
class _Mends:
    wrong: list[StoredCase] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)


async def verify(pool: Pool, *, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Verdict:
    """Check one snapshot; `on_progress` hears of raw events read and their number."""
    async with pool.connection() as connection:
        await transaction.prepare(connection)
        async with connection.transaction():
            await connection.execute(SQL["snapshot"])
            verdict, _ = await _check(pool, connection, on_progress)
    return verdict


async def repair(pool: Pool, *, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Verdict:
    """Check and mend in one transaction that the workers wait for; returns what was found (and mended).

    One thing cannot be mended from raw events: a ledger row whose raw event is gone. It stays reported.
    """
    async with pool.connection() as connection:
        await transaction.prepare(connection)
        async with connection.transaction():
            held = await (await connection.execute(transaction.SQL["hold_rules_alone"])).fetchone()
            assert held is not None  # noqa: S101 - a SELECT of values always has a row
            verdict, mends = await _check(pool, connection, on_progress)
            if verdict.differences:
                registry = await _registry(pool, connection)
                await connection.execute(SQL["drop_surplus_events"])
                await _restore_ledger(connection)
                await connection.execute(SQL["drop_cases"], (mends.surplus,))
                await connection.execute(SQL["drop_orphans"])
                if mends.wrong:
                    # With a `before` that no case can have, every stored contribution of the case is written anew.
                    anew = [Contribution(0, 0, 0, 0)]
                    changes = [(case, anew) for case in mends.wrong]
                    await transaction.write_cases(connection, registry, changes, held[1])
                await connection.execute(SQL["mark_closings"])
                await connection.execute(SQL["rebuild_terms"])
                await connection.execute(SQL["rebuild_rollups"])
                await connection.execute(SQL["rebuild_arrivals"])
    return verdict


async def _restore_ledger(connection: Connection) -> None:
    """A raw event without its ledger row would count again if it came again."""
    rows = []
    missing = await connection.execute(SQL["missing_in_ledger"])
    async for source_id, batch_id, opd, app, kind, state, event_id, at, unit, service, channel, case, voids in missing:
        event = Event(opd, app, kind, state, event_id, at.astimezone(UTC), unit, service, channel, case, voids)
        rows.append((source_id, event_id, event.digest(), batch_id))
    async with connection.cursor() as cursor:
        await cursor.executemany(SQL["restore_ledger"], rows)


async def _registry(pool: Pool, connection: Connection) -> Registry:
    registry = Registry(pool)
    await registry.refresh()
    await registry.take_rules(connection)
    return registry


async def _one(connection: Connection, name: str) -> TupleRow:
    row = await (await connection.execute(SQL[name])).fetchone()
    assert row is not None, name  # noqa: S101 - aggregates always give a row
    return row


async def _check(pool: Pool, connection: Connection, on_progress: Callable[[int, int], None]) -> tuple[Verdict, _Mends]:
    registry = await _registry(pool, connection)
    verdict, mends = Verdict(), _Mends()
    found = verdict.differences
    (verdict.commit_no, commits, newest) = await _one(connection, "commit_gaps")
    if commits != verdict.commit_no or newest != verdict.commit_no:
        found.append(
            Difference("commit numbers", "", f"{commits} up to {newest}", f"{verdict.commit_no} without a gap")
        )
    async for opd, app, event_id in await connection.execute(SQL["only_in_ledger"]):
        found.append(Difference("event", f"{opd}/{app}/{event_id}", "in the ledger only", "also a raw event"))
    async for opd, app, event_id, n in await connection.execute(SQL["only_in_events"]):
        found.append(Difference("event", f"{opd}/{app}/{event_id}", f"{n} raw events, ledger amiss", "one of each"))
    (verdict.events,) = await _one(connection, "count_events")

    await _check_cases(connection, registry, verdict, mends, on_progress)
    async for case_no, n in await connection.execute(SQL["orphan_contributions"]):
        found.append(Difference("contributions", f"case number {case_no}", f"{n} without a case", "none"))
    async for kind, name, stored, right in await connection.execute(SQL["closings"]):
        found.append(Difference("closings", f"{kind} {name}", f"{stored} marked", f"{right}, and just these"))
    for name in _SUMS:
        async for *key, n, total, n_right, total_right in await connection.execute(SQL[name]):
            found.append(
                Difference(name, " ".join(str(part) for part in key), _sum(n, total), _sum(n_right, total_right))
            )
    async for measure, series_id, figure_no in await connection.execute(SQL["terms"]):
        pair = f"measure {measure}, series {series_id}, figure {figure_no}"
        found.append(Difference("term", pair, "amiss", "as the figure says"))
    async for opd, app, slot, stored, right in await connection.execute(SQL["heard"]):
        found.append(Difference("heard", f"{opd}/{app} {slot}", str(stored), str(right)))
    async for opd, app, kind, day, stored, right in await connection.execute(SQL["arrival_day"]):
        found.append(Difference("arrivals", f"{opd}/{app} {kind} {day}", str(stored), str(right)))
    return verdict, mends


def _sum(n: int | None, total: int | None) -> str:
    if n is None:
        return "nothing"
    return f"n={n}" if total is None else f"n={n} total={total}"


async def _check_cases(
    connection: Connection,
    registry: Registry,
    verdict: Verdict,
    mends: _Mends,
    on_progress: Callable[[int, int], None],
) -> None:
    """Walk raw events, cases and contributions side by side, all three in the order of their case's name."""
    raw = _Groups(connection, "events_by_case")
    stored = _Groups(connection, "cases")
    contributed = _Groups(connection, "contributions")
    async with raw, stored, contributed:
        while (key := _least(raw.key, stored.key, contributed.key)) is not None:
            events = await raw.take(key)
            row = await stored.take(key)
            contributions = Counter(Contribution(*c) for c in await contributed.take(key))
            verdict.cases += 1
            name = "/".join((key[2], key[1], key[0]))
            if not events:
                mends.surplus.append(row[0][0])
                verdict.differences.append(Difference("case", name, "without raw events", "no case"))
                continue
            case = _case_of(key, row[0][0] if row else 0, events)
            case.is_new = not row
            meaning = await _meaning(registry, case)
            before = len(verdict.differences)
            right = _comparable(case, meaning)
            if not row:
                verdict.differences.append(Difference("case", name, "nothing", str(right)))
            elif (stands := _stored_comparable(row[0])) != right:
                verdict.differences.append(Difference("case", name, str(stands), str(right)))
            if contributions != (rights := Counter(meaning.contributions)):
                verdict.differences.append(
                    Difference(
                        "contributions of",
                        name,
                        _few(contributions - rights) or "too few",
                        _few(rights - contributions) or "fewer",
                    )
                )
            if len(verdict.differences) > before:
                mends.wrong.append(case)
            if verdict.cases % 1000 == 0:
                on_progress(raw.read, verdict.events)
    on_progress(verdict.events, verdict.events)
    for case in mends.wrong:
        if case.is_new:
            case.case_no = (await transaction.read_cases(connection, [case.key]))[0].case_no


def _few(contributions: Counter[Contribution]) -> str:
    shown = [f"{c.value} at {from_us(c.at_us).isoformat()} (measure {c.measure_id})" for c in list(contributions)[:3]]
    return ", ".join(shown) + (" …" if len(contributions) > 3 else "")


def _least(*keys: CaseKey | None) -> CaseKey | None:
    return min((key for key in keys if key is not None), default=None)


def _case_of(key: CaseKey, case_no: int, events: Sequence[TupleRow]) -> StoredCase:
    case = StoredCase(key, case_no, False, [], set())
    for at_us, state, series_id, source_id, event_id, voids in events:
        if state == VOIDED:
            case.voids.add((source_id, voids))
        else:
            case.transitions.append(Transition(at_us, state, series_id, source_id, event_id))
    return case


async def _meaning(registry: Registry, case: StoredCase) -> Meaning:
    (meaning,) = await transaction.merge_all(registry, [case])
    return meaning


def _comparable(case: StoredCase, meaning: Meaning) -> tuple[object, ...]:
    return (
        _at(meaning.opened_us),
        _at(meaning.closed_us),
        _at(meaning.last_us),
        meaning.state,
        meaning.series_id,
        meaning.channel,
        meaning.flags,
        [list(t) for t in meaning.transitions],
        sorted(list(v) for v in case.voids),
        _at(meaning.due.at_us if meaning.due else None),
        _at(meaning.due.done_us if meaning.due else None),
    )


def _stored_comparable(row: TupleRow) -> tuple[object, ...]:
    _, opened_at, closed_at, last_at, *rest, voids, due_at, due_done_at = row
    times = (_text(opened_at), _text(closed_at), _text(last_at))
    return (*times, *rest, sorted(voids), _text(due_at), _text(due_done_at))


def _at(us: int | None) -> str | None:
    return None if us is None else _text(from_us(us))


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


class _Groups:
    """Rows of an ordered statement whose first three columns are a case's key, taken group by group."""

    def __init__(self, connection: AsyncConnection[TupleRow], name: str) -> None:
        self._cursor = connection.cursor(name=f"verify_{name}")
        self._statement = SQL[name]
        self._rows: AsyncIterator[TupleRow]
        self._next: TupleRow | None = None
        self.read = 0

    async def __aenter__(self) -> None:
        self._cursor.itersize = 5000
        await self._cursor.execute(self._statement)
        self._rows = aiter(self._cursor)
        await self._advance()

    async def __aexit__(self, *_: object) -> None:
        await self._cursor.close()

    @property
    def key(self) -> CaseKey | None:
        return None if self._next is None else (self._next[0], self._next[1], self._next[2])

    async def take(self, key: CaseKey) -> list[TupleRow]:
        """The rows of `key` without it; none if another case comes first."""
        rows: list[TupleRow] = []
        while self._next is not None and self.key == key:
            rows.append(self._next[3:])
            await self._advance()
        return rows

    async def _advance(self) -> None:
        self._next = await anext(self._rows, None)
        self.read += 1
