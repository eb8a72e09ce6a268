"""What verify finds amiss it mends to what the raw events say, and never to anything else."""

from services import db
from services.aggregator.verify import repair, verify
from services.aggregator.worker import Worker
from tests.aggregator.store import Owner, ticket

BATCH = [ticket(1, "issued", "08:00"), ticket(2, "called", "08:10"), ticket(3, "issued", "08:05", "A-2")]
COUNTED = {"issued": 2, "called": 1}


async def test_a_raw_event_that_stands_twice_counts_once(worker: Worker, owner: Owner) -> None:
    await worker.commit(BATCH)
    owner.query("INSERT INTO hub.event SELECT * FROM hub.event WHERE event_id = 'e2'")
    async with db.pool(owner.url, size=3, name="verify") as pool:
        found = await verify(pool)
        assert [d.what for d in found.differences] == ["event", "arrivals"]
        await repair(pool)
        assert (await verify(pool)).differences == []
    assert owner.counted() == COUNTED
    assert owner.query("SELECT count(*) FROM hub.event") == [(3,)]


async def test_lost_sums_and_cases_come_back(worker: Worker, owner: Owner) -> None:
    await worker.commit(BATCH)
    for table in ("cases", "contribution", "rollup_hour", "rollup_day", "heard", "arrival_day", "ledger"):
        owner.query(f"DELETE FROM hub.{table}")  # type: ignore[arg-type]
    async with db.pool(owner.url, size=3, name="verify") as pool:
        assert (await verify(pool)).differences
        await repair(pool)
        assert (await verify(pool)).differences == []
    assert owner.counted() == COUNTED
    # The ledger knows the content again: the same events are repeats, not conflicts.
    (outcome,) = await worker.commit([a._replace(inbox_seq=a.inbox_seq + 10) for a in BATCH])
    assert (outcome.counted, outcome.duplicates, outcome.rejected) == (0, 3, 0)


async def test_closings_that_are_marked_wrongly_are_named_and_marked_anew(worker: Worker, owner: Owner) -> None:
    await worker.commit([*BATCH, ticket(4, "served", "08:20")])
    marked = "SELECT m.name, c.closes FROM hub.contribution c JOIN hub.measure m USING (measure_id) WHERE c.closes"
    assert owner.query(marked) == [("served", True)]
    owner.query("UPDATE hub.contribution SET closes = NOT closes WHERE value = 1")
    async with db.pool(owner.url, size=3, name="verify") as pool:
        found = await verify(pool)
        assert [(d.what, d.key) for d in found.differences] == [
            ("closings", "queue called"), ("closings", "queue issued"), ("closings", "queue served"),
        ]  # fmt: skip
        await repair(pool)
        assert (await verify(pool)).differences == []
    assert owner.query(marked) == [("served", True)]
