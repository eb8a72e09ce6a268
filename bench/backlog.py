"""A filled INBOX drained twice: by the hub, to committed rollups, and by the raw ceiling. Publishers stand still."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime

import psycopg
from nats.js.api import ConsumerConfig

from bench.machine import ADMIN, SERVICES, Machine
from bench.processes import busy_seconds, cpu_seconds
from deploy.local import nats, postgres
from opd_schemas import subjects
from services.settings import Settings
from services.streams import ACK_WAIT_S

BATCH: int = Settings.model_fields["batch"].default
_CEILING_DURABLE = "ceiling"
_PATIENCE_S = 300.0
_PROGRESS = "SELECT (SELECT count(*) FROM hub.ledger), (SELECT max(committed_at) FROM hub.commit_log)"
_BOOKS = """
SELECT (SELECT count(*) FROM hub.event), (SELECT sum(n) FROM hub.rollup_day JOIN hub.measure USING (measure_id)
                                          WHERE role = 'state')
"""


@dataclass(frozen=True)
class Pace:
    """One run: events a second, microseconds of processor an event by process, and how many cores others kept busy."""

    per_second: float
    cpu_us: dict[str, float]
    others: float


async def whole_path(machine: Machine, count: int) -> Pace:
    """The hub's pace from INBOX to committed rollups; fails if any event is missing from the books."""
    await machine.new_streams(keep_inbox=True)
    await asyncio.to_thread(machine.new_database)
    began = await machine.start_services()
    parts = {name: machine.stack.pid(name) or 0 for name in (*SERVICES, nats.NAME, postgres.NAME)}
    before = {name: cpu_seconds(pid) for name, pid in parts.items()}
    busy, since = busy_seconds(), time.monotonic()
    ended = await _committed(machine, count)
    ours = {name: cpu_seconds(pid) - before[name] for name, pid in parts.items()}
    others = max(busy_seconds() - busy - sum(ours.values()), 0.0) / (time.monotonic() - since)
    await asyncio.to_thread(machine.stop_services)
    cpu_us = {name: spent / count * 1e6 for name, spent in ours.items()}
    return Pace(count / (ended.timestamp() - began), cpu_us, others)


async def _committed(machine: Machine, count: int) -> datetime:
    """When the last of `count` events was committed, by the database's own clock (the same machine's)."""
    deadline = time.monotonic() + _PATIENCE_S
    async with await psycopg.AsyncConnection.connect(machine.endpoints.database_url, autocommit=True) as connection:
        while True:
            await asyncio.sleep(0.5)
            counted, ended = await _one(connection, _PROGRESS)
            if counted == count:
                raw, in_rollups = await _one(connection, _BOOKS)
                assert raw == in_rollups == count, f"{raw} raw events, {in_rollups} in rollups, of {count}"
                assert isinstance(ended, datetime)
                return ended
            if time.monotonic() > deadline:
                raise TimeoutError(f"{counted} of {count} events were counted in {_PATIENCE_S:.0f} s")


async def _one(connection: psycopg.AsyncConnection, statement: str) -> tuple[object, ...]:
    row = await (await connection.execute(statement.encode())).fetchone()
    assert row is not None
    return row


async def ceiling(machine: Machine, count: int, *, hub_fetch: bool) -> float:
    """Events a second of the raw ceiling, with nats-py's own `fetch` or with the hub's."""
    await asyncio.to_thread(machine.new_database)
    async with machine.admin() as client:
        js = client.jetstream()
        await js.add_consumer(
            subjects.INBOX,
            ConsumerConfig(durable_name=_CEILING_DURABLE, ack_wait=ACK_WAIT_S, max_deliver=-1, max_ack_pending=8000),
        )
        settings = {
            "nats_url": machine.endpoints.nats_url_for(ADMIN),
            "database_url": machine.endpoints.superuser_url,
            "stream": subjects.INBOX,
            "durable": _CEILING_DURABLE,
            "batch": BATCH,
            "count": count,
            "hub_fetch": hub_fetch,
        }
        try:
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "bench.ceiling"],
                input=json.dumps(settings),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            await js.delete_consumer(subjects.INBOX, _CEILING_DURABLE)
    return count / float(done.stdout)
