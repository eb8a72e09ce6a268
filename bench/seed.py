"""A city's past of twelve months, stored at once: ledger, events, cases and sums, as if each event had come.

Set-based, in SQL (seed.sql): a statement makes all events, never one. Only permits, a tenth of them, go through the
hub's own merge, which knows working time and due dates; tickets and visits have neither. Nobody sends heartbeats.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import orjson
from psycopg.types.json import Jsonb

from services.aggregator import verify
from services.aggregator.merge import Meaning, Transition, merge
from services.aggregator.registry import Registry
from services.aggregator.transaction import Connection
from services.db import Pool, load, pool
from services.micros import binary_timestamp

SQL = load(__file__, "seed.sql")
_PERMIT: Final = "permit"
_INFINITY: Final = 2**63 - 1
#: Permits that are merged and copied at a time.
_CASES: Final = 20_000
_CASE: Final = (
    *("int8", "text", "text", "text", "int8", "int8", "int8", "text", "int4", "text", "text[]"),
    *("jsonb", "jsonb", "int8", "int8"),
)
_CONTRIBUTION: Final = ("int8", "int4", "int2", "int8", "int8")
_MAKE: Final = ("functions", "session", "kinds", "places", "slots", "cases", "events")
_STORE: Final = ("set_indexes_aside", "store_events", "store_cases", "store_contributions")
_SUMS: Final = ("rebuild_terms", "rebuild_rollups", "rebuild_arrivals")

Heard = Callable[[str], None]


async def seed(url: str, events: int, *, until: datetime, on_step: Heard = lambda name: None) -> None:
    """Fill a database with about `events` events of the twelve months up to `until`, as its owner.

    It is migrated, a catalogue is in force, and it holds no events yet. `on_step` hears the name of each step.
    """
    async with pool(url, size=2, name="seed") as connections, connections.connection() as connection:
        async with connection.transaction():
            await connection.execute(SQL["order"], (str(events), until.isoformat()))
            for name in (*_MAKE, *_STORE):
                on_step(name)
                await connection.execute(SQL[name])
        # Committed, so that the registry's own connection sees the series.
        async with connection.transaction():
            on_step("permits")
            await _merge_permits(connections, connection)
            await connection.execute(SQL["count_figures"])
            for name in _SUMS:
                on_step(name)
                await connection.execute(verify.SQL[name])
            for name in ("build_indexes", "in_order", "finish"):
                on_step(name)
                await connection.execute(SQL[name])
        await connection.set_autocommit(True)
        on_step("analyze")
        await connection.execute(SQL["analyze"])


async def _merge_permits(connections: Pool, connection: Connection) -> None:
    registry = Registry(connections)
    await registry.refresh()
    await registry.take_rules(connection)
    async with connection.cursor(name="permits") as permits:
        await permits.execute(SQL["permits"])
        while rows := await permits.fetchmany(_CASES):
            merged = [
                (case_no, case_id, opd, _meaning(registry, [Transition(*t) for t in transitions]))
                for case_no, case_id, opd, transitions in rows
            ]
            async with connection.cursor() as cursor:
                async with cursor.copy(SQL["copy_cases"]) as copy:
                    copy.set_types(_CASE)
                    for case_no, case_id, opd, meaning in merged:
                        await copy.write_row(_case(case_no, case_id, opd, meaning))
                async with cursor.copy(SQL["copy_contributions"]) as copy:
                    copy.set_types(_CONTRIBUTION)
                    for case_no, _, _, meaning in merged:
                        for series_id, measure_id, at_us, value in meaning.contributions:
                            await copy.write_row((case_no, series_id, measure_id, binary_timestamp(at_us), value))


def _meaning(registry: Registry, transitions: list[Transition]) -> Meaning:
    return merge(
        registry.rules[_PERMIT],
        transitions,
        set(),
        app_of=registry.app_of,
        series_of=registry.series_of,
        series_ids=registry.series_ids,
    )


def _case(case_no: int, case_id: str, opd: str, meaning: Meaning) -> tuple[object, ...]:
    opened, last, due = meaning.opened_us, meaning.last_us, meaning.due
    assert opened is not None and last is not None  # noqa: PT018 - it has events
    return (
        *(case_no, opd, _PERMIT, case_id, binary_timestamp(opened)),
        _INFINITY if meaning.closed_us is None else binary_timestamp(meaning.closed_us),
        *(binary_timestamp(last), meaning.state, meaning.series_id, meaning.channel, meaning.flags),
        *(Jsonb([tuple(t) for t in meaning.transitions], orjson.dumps), Jsonb([], orjson.dumps)),
        None if due is None else binary_timestamp(due.at_us),
        None if due is None or due.done_us is None else binary_timestamp(due.done_us),
    )
