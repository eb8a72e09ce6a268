"""What one transaction promises: each id once, gap-free numbers, one set of rules, and books that add up."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from opd_schemas.event import Event
from services import db
from services.aggregator.arrival import Arrival
from services.aggregator.registry import Registry
from services.aggregator.transaction import Outcome, apply
from services.aggregator.worker import Worker
from services.micros import from_us
from tests.aggregator.store import APP, OPD, Owner, meanwhile, ticket, until
from tests.arrivals import RECEIVED_US, arrive

NewWorker = Callable[[], Awaitable[Worker]]


def heartbeat(seq: int, *, received_us: int = RECEIVED_US, history: bool = False, app: str = APP) -> Arrival:
    event = Event(OPD, app, "app", "heartbeat", f"h{seq}", from_us(RECEIVED_US))
    return arrive(event, seq, received_us=received_us, history=history)


async def test_the_first_committed_content_counts(worker: Worker, owner: Owner) -> None:
    first = ticket(1, "issued", "08:00")
    (outcome,) = await worker.commit([first])
    assert outcome == Outcome(1, 1, 0, 0, frozenset({OPD}), frozenset({"queue"}))

    same, other = ticket(2, "issued", "08:00", id="e1"), ticket(3, "called", "08:10", id="e1")
    elsewhere = ticket(4, "issued", "08:00", id="e1", app="kiosk")
    (outcome,) = await worker.commit([other, same, elsewhere])
    assert (outcome.counted, outcome.duplicates, outcome.rejected) == (1, 1, 1)
    assert owner.query("SELECT inbox_seq FROM hub.ledger ORDER BY 1") == [(1,), (4,)]
    assert owner.query("SELECT inbox_seq FROM hub.duplicate") == [(2,)]
    assert owner.query("SELECT inbox_seq, reason, app, event_id FROM hub.reject") == [(3, "conflict", APP, "e1")]
    assert owner.counted() == {"issued": 2}


async def test_within_a_batch_the_first_of_inbox_counts(worker: Worker, owner: Owner) -> None:
    await worker.commit([ticket(2, "called", "08:10", id="e1"), ticket(1, "issued", "08:00", id="e1")])
    assert owner.counted() == {"issued": 1}
    assert owner.query("SELECT inbox_seq, reason FROM hub.reject") == [(2, "conflict")]


async def test_a_redelivery_leaves_no_trace(worker: Worker, owner: Owner) -> None:
    batch = [ticket(1, "issued", "08:00"), ticket(2, "issued", "08:00", id="e1"), ticket(3, "called", "08:10", id="e1")]
    await worker.commit(batch)
    tables = ("ledger", "event", "duplicate", "reject", "cases", "contribution", "rollup_hour", "rollup_day")
    everything = [f"SELECT * FROM hub.{table} ORDER BY 1, 2, 3" for table in tables]
    before = [owner.query(statement) for statement in everything]
    for again in (batch, batch[::-1], batch[1:2], [*batch, *batch]):
        await worker.commit(again)
    assert [owner.query(statement) for statement in everything] == before


async def test_an_id_of_a_heartbeat_is_taken_too(worker: Worker, owner: Owner) -> None:
    await worker.commit([heartbeat(1)])
    await worker.commit([ticket(2, "issued", "08:00", id="h1"), heartbeat(3)._replace(event_id="h1")])
    assert owner.query("SELECT inbox_seq, reason FROM hub.reject") == [(2, "conflict")]
    assert owner.query("SELECT inbox_seq FROM hub.duplicate") == [(3,)]
    assert owner.counted() == {}


async def test_when_an_application_was_last_heard(worker: Worker, owner: Owner) -> None:
    def heard() -> dict[str, int]:
        rows = owner.query(
            "SELECT app, (extract(epoch FROM heard_at) * 1000000)::bigint FROM hub.last_heard"
            " JOIN hub.source USING (source_id)"
        )
        return {app: us - RECEIVED_US for app, us in rows}

    await worker.commit([heartbeat(1, received_us=RECEIVED_US + 50), heartbeat(2, received_us=RECEIVED_US + 20)])
    assert heard() == {APP: 50}
    await worker.commit([heartbeat(3, received_us=RECEIVED_US + 30)])
    assert heard() == {APP: 50}
    await worker.commit([heartbeat(4, received_us=RECEIVED_US + 90, history=True), heartbeat(5, app="kiosk")])
    assert heard() == {APP: 50, "kiosk": 0}
    await worker.commit([ticket(6, "issued", "08:00")._replace(received_us=RECEIVED_US + 70)])
    assert heard() == {APP: 70, "kiosk": 0}


async def test_a_worker_meets_what_another_created(new_worker: NewWorker, owner: Owner) -> None:
    """A case may hold places and applications that this worker has never seen."""
    one, other = await new_worker(), await new_worker()
    await one.commit(())
    await other.commit(())
    await one.commit([ticket(1, "issued", "08:00", app="kiosk", unit="loket-9", channel="online")])
    (outcome,) = await other.commit([ticket(2, "called", "08:00")])
    assert outcome.counted == 1
    assert owner.query(
        "SELECT s.unit, s.channel, n, total FROM hub.rollup_hour JOIN hub.series s USING (series_id)"
        " JOIN hub.measure m USING (measure_id) WHERE (m.role, m.name) = ('duration', 'wait')"
    ) == [("loket-1", "online", 1, 0)]


async def test_commit_numbers_have_no_gap(new_worker: NewWorker, owner: Owner) -> None:
    """Two workers at once, some of whose batches fail half-way."""
    owner.query("ALTER TABLE hub.reject ADD CONSTRAINT test CHECK (reason <> 'conflict')")
    workers = [await new_worker(), await new_worker()]
    await workers[0].commit([ticket(0, "issued", "07:00", id="taken")])

    async def work(worker: Worker, first: int) -> list[int]:
        numbers = []
        for seq in range(first, first + 60, 6):
            batch = [ticket(seq + n, "issued", f"08:0{n}", f"A-{n}") for n in range(5)]
            # A conflict, which here cannot be stored, undoes its batch at the very end.
            batch.append(ticket(seq + 5, "called", "08:10", id="taken"))
            numbers += [outcome.commit_no for outcome in await worker.commit(batch)]
        return numbers

    numbers = sum(await asyncio.gather(work(workers[0], 1), work(workers[1], 101)), [1])
    assert sorted(numbers) == owner.commits() == list(range(1, len(numbers) + 1))
    assert owner.query("SELECT commit_no FROM hub.commit_counter") == [(len(numbers),)]
    assert owner.counted() == {"issued": 101}
    assert owner.query(
        "SELECT count(*) FROM hub.ledger LEFT JOIN hub.commit_log USING (batch_id) WHERE commit_no IS NULL"
    ) == [(0,)]


async def test_a_zone_changed_meanwhile_is_the_zone_of_the_batch(worker: Worker, owner: Owner) -> None:
    """A catalogue may name another zone as long as nothing is counted; who waits for it must not have read the old."""
    await worker.commit(())
    async with meanwhile(worker.commit([ticket(1, "issued", "23:30")])) as commit:
        with owner.rules_alone() as connection:
            await until(owner.waiting)
            connection.execute("UPDATE hub.city SET timezone = 'Asia/Jayapura'")
        await commit
    assert owner.query("SELECT day::text FROM hub.rollup_day") == [("2025-11-18",)]


@pytest.mark.parametrize("state", ["issued", "voided"])
async def test_an_empty_batch_and_an_empty_case(pool: db.Pool, owner: Owner, state: str) -> None:
    registry = Registry(pool)
    await registry.refresh()
    async with pool.connection() as connection:
        assert (await apply(connection, registry, ())).counted == 0
        await apply(connection, registry, [ticket(1, "voided", "08:00", voids="e2")])
        await apply(connection, registry, [ticket(2, state, "08:00", voids="e1" if state == "voided" else None)])
    assert owner.counted() == {}
    assert owner.query("SELECT opened_at, state, closed_at::text FROM hub.cases") == [(None, None, "infinity")]
    assert owner.query("SELECT count(*) FROM hub.contribution") == [(0,)]
    assert owner.query("SELECT count(*) FROM hub.rollup_day") == [(0,)]
