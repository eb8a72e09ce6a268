"""A catalogue put into force: versions, limits that come and go over a counted history, and a zone that stays."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import psycopg
import pytest

from opd_schemas.catalogue import Agency, Catalogue, City, Limit
from opd_schemas.fields import Name
from services import catalogue_store
from services.aggregator.arrival import Arrival
from services.aggregator.worker import Worker
from services.errors import NotMigrated, TimeZoneFixed
from tests.aggregator.store import Owner, ticket
from tests.databases import Database

_WITHIN = """
SELECT 'hour', m.name, limit_us, hour::text, s.unit, s.channel, n
FROM hub.within_hour JOIN hub.series s USING (series_id) JOIN hub.measure m USING (measure_id)
UNION ALL
SELECT 'day', m.name, limit_us, day::text, s.unit, s.channel, n
FROM hub.within_day JOIN hub.series s USING (series_id) JOIN hub.measure m USING (measure_id)
ORDER BY 1, 2, 3, 4, 5, 6
"""
#: Waits of 9 minutes 59.999999 s, 10 min, 10 min 0.000001 s and an hour; one is taken back, one has no end.
HISTORY = [
    ticket(1, "issued", "08:00"),
    ticket(2, "called", "08:09:59.999999"),
    ticket(3, "issued", "08:00", "A-2", unit="loket-2"),
    ticket(4, "called", "08:10", "A-2", unit="loket-2"),
    ticket(5, "issued", "08:00", "A-3"),
    ticket(6, "called", "08:10:00.000001", "A-3"),
    ticket(7, "issued", "22:59", "A-4", channel="online"),
    ticket(8, "called", "23:59", "A-4"),
    ticket(9, "issued", "08:00", "A-5"),
    ticket(10, "called", "08:01", "A-5"),
    ticket(11, "voided", "08:02", "A-5", voids="e10"),
    ticket(12, "issued", "08:00", "A-6"),
    ticket(13, "served", "08:20"),
]


def catalogue(*limits: int, name: str = "Kota Uji", timezone: str = "Asia/Jakarta") -> Catalogue:
    """A catalogue with limits of the wait, in minutes."""
    return Catalogue(
        city=City(name=name, timezone=timezone),
        limits=tuple(Limit(kind="queue", duration="wait", limit=timedelta(minutes=minutes)) for minutes in limits),
        agencies=(Agency(opd="dukcapil", name=Name(id="Dukcapil", en="Civil registry")),),
    )


def ten_minutes(within: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row for row in within if row[2] == 600_000_000]


async def test_a_later_limit_counts_as_if_it_had_always_been_there(worker: Worker, owner: Owner) -> None:
    assert catalogue_store.apply(owner.url, catalogue(10)).new_limits == 1
    await worker.commit(HISTORY)
    from_the_start = owner.query(_WITHIN)
    assert from_the_start == [
        ("day", "wait", 600_000_000, "2025-11-17", "loket-1", "onsite", 1),
        ("day", "wait", 600_000_000, "2025-11-17", "loket-2", "onsite", 1),
        ("hour", "wait", 600_000_000, "2025-11-17 01:00:00+00", "loket-1", "onsite", 1),
        ("hour", "wait", 600_000_000, "2025-11-17 01:00:00+00", "loket-2", "onsite", 1),
    ]

    assert catalogue_store.apply(owner.url, catalogue(60)).new_limits == 1
    assert ten_minutes(owner.query(_WITHIN)) == []
    assert [row[6] for row in owner.query(_WITHIN) if row[0] == "day"] == [1, 2, 1]
    assert catalogue_store.apply(owner.url, catalogue(10, 60)).new_limits == 1
    assert ten_minutes(owner.query(_WITHIN)) == from_the_start

    catalogue_store.apply(owner.url, catalogue())
    assert owner.query(_WITHIN) == []
    assert owner.query("SELECT count(*) FROM hub.duration_limit") == [(0,)]


async def test_a_limit_that_comes_while_events_flow(new_worker: Callable[[], Awaitable[Worker]], owner: Owner) -> None:
    """Each event is counted by the catalogue or by its worker, never by both and never by none."""
    catalogue_store.apply(owner.url, catalogue())
    workers = [await new_worker(), await new_worker()]
    tickets = [
        [ticket(2 * n, "issued", "08:00", f"B-{n}"), ticket(2 * n + 1, "called", f"08:{n % 20:02}", f"B-{n}")]
        for n in range(100, 220)
    ]

    async def work(worker: Worker, mine: Sequence[Sequence[Arrival]]) -> None:
        for events in mine:
            await worker.commit(events)

    applied = asyncio.to_thread(catalogue_store.apply, owner.url, catalogue(10))
    await asyncio.gather(work(workers[0], tickets[::2]), applied, work(workers[1], tickets[1::2]))
    assert [row[6] for row in owner.query(_WITHIN)] == [66, 66]


async def test_the_zone_stays_once_something_is_counted(worker: Worker, owner: Owner) -> None:
    catalogue_store.apply(owner.url, catalogue())
    catalogue_store.apply(owner.url, catalogue(timezone="Asia/Makassar"))
    await worker.commit(HISTORY[:1])
    with pytest.raises(TimeZoneFixed, match="Asia/Makassar"):
        catalogue_store.apply(owner.url, catalogue(10, name="Kota Lain"))
    assert owner.query("SELECT name, timezone FROM hub.city") == [("Kota Uji", "Asia/Makassar")]
    assert owner.query("SELECT count(*) FROM hub.catalogue") == [(2,)]
    assert owner.query("SELECT count(*) FROM hub.duration_limit") == [(0,)]
    assert catalogue_store.apply(owner.url, catalogue(timezone="Asia/Makassar", name="Kota Lain")).changed
    assert owner.query("SELECT name FROM wall.city") == [("Kota Lain",)]


def test_an_equal_catalogue_makes_no_version(owner: Owner) -> None:
    first = catalogue_store.apply(owner.url, catalogue(10))
    again = catalogue_store.apply(owner.url, catalogue(10))
    assert (first.changed, again.changed, again.new_limits) == (True, False, 0)
    assert again.version == first.version
    other = catalogue_store.apply(owner.url, catalogue(10, 15))
    assert (other.changed, other.new_limits, other.version) == (True, 1, first.version + 1)


def test_a_database_that_is_not_migrated(database: Database) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("DROP SCHEMA hub, wall CASCADE")
    with pytest.raises(NotMigrated):
        catalogue_store.apply(database.owner_url, catalogue())
