"""Whatever happens to the database in the middle of a batch: it is committed once, later, and loses nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from deploy.local.stack import Endpoints, Stack
from opd_schemas.refusal import Reason
from services import db
from services.aggregator import transaction
from services.aggregator.arrival import Refused
from services.aggregator.registry import Registry
from services.aggregator.worker import Worker
from services.sql.runner import migrate
from tests.aggregator.store import Owner, meanwhile, ticket, until
from tests.databases import Database

BATCH = [ticket(1, "issued", "08:00"), ticket(2, "called", "08:10"), ticket(3, "issued", "08:05", "A-2")]
COUNTED = {"issued": 2, "called": 1}
SET_CITY = "INSERT INTO hub.city (name, timezone, late_after) VALUES ('Kota Uji', 'Asia/Jakarta', '10 min')"
_SOURCES = "SELECT app, count(*) FROM hub.ledger JOIN hub.source USING (source_id) GROUP BY 1"
LOCK_CASES = b"LOCK TABLE hub.cases IN EXCLUSIVE MODE"


@asynccontextmanager
async def holding(owner: Owner, lock: bytes) -> AsyncIterator[psycopg.AsyncConnection]:
    """Hold a lock that the worker needs in the middle of its transaction."""
    connection = await psycopg.AsyncConnection.connect(owner.url)
    try:
        await connection.execute(lock)
        yield connection
    finally:
        await connection.close()


async def test_connection_cut_in_the_middle(worker: Worker, owner: Owner) -> None:
    async with holding(owner, LOCK_CASES) as lock, meanwhile(worker.commit(BATCH)) as commit:
        await until(owner.waiting)
        (pid,) = owner.waiting()
        owner.cut(pid)
        await until(lambda: owner.waiting() not in ([], [pid]))
        assert owner.ledger() == []
        await lock.close()
        (outcome,) = await commit
    assert (outcome.counted, outcome.commit_no) == (3, 1)
    assert owner.counted() == COUNTED


async def test_connection_cut_while_a_place_gets_its_number(worker: Worker, owner: Owner) -> None:
    lock_series = b"LOCK TABLE hub.series IN EXCLUSIVE MODE"
    async with holding(owner, lock_series) as lock, meanwhile(worker.commit(BATCH)) as commit:
        await until(owner.waiting)
        (pid,) = owner.waiting()
        owner.cut(pid)
        await until(lambda: owner.waiting() not in ([], [pid]))
        await lock.close()
        await commit
    assert owner.query(_SOURCES) == [("antrean", 3)]


async def test_server_killed_in_the_middle(tmp_path: Path, endpoints: Endpoints) -> None:
    stack = Stack(tmp_path / "killed", environment={"WARROOM_NATS_URL": endpoints.nats_url})
    try:
        database = Database("warroom", stack.up())
        migrate(database.owner_url)
        owner = Owner(database)
        owner.query(SET_CITY)
        url = database.url_for("hub_aggregator")
        async with db.pool(url, size=3, name="aggregator", configure=transaction.prepare) as pool:
            worker = Worker(pool, Registry(pool))
            await worker.commit(BATCH[:1])
            async with holding(owner, LOCK_CASES), meanwhile(worker.commit(BATCH)) as commit:
                await until(owner.waiting)
                server = stack.pid("postgres")
                assert server is not None
                os.kill(server, signal.SIGKILL)
                await asyncio.to_thread(stack.wait)
                (outcome,) = await commit
        assert (outcome.counted, outcome.commit_no) == (2, 2)
        assert owner.counted() == COUNTED
        assert owner.commits() == [1, 2]
    finally:
        stack.down()


async def test_no_connection_to_be_had(owner: Owner, database: Database) -> None:
    url = database.url_for("hub_aggregator")
    async with db.pool(url, size=2, name="aggregator", configure=transaction.prepare) as pool:
        worker = Worker(pool, Registry(pool))
        held = [await pool.getconn(), await pool.getconn()]
        pool.timeout = 0.1
        with capture_logs() as logs:
            async with meanwhile(worker.commit(BATCH)) as commit:
                await until(lambda: len(logs) > 1)
                for connection in held:
                    await pool.putconn(connection)
                (outcome,) = await commit
    assert {entry["error"] for entry in logs} == {"PoolTimeout"}
    assert (outcome.counted, outcome.commit_no) == (3, 1)
    assert owner.counted() == COUNTED


async def test_deadlock(worker: Worker, owner: Owner) -> None:
    """Each waits for the other; the server ends one of them, and it is not always ours."""
    await worker.commit([ticket(0, "issued", "07:59", "A-0")])
    for seq in range(1, 6):
        work = worker.commit([ticket(seq, "issued", "08:00", f"A-{seq}")])
        async with holding(owner, b"SELECT FROM hub.commit_counter FOR UPDATE") as lock, meanwhile(work) as commit:
            await until(owner.waiting)
            try:
                # The worker has this key already, and waits for the counter.
                await lock.execute(
                    "INSERT INTO hub.ledger SELECT source_id, %s, '', now(), 0, 0 FROM hub.source", (f"e{seq}",)
                )
                yielded = True
            except psycopg.errors.DeadlockDetected:
                yielded = False
            await lock.close()
            (outcome,) = await commit
        assert (outcome.counted, outcome.commit_no) == (1, seq + 1)
        assert owner.counted() == {"issued": seq + 1}
        if yielded:
            return
    pytest.fail("in five deadlocks the server never chose the worker")


async def test_waits_for_the_city(worker: Worker, owner: Owner) -> None:
    owner.query("DELETE FROM hub.city")
    with capture_logs() as logs:
        async with meanwhile(worker.commit(BATCH)) as commit:
            await until(lambda: logs)
            assert owner.ledger() == []
            owner.query(SET_CITY)
            (outcome,) = await commit
    assert (outcome.counted, outcome.commit_no) == (3, 1)


def refused(seq: int) -> Refused:
    return Refused(1, seq, Reason.BAD_SUBJECT, "", "detail", "opd.x", None, None, None, "{}", 0)


async def test_a_row_that_cannot_be_stored_stands_apart(worker: Worker, owner: Owner) -> None:
    owner.query("ALTER TABLE hub.ledger ADD CONSTRAINT test CHECK (event_id NOT IN ('e3', 'e6'))")
    batch = [ticket(seq, "issued", "08:00", f"RAHASIA-{seq}") for seq in range(1, 9)]
    with capture_logs() as logs:
        outcomes = await worker.commit(batch, [refused(9), refused(10)])

    assert owner.ledger() == ["e1", "e2", "e4", "e5", "e7", "e8"]
    assert owner.counted() == {"issued": 6}
    assert owner.query("SELECT inbox_seq, reason, opd, app, event_id, subject FROM hub.reject ORDER BY 1") == [
        (3, "not_storable", "dukcapil", "antrean", "e3", "opd.dukcapil.antrean.queue.issued"),
        (6, "not_storable", "dukcapil", "antrean", "e6", "opd.dukcapil.antrean.queue.issued"),
        (9, "bad_subject", None, None, None, "opd.x"),
        (10, "bad_subject", None, None, None, "opd.x"),
    ]
    assert sum(outcome.counted for outcome in outcomes) == 6
    assert sum(outcome.rejected for outcome in outcomes) == 4
    assert owner.commits() == [outcome.commit_no for outcome in outcomes]
    assert logs
    assert "RAHASIA" not in str(logs)

    # A redelivery changes nothing.
    before = owner.query("SELECT inbox_seq, reason, received_at FROM hub.reject ORDER BY 1")
    await worker.commit(batch, [refused(9), refused(10)])
    assert owner.counted() == {"issued": 6}
    assert owner.query("SELECT inbox_seq, reason, received_at FROM hub.reject ORDER BY 1") == before


@pytest.mark.parametrize("field", ["service", "case_id", "channel"])
async def test_a_nul_in_a_field(worker: Worker, owner: Owner, field: str) -> None:
    changed: dict[str, Any] = {field: "a\x00b", "body": b'{"case":"a\x00b 3271046504930002"}'}
    sick = ticket(2, "issued", "08:00")._replace(**changed)
    await worker.commit([BATCH[0], sick, ticket(3, "issued", "08:05", "A-2")])
    assert owner.ledger() == ["e1", "e3"]
    assert owner.query(_SOURCES) == [("antrean", 2)]
    ((reason, payload),) = owner.query("SELECT reason, payload FROM hub.reject")
    assert reason == "not_storable"
    assert "\\x00" in payload
    assert "3271046504930002" not in payload


async def test_a_reject_that_cannot_be_stored_costs_only_its_texts(worker: Worker, owner: Owner) -> None:
    good = Refused(1, 1, "unknown_unit", "data.unit", "why", "opd.a.b.queue.issued", "a", "b", "e", "{}", 5)
    bad = good._replace(inbox_seq=2, field="data.a\x00b")
    await worker.commit((), (good, bad, good._replace(inbox_seq=3)))
    rows = owner.query("SELECT inbox_seq, reason, field, payload FROM hub.reject ORDER BY 1")
    assert rows == [
        (1, "unknown_unit", "data.unit", "{}"),
        (2, "not_storable", "", ""),
        (3, "unknown_unit", "data.unit", "{}"),
    ]
