"""Brings what is stored in step with the rules in force, while live events flow: cases that a changed calendar, limit
or lifecycle touches are merged anew, and new figures are counted over the cases that were there before them.

Each step is a transaction of its own and all of it may be broken off at any moment; the next call goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import errors

from opd_schemas.events import KINDS
from services.aggregator import transaction
from services.aggregator.registry import Registry
from services.db import Pool, load

SQL = load(__file__, "rewrite.sql")
#: Cases merged anew in one transaction; only these wait meanwhile.
_CASES = 500
#: Case numbers over which a new figure is counted in one transaction; workers wait meanwhile, a fraction of a second.
_NUMBERS = 20_000
_YIELDED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
#: Hears of cases done and of all there are to do.
Heard = Callable[[int, int], None]


@dataclass(frozen=True)
class Rewritten:
    """What one call did: cases merged anew, and figures that are counted over all cases now."""

    cases: int
    figures: int


async def rewrite(pool: Pool, *, on_progress: Heard = lambda done, total: None) -> Rewritten:
    """Rewrite and count whatever lags behind the catalogue in force; raises NotMigrated if there is none."""
    cases = 0
    registry = Registry(pool)
    await registry.refresh()
    async with pool.connection() as connection:
        await transaction.prepare(connection)
        while stale := await _stale(connection, registry):
            for kind, opd, digest in stale:
                cases += await _rewrite(connection, registry, kind, opd, digest, on_progress)
        figures = await _count_figures(connection, on_progress)
    return Rewritten(cases, figures)


async def _stale(connection: transaction.Connection, registry: Registry) -> list[tuple[str, str, str]]:
    """(kind, opd, digest) of all whose cases were not yet rewritten by the rules in force."""
    async with connection.transaction():
        await registry.take_rules(connection)
        assert registry.city is not None  # noqa: S101 - taken
        known = {(kind, opd): digest async for kind, opd, digest in await connection.execute(SQL["rewritten"])}
        agencies = await (await connection.execute(SQL["agencies"])).fetchall()
    wanted = [(kind, opd, registry.city.digest(KINDS[kind], opd)) for kind, opd in agencies]
    return [each for each in wanted if known.get(each[:2]) != each[2]]


async def _rewrite(
    connection: transaction.Connection, registry: Registry, kind: str, opd: str, digest: str, on_progress: Heard
) -> int:
    row = await (await connection.execute(SQL["extent"], (kind, opd))).fetchone()
    await connection.commit()
    assert row is not None  # noqa: S101 - aggregates always give a row
    last_no, total = row
    version = registry.version
    done, case_no = 0, 0
    while case_no < last_no:
        try:
            async with connection.transaction():
                held = await (await connection.execute(transaction.SQL["hold_rules"])).fetchone()
                assert held is not None  # noqa: S101 - a SELECT of values always has a row
                await registry.take_rules(connection)
                if registry.version != version:
                    # Another catalogue came into force: some cases were merged by this one, others by that.
                    return done
                keys = await (
                    await connection.execute(SQL["cases_of"], (kind, opd, case_no, last_no, _CASES))
                ).fetchall()
                if not keys:
                    break
                await transaction.merge_anew(connection, registry, [tuple(key[:3]) for key in keys], held[1])
                await transaction.number_commit(connection, held[1])
        except _YIELDED:
            continue
        case_no = keys[-1][3]
        done += len(keys)
        on_progress(done, total)
    async with connection.transaction():
        await connection.execute(transaction.SQL["hold_rules"])
        await registry.take_rules(connection)
        if registry.version == version:
            await connection.execute(SQL["note_rewritten"], (kind, opd, digest))
    return done


async def _count_figures(connection: transaction.Connection, on_progress: Heard) -> int:
    """Count each new figure over the cases that workers leave out, stretch by stretch, until none is left."""
    counted = 0
    while True:
        async with connection.transaction():
            # Alone: a worker counts a case for a figure if its number lies within what is counted, so that border may
            # move only between its transactions.
            await connection.execute(transaction.SQL["hold_rules_alone"])
            stretch = await (await connection.execute(SQL["next_stretch"], (_NUMBERS,))).fetchone()
            if stretch is None:
                return counted
            start, end, last = stretch
            numbers = {"start": start, "end": end, "last": last}
            await connection.execute(SQL["count_figures"], numbers)
            if end >= last:
                await connection.execute(SQL["drop_counted_empty"], numbers)
            done = await connection.execute(SQL["move_border"], numbers)
            counted += done.rowcount if end >= last else 0
        on_progress(min(end, last), last)
