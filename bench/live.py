"""A steady stream of live events through the running hub: how long each takes from publish to commit, and the memory
that the services hold meanwhile.
"""

import asyncio
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from bench.city import City, messages
from bench.machine import SERVICES, Machine
from bench.processes import resident_bytes
from bench.ranks import rank
from opd_schemas import subjects

_PATIENCE_S = 60.0
_COMMITTED = "SELECT l.event_id, c.committed_at FROM hub.ledger l JOIN hub.commit_log c USING (batch_id)"
_PENDING = 4000


@dataclass(frozen=True)
class Live:
    """Publish to commit in milliseconds, and the most memory seen, in bytes by service."""

    rate: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    memory: dict[str, int]


async def steady(machine: Machine, city: City, *, rate: int, seconds: float) -> Live:
    """Publish `rate` events a second, evenly, and wait until all of them are committed."""
    await machine.new_streams(keep_inbox=False)
    await asyncio.to_thread(machine.new_database)
    await machine.start_services()
    pids = {name: machine.stack.pid(name) or 0 for name in SERVICES}
    memory = dict.fromkeys(SERVICES, 0)
    published: dict[str, float] = {}
    async with machine.admin() as client:
        js = client.jetstream(publish_async_max_pending=_PENDING)
        began = time.monotonic()
        for number in itertools.count():
            due = number / rate
            if due >= seconds:
                break
            if (early := began + due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if number % rate == 0:
                for name, pid in pids.items():
                    memory[name] = max(memory[name], resident_bytes([pid]))
            event = city.live(datetime.now(UTC))
            ((subject, body),) = messages([event])
            published[event.id] = time.time()
            await js.publish_async(subject, body)
        await js.publish_async_completed()
        late = time.monotonic() - began - seconds
        stored = (await js.stream_info(subjects.INBOX)).state.messages
    assert stored == len(published), f"INBOX holds {stored} of {len(published)} messages"
    assert late < 1, f"the publisher itself could not keep {rate} events/s: {late:.1f} s late"
    committed = await _all_committed(machine, len(published))
    await asyncio.to_thread(machine.stop_services)
    spans = sorted((committed[event_id].timestamp() - at) * 1000 for event_id, at in published.items())
    return Live(rate, rank(spans, 0.5), rank(spans, 0.99), spans[-1], memory)


async def _all_committed(machine: Machine, count: int) -> dict[str, datetime]:
    deadline = time.monotonic() + _PATIENCE_S
    async with await psycopg.AsyncConnection.connect(machine.endpoints.database_url, autocommit=True) as connection:
        while True:
            rows = await (await connection.execute(_COMMITTED)).fetchall()
            if len(rows) == count:
                return dict(rows)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(rows)} of {count} events were committed after {_PATIENCE_S:.0f} s")
            await asyncio.sleep(0.5)
