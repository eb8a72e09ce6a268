"""What the demo's screen shows: lines, waits, permits, visits, speed and latency, all read from schema `wall` and the
commit log.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from services.db import load

SQL = load(__file__)


@dataclass(frozen=True)
class ServiceNow:
    """One service's line: how many wait, since when the oldest does, today's p90 wait in seconds (None: no case)."""

    opd: str
    name_id: str
    name_en: str
    waiting: int
    oldest: datetime | None
    called: int
    p90_s: float | None


@dataclass(frozen=True)
class Live:
    """One look at the city; latencies in milliseconds, None before the first event."""

    services: list[ServiceNow]
    permits_open: int
    waiting: int
    visits_today: int
    served_today: int
    late: int
    p50_ms: float | None
    p99_ms: float | None


async def city(connection: AsyncConnection[TupleRow]) -> tuple[str, ZoneInfo]:
    """The city's name and zone."""
    row = await (await connection.execute(SQL["city"])).fetchone()
    assert row is not None  # noqa: S101 - a hub that is up has a catalogue in force
    return row[0], ZoneInfo(row[1])


async def newest_batch(connection: AsyncConnection[TupleRow]) -> int:
    """The mark from which `read_live` takes lateness and latency."""
    row = await (await connection.execute(SQL["newest_batch"])).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return int(row[0])


async def read_live(
    connection: AsyncConnection[TupleRow], *, since_batch: int, now: datetime, zone: ZoneInfo, top: int
) -> Live:
    """Look once; the `top` longest lines, figures of the local day so far."""
    local = now.astimezone(zone)
    window = {
        "day": datetime.combine(local.date(), time(), zone),
        "until": local.replace(second=0, microsecond=0) + timedelta(minutes=1),
    }
    services = [
        ServiceNow(opd, name_id, name_en, waiting or 0, oldest, called, p90_s)
        async for opd, _, name_id, name_en, waiting, oldest, called, p90_s in await connection.execute(
            SQL["services_now"], {**window, "top": top}
        )
    ]
    today = await (await connection.execute(SQL["today"], window)).fetchone()
    latency = await (await connection.execute(SQL["latency_since"], (since_batch,))).fetchone()
    late = await (await connection.execute(SQL["late_since"], (since_batch,))).fetchone()
    assert today is not None and latency is not None and late is not None  # noqa: S101, PT018 - aggregates
    await connection.rollback()
    return Live(services, today[0], today[1], today[2], today[3], late[0], latency[0], latency[1])
