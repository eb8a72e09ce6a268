"""The one transaction that counts: ledger, raw events, cases, contributions, rollups, quarantine, commit number.

Either all of a batch is in the store or nothing is; what is in the ledger never counts again. So a batch may come
twice, in parts, in any order, to any worker.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from opd_schemas import privacy, subjects
from opd_schemas.lifecycle import VOIDED
from opd_schemas.refusal import Reason
from services.aggregator.arrival import Arrival, Refused
from services.aggregator.merge import Contribution, Meaning, Series, SeriesKey, Transition, merge
from services.aggregator.registry import Registry
from services.db import load
from services.micros import binary_timestamp, from_us, to_us

SQL = load(__file__)

# Column types of the temporary tables, for binary COPY; a timestamptz travels as the integer that it is.
_BATCH = (
    "int4", "int4", "text", "bytea", "int8", "int8",
    "int8", "text", "int4", "text", "text", "int8", "bool",
)  # fmt: skip
_MERGED = (
    "int8", "text", "text", "text", "int8", "int8",
    "int8", "text", "int4", "text", "text[]", "jsonb", "jsonb", "int8", "int8",
)  # fmt: skip
_DELTA = ("int8", "int4", "int2", "int8", "int8", "int2", "bool")

#: As long as the slots in which it is kept who was heard.
_SLOT_US = 300 * 1_000_000

Connection = AsyncConnection[TupleRow]
CaseKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one committed batch did: how many events counted, repeated, went into quarantine; and the commit number."""

    commit_no: int
    counted: int
    duplicates: int
    rejected: int
    opds: frozenset[str]
    kinds: frozenset[str]


async def prepare(connection: Connection) -> None:
    """Make a fresh connection ready for `apply`: its temporary tables."""
    await connection.execute(SQL["temporary_tables"])
    await connection.commit()


async def apply(
    connection: Connection, registry: Registry, arrivals: Sequence[Arrival], refused: Sequence[Refused] = ()
) -> Outcome:
    """Count `arrivals` and quarantine `refused` in one transaction on a prepared connection; commits.

    Raises psycopg.Error with nothing changed if the database refuses or is away, NotMigrated if no city is set.
    """
    await _learn(registry, arrivals)
    async with connection.transaction():
        held = await (await connection.execute(SQL["hold_rules"])).fetchone()
        assert held is not None  # noqa: S101 - a SELECT of values always has a row
        batch_id: int = held[1]
        # Read only now: whoever changes the rules holds them alone until they are in force.
        await registry.take_rules(connection)
        fresh, repeats = await _enter(connection, registry, arrivals, batch_id)
        duplicates, conflicts = await _judge_repeats(connection, registry, repeats, batch_id)
        await _count_cases(connection, registry, list(fresh.values()), batch_id)
        if counted := [ord_ for ord_, a in fresh.items() if a.case_id is not None and not a.history]:
            await connection.execute(SQL["count_arrivals"], (counted,))
        await _hear(connection, registry, list(fresh.values()))
        await _quarantine(connection, [*refused, *conflicts], batch_id)
        # Last, so that the counter's row is held for the commit alone.
        received = min(
            [a.received_us for a in arrivals if not a.history] + [r.received_us for r in refused], default=None
        )
        done = {"counted": len(fresh), "duplicates": duplicates, "rejected": len(refused) + len(conflicts)}
        commit_no = await number_commit(connection, batch_id, received_us=received, **done)
    return Outcome(
        commit_no=commit_no,
        counted=len(fresh),
        duplicates=duplicates,
        rejected=len(refused) + len(conflicts),
        opds=frozenset(a.opd for a in fresh.values()),
        kinds=frozenset(a.kind for a in fresh.values()),
    )


async def number_commit(
    connection: Connection,
    batch_id: int,
    *,
    counted: int = 0,
    duplicates: int = 0,
    rejected: int = 0,
    received_us: int | None = None,
) -> int:
    """Give the transaction its number: the last thing before it commits."""
    values = {"batch": batch_id, "counted": counted, "duplicates": duplicates, "rejected": rejected}
    received = None if received_us is None else from_us(received_us)
    row = await (await connection.execute(SQL["number_commit"], {**values, "received": received})).fetchone()
    assert row is not None  # noqa: S101 - INSERT … RETURNING of one row
    return int(row[0])


def _place(a: Arrival) -> SeriesKey:
    """The names of an event's series; equal to (and as a key the same as) a `Series`."""
    assert a.unit is not None and a.service is not None and a.channel is not None  # noqa: S101, PT018 - the contract
    return a.opd, a.kind, a.unit, a.service, a.channel


async def _learn(registry: Registry, arrivals: Sequence[Arrival]) -> None:
    await registry.ensure(
        {(a.opd, a.app) for a in arrivals},
        {Series(*place) for place in {_place(a) for a in arrivals if a.case_id is not None}},
    )


async def _enter(
    connection: Connection, registry: Registry, arrivals: Sequence[Arrival], batch_id: int
) -> tuple[dict[int, Arrival], list[Arrival]]:
    """Ledger and raw events; returns the arrivals that are new, by their number in the batch, and the repeats."""
    if not arrivals:
        return {}, []
    series_ids = registry.series_ids
    ordered = sorted(arrivals, key=lambda a: (a.inbox_created_us, a.inbox_seq))
    seen: set[tuple[str, str, str]] = set()
    candidates: list[Arrival] = []
    repeats: list[Arrival] = []
    for a in ordered:
        key = (a.opd, a.app, a.event_id)
        (repeats if key in seen else candidates).append(a)
        seen.add(key)
    rows = (
        (
            ord_,
            registry.source_ids[a.opd, a.app],
            a.event_id,
            a.digest,
            binary_timestamp(a.inbox_created_us),
            a.inbox_seq,
            binary_timestamp(a.at_us),
            a.state,
            None if a.case_id is None else series_ids[_place(a)],
            a.case_id,
            a.voids,
            binary_timestamp(a.received_us),
            a.history,
        )
        for ord_, a in enumerate(candidates)
    )
    async with connection.cursor() as cursor:
        await _copy(cursor, "copy_batch", _BATCH, rows)
        await cursor.execute(SQL["enter_ledger"], {"batch": batch_id})
        new = {row[0] for row in await cursor.fetchall()}
    repeats += [a for ord_, a in enumerate(candidates) if ord_ not in new]
    return {ord_: a for ord_, a in enumerate(candidates) if ord_ in new}, repeats


async def _judge_repeats(
    connection: Connection, registry: Registry, repeats: Sequence[Arrival], batch_id: int
) -> tuple[int, list[Refused]]:
    """A repeated id is a redelivery (same INBOX message), a duplicate (same content) or a conflict."""
    if not repeats:
        return 0, []
    keys = sorted({(registry.source_ids[a.opd, a.app], a.event_id) for a in repeats})
    rows = await connection.execute(SQL["in_ledger"], ([k[0] for k in keys], [k[1] for k in keys]))
    first = {
        (source_id, event_id): (digest, (to_us(created), seq))
        async for source_id, event_id, digest, created, seq in rows
    }
    duplicates: list[Arrival] = []
    conflicts: list[Refused] = []
    for a in repeats:
        digest, inbox = first[registry.source_ids[a.opd, a.app], a.event_id]
        if inbox == (a.inbox_created_us, a.inbox_seq):
            continue
        if digest == a.digest:
            duplicates.append(a)
        else:
            conflicts.append(_conflict(a))
    if duplicates:
        await connection.execute(
            SQL["add_duplicates"],
            (
                batch_id,
                [from_us(a.inbox_created_us) for a in duplicates],
                [a.inbox_seq for a in duplicates],
                [registry.source_ids[a.opd, a.app] for a in duplicates],
                [a.event_id for a in duplicates],
            ),
        )
    return len(duplicates), conflicts


def _conflict(a: Arrival) -> Refused:
    return Refused(
        a.inbox_created_us,
        a.inbox_seq,
        Reason.CONFLICT,
        "id",
        "this id was counted before with other content; an id may be used once. Send the change under a new id",
        subjects.publish_subject(opd=a.opd, app=a.app, kind=a.kind, state=a.state, history=a.history),
        a.opd,
        a.app,
        a.event_id,
        privacy.mask_text(a.body.decode("utf-8", "backslashreplace")),
        a.received_us,
    )


def _lock_key(key: CaseKey) -> int:
    return int.from_bytes(hashlib.blake2b("\x1f".join(key).encode(), digest_size=8).digest(), "big", signed=True)


async def _count_cases(connection: Connection, registry: Registry, fresh: Sequence[Arrival], batch_id: int) -> None:
    """Lock the touched cases, merge the new events into them, and move the sums by what changed."""
    touched: dict[CaseKey, list[Arrival]] = {}
    for a in fresh:
        if a.case_id is not None:
            touched.setdefault((a.case_id, a.kind, a.opd), []).append(a)
    if not touched:
        return
    await connection.execute(SQL["lock_cases"], (sorted({_lock_key(key) for key in touched}),))
    keys = sorted(touched)
    stored = await read_cases(connection, keys)
    before = await read_contributions(connection, [s.case_no for s in stored if not s.is_new])
    changes = []
    series_ids = registry.series_ids
    for key, case in zip(keys, stored, strict=True):
        for a in touched[key]:
            source_id = registry.source_ids[a.opd, a.app]
            if a.state == VOIDED:
                assert a.voids is not None  # noqa: S101 - the contract: a void names an event
                case.voids.add((source_id, a.voids))
            else:
                case.transitions.append(Transition(a.at_us, a.state, series_ids[_place(a)], source_id, a.event_id))
        changes.append((case, before.get(case.case_no, [])))
    await write_cases(connection, registry, changes, batch_id)


async def merge_anew(connection: Connection, registry: Registry, keys: Sequence[CaseKey], batch_id: int) -> None:
    """Merge cases without new events, by the rules in force, within a transaction that holds them."""
    await connection.execute(SQL["lock_cases"], (sorted({_lock_key(key) for key in keys}),))
    stored = await read_cases(connection, keys)
    before = await read_contributions(connection, [case.case_no for case in stored])
    await write_cases(connection, registry, [(case, before.get(case.case_no, [])) for case in stored], batch_id)


@dataclass(slots=True)
class StoredCase:
    """A case as the store holds it: its key, number, and the set of its events and voids."""

    key: CaseKey
    case_no: int
    is_new: bool
    transitions: list[Transition]
    voids: set[tuple[int, str]]


async def read_cases(connection: Connection, keys: Sequence[CaseKey]) -> list[StoredCase]:
    """The cases of `keys`, in that order; one that is new gets a number."""
    rows = await connection.execute(SQL["read_cases"], [list(column) for column in zip(*keys, strict=True)])
    cases: list[StoredCase | None] = [None] * len(keys)
    for ord_, case_no, transitions, voids in await rows.fetchall():
        cases[ord_ - 1] = StoredCase(
            keys[ord_ - 1],
            case_no,
            transitions is None,
            [Transition(*t) for t in transitions or ()],
            {(source_id, event_id) for source_id, event_id in voids or ()},
        )
    return [case for case in cases if case is not None]


async def read_contributions(connection: Connection, case_nos: Sequence[int]) -> dict[int, list[Contribution]]:
    """The stored contributions of the cases, by case."""
    found: dict[int, list[Contribution]] = {}
    if case_nos:
        rows = await connection.execute(SQL["read_contributions"], (list(case_nos),))
        for case_no, series_id, measure_id, at, value in await rows.fetchall():
            found.setdefault(case_no, []).append(Contribution(series_id, measure_id, to_us(at), value))
    return found


async def write_cases(
    connection: Connection,
    registry: Registry,
    changes: Sequence[tuple[StoredCase, list[Contribution]]],
    batch_id: int,
) -> None:
    """Write the meaning of each case, replace its stored contributions (`before`), and move the sums by the change."""
    meanings = await merge_all(registry, [case for case, _ in changes])
    merged: list[tuple[object, ...]] = []
    delta: list[tuple[int, int, int, int, int, int, bool]] = []
    rewritten: list[int] = []
    shrank = False
    for (case, before), meaning in zip(changes, meanings, strict=True):
        merged.append(_case_row(case, meaning))
        if not before:
            delta += [(case.case_no, *_at(c), 1, True) for c in meaning.contributions]
            continue
        had, has = Counter(before), Counter(meaning.contributions)
        lost, gained = had - has, has - had
        if lost:
            # Something was taken back: this case's contributions are written anew, the sums move by the difference.
            shrank = True
            rewritten.append(case.case_no)
            delta += [(case.case_no, *_at(c), 0, True) for c in meaning.contributions]
            delta += [(case.case_no, *_at(c), -n, False) for c, n in lost.items()]
            delta += [(case.case_no, *_at(c), n, False) for c, n in gained.items()]
        else:
            for c, n in gained.items():
                delta += [(case.case_no, *_at(c), 1, True)] * n

    async with connection.cursor() as cursor:
        await _copy(cursor, "copy_merged", _MERGED, merged)
        await cursor.execute(SQL["put_cases"])
        if rewritten:
            await cursor.execute(SQL["forget_contributions"], (rewritten,))
        await _copy(cursor, "copy_delta", _DELTA, delta)
        await cursor.execute(SQL["add_contributions"])
        zone = {"zone": registry.timezone}
        await cursor.execute(SQL["roll_up_hour"])
        await cursor.execute(SQL["roll_up_day"], zone)
        await cursor.execute(SQL["within_hour"])
        await cursor.execute(SQL["within_day"], zone)
        await cursor.execute(SQL["move_figures"], {**zone, "batch": batch_id})
        if shrank:
            await cursor.execute(SQL["drop_empty"], zone)
        # Where levels rise and fall, any change may bring a sum to zero.
        if shrank or any(row[2] in registry.levels for row in delta):
            await cursor.execute(SQL["drop_empty_figures"], {**zone, "levels": registry.levels})


async def merge_all(registry: Registry, cases: Sequence[StoredCase]) -> list[Meaning]:
    """The meaning of each case; series that it needs and that are not there yet are created."""
    known = [t for case in cases for t in case.transitions]
    await registry.meet({t.source_id for t in known}, {t.series_id for t in known})
    meanings = _merge_all(registry, cases)
    if missing := {series for meaning in meanings for series in meaning.missing_series}:
        # A duration that ends at a place where the case's first channel was never seen: rare, so worth a second look.
        await registry.ensure((), missing)
        meanings = _merge_all(registry, cases)
    return meanings


def _merge_all(registry: Registry, cases: Sequence[StoredCase]) -> list[Meaning]:
    return [
        merge(
            registry.rules[case.key[1]],
            case.transitions,
            case.voids,
            app_of=registry.app_of,
            series_of=registry.series_of,
            series_ids=registry.series_ids,
        )
        for case in cases
    ]


def _at(c: Contribution) -> tuple[int, int, int, int]:
    return c[0], c[1], binary_timestamp(c[2]), c[3]


def _case_row(case: StoredCase, meaning: Meaning) -> tuple[object, ...]:
    case_id, kind, opd = case.key
    return (
        case.case_no,
        opd,
        kind,
        case_id,
        None if meaning.opened_us is None else binary_timestamp(meaning.opened_us),
        None if meaning.closed_us is None else binary_timestamp(meaning.closed_us),
        None if meaning.last_us is None else binary_timestamp(meaning.last_us),
        meaning.state,
        meaning.series_id,
        meaning.channel,
        meaning.flags,
        Jsonb([tuple(t) for t in meaning.transitions], orjson.dumps),
        Jsonb(sorted(case.voids), orjson.dumps),
        None if meaning.due is None else binary_timestamp(meaning.due.at_us),
        None if meaning.due is None or meaning.due.done_us is None else binary_timestamp(meaning.due.done_us),
    )


async def _copy(
    cursor: AsyncCursor[TupleRow], statement: str, types: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    async with cursor.copy(SQL[statement]) as copy:
        copy.set_types(types)
        for row in rows:
            await copy.write_row(row)


async def _hear(connection: Connection, registry: Registry, fresh: Sequence[Arrival]) -> None:
    """Applications were heard when the broker received their live events."""
    heard: dict[tuple[int, int], int] = {}
    for a in fresh:
        if not a.history:
            slot = registry.source_ids[a.opd, a.app], a.received_us // _SLOT_US
            heard[slot] = max(a.received_us, heard.get(slot, 0))
    if heard:
        await connection.execute(SQL["hear"], ([s for s, _ in heard], [from_us(us) for us in heard.values()]))


async def _quarantine(connection: Connection, refused: Sequence[Refused], batch_id: int) -> None:
    if refused:
        columns = list(zip(*refused, strict=True))
        created, received = columns[0], columns[10]
        await connection.execute(
            SQL["add_rejects"],
            (
                batch_id,
                [from_us(us) for us in created],
                *(list(column) for column in columns[1:10]),
                [from_us(us) for us in received],
            ),
        )
