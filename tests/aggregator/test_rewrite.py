"""A changed calendar, limit or KPI brings the very figures of a hub that had it from the start, while events flow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from opd_schemas.catalogue import Catalogue
from services import catalogue_store, db
from services.aggregator import rewrite as rewriting
from services.aggregator import transaction
from services.aggregator.arrival import Arrival
from services.aggregator.verify import verify
from tests.databases import Database, Databases
from tests.kpi.town import Town, calendar, catalogue, kpi

START = datetime(2025, 11, 3, 9, tzinfo=ZoneInfo("Asia/Jakarta"))
HOUR = timedelta(hours=1)
OVERDUE = {"type": "overdue", "duration": "lead", "limit": {"working_days": 2}}
IN_TIME = {"type": "share_within", "duration": "lead", "limit": {"working_days": 2}}
BEFORE = catalogue([kpi("lewat", "permit", OVERDUE, unit="count"), kpi("tepat", "permit", IN_TIME)])
AFTER = catalogue(
    [
        kpi("lewat", "permit", {**OVERDUE, "limit": {"working_days": 1}}, unit="count"),
        kpi("tepat", "permit", {**IN_TIME, "limit": {"working_days": 1}}),
        kpi("tempo", "permit", {"type": "median", "duration": "lead", "clock": "net"}, unit="hours"),
        kpi("menunggu", "permit", {"type": "open", "waiting": True}, unit="count"),
        kpi("antre", "queue", {"type": "p90", "duration": "wait"}, unit="minutes"),
    ],
    office=calendar("07:30-14:00", holidays=[{"date": "2025-11-05", "name": "Libur"}]),
)


@pytest.fixture
async def towns(databases: Databases) -> AsyncIterator[Callable[[], Town]]:
    """Towns with databases of their own."""
    async with AsyncExitStack() as stack:
        made: list[Database] = []

        async def new() -> Town:
            made.append(databases.create())
            url = made[-1].url_for("hub_aggregator")
            pool = db.pool(url, size=3, name="aggregator", configure=transaction.prepare)
            return Town(made[-1], await stack.enter_async_context(pool))

        yield new  # type: ignore[misc]
    for database in made:
        databases.drop(database)


def permits(town: Town, first: int, n: int) -> list[Arrival]:
    """Of each three one is issued, one returned to the applicant, one still open; and tickets beside them."""
    found = []
    for number in range(first, first + n):
        at, case = START + number * 0.7 * HOUR, f"P-{number}"
        unit = "kantor" if number % 4 else "ugd"
        steps = [("submitted", at), ("returned", at + 5 * HOUR), ("resubmitted", at + 20 * HOUR)][: 1 + number % 3]
        steps += [("verified", at + 26 * HOUR), ("issued", at + 50 * HOUR)] if number % 3 == 2 else []
        found += [town.arrival("permit", state, when, case, unit=unit) for state, when in steps]
        found += [
            town.arrival("queue", state, at + later, f"A-{number}")
            for state, later in (("issued", 0 * HOUR), ("called", HOUR / 7))
        ]
    return found


async def in_batches(town: Town, arrivals: list[Arrival], size: int = 40) -> None:
    for start in range(0, len(arrivals), size):
        await town.commit(arrivals[start : start + size])
        await asyncio.sleep(0)


async def test_a_change_of_rules_gives_the_figures_of_a_hub_that_had_them_always(
    towns: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small steps, so that many transactions of workers fall between them.
    monkeypatch.setattr(rewriting, "_CASES", 7)
    monkeypatch.setattr(rewriting, "_NUMBERS", 25)
    changed: Town = await towns()  # type: ignore[misc]
    await changed.put_in_force(BEFORE)
    arrivals = permits(changed, 0, 400)
    await in_batches(changed, arrivals[:500])
    # Live events, voids among them, flow while the command runs.
    voids = [changed.arrival("permit", "voided", START, f"P-{n}", voids="e1" if n == 0 else "none") for n in range(9)]
    heard: list[tuple[int, int]] = []

    async def command() -> rewriting.Rewritten:
        catalogue_store.apply(changed.database.owner_url, AFTER)
        async with db.pool(changed.database.owner_url, size=3, name="rewrite") as pool:
            return await rewriting.rewrite(pool, on_progress=lambda done, total: heard.append((done, total)))

    done, _ = await asyncio.gather(command(), in_batches(changed, arrivals[500:] + voids, 11))
    assert done.cases > 100
    assert done.figures == 5, "all of them are new, for their limits are"
    assert heard

    always: Town = await towns()  # type: ignore[misc]
    await always.put_in_force(AFTER)
    await always.commit(arrivals + voids)
    assert changed.figures() == always.figures()
    for town in (changed, always):
        async with db.pool(town.database.owner_url, size=3, name="verify") as pool:
            assert (await verify(pool)).differences == []
    # Once more there is nothing to do.
    assert await changed.rewrite() == rewriting.Rewritten(0, 0)


async def test_a_rewriting_that_is_broken_off_goes_on(
    towns: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "_CASES", 7)
    monkeypatch.setattr(rewriting, "_NUMBERS", 25)
    town: Town = await towns()  # type: ignore[misc]
    await town.put_in_force(BEFORE)
    arrivals = permits(town, 0, 60)
    await in_batches(town, arrivals)
    steps = 0

    class BrokenOff(Exception):
        pass

    def break_off(done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps in (2, 5, 12):
            raise BrokenOff

    catalogue_store.apply(town.database.owner_url, AFTER)
    async with db.pool(town.database.owner_url, size=3, name="rewrite") as pool:
        for _ in range(3):
            with pytest.raises(BrokenOff):
                await rewriting.rewrite(pool, on_progress=break_off)
            # A figure that is not counted to its end says so, and has no value.
            ((reason,),) = town.wall("SELECT reason FROM wall.kpi_at(%s) WHERE kpi = 'tempo'", START + 200 * HOUR)
            assert reason == "building"
        await rewriting.rewrite(pool, on_progress=break_off)
    always: Town = await towns()  # type: ignore[misc]
    await always.put_in_force(AFTER)
    await always.commit(arrivals)
    assert town.figures() == always.figures()


async def test_the_past_can_be_asked_under_the_catalogue_of_its_time(towns: Callable[[], object]) -> None:
    town: Town = await towns()  # type: ignore[misc]
    await town.put_in_force(BEFORE)
    await in_batches(town, permits(town, 0, 90))
    window = (START, START + 300 * HOUR)
    asked = "SELECT value, target FROM wall.kpi_value('tepat', %s, %s, %s)"
    (before,) = town.wall(asked, *window, None)
    stricter: Catalogue = catalogue([kpi("tepat", "permit", {**IN_TIME, "limit": {"working_days": 1}})])
    await town.put_in_force(stricter)
    (after,) = town.wall(asked, *window, None)
    assert after[0] < before[0]
    # The first catalogue is asked by its number, or by a moment at which it was in force.
    ((first,),) = town.wall("SELECT wall.catalogue_at((SELECT min(applied_at) FROM wall.catalogue))")
    assert town.wall(asked, *window, first) == [before]
    assert town.wall("SELECT wall.catalogue_at('2001-01-01')") == [(first,)]
    # Both go on being counted.
    await in_batches(town, permits(town, 90, 30))
    assert town.wall(asked, *window, first)[0][0] != before[0]


async def test_a_catalogue_that_is_taken_back_before_its_rewriting_ends(towns: Callable[[], object]) -> None:
    town: Town = await towns()  # type: ignore[misc]
    await town.put_in_force(BEFORE)
    arrivals = permits(town, 0, 60)
    await in_batches(town, arrivals[: len(arrivals) // 2])
    # In force for a while, and never rewritten by; what came meanwhile was merged by it.
    catalogue_store.apply(town.database.owner_url, AFTER)
    await in_batches(town, arrivals[len(arrivals) // 2 :])
    await town.put_in_force(BEFORE)
    async with db.pool(town.database.owner_url, size=3, name="verify") as pool:
        assert (await verify(pool)).differences == []
    always: Town = await towns()  # type: ignore[misc]
    await always.put_in_force(BEFORE)
    await always.commit(arrivals)
    assert town.figures() == always.figures()


async def test_what_was_overdue_by_another_limit_is_not_told(towns: Callable[[], object]) -> None:
    town: Town = await towns()  # type: ignore[misc]
    await town.put_in_force(BEFORE)
    await in_batches(town, permits(town, 0, 30))
    asked = "SELECT value, status, reason FROM wall.kpi_value('lewat', %s, %s, %s)"
    at = (START, START + 60 * HOUR)
    ((value, *_),) = town.wall(asked, *at, None)
    assert value > 0
    ((first,),) = town.wall("SELECT min(version) FROM wall.catalogue")
    await town.put_in_force(AFTER)
    assert town.wall(asked, *at, first) == [(None, "no_data", "rewritten")]
    await town.put_in_force(BEFORE)
    assert town.wall(asked, *at, first)[0][0] == value


async def test_a_catalogue_that_comes_and_goes_during_a_rewriting(
    towns: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some steps were taken by other rules: the rewriting begins again, until all are by the rules in force."""
    monkeypatch.setattr(rewriting, "_CASES", 7)
    town: Town = await towns()  # type: ignore[misc]
    await town.put_in_force(BEFORE)
    arrivals = permits(town, 0, 60)
    await in_batches(town, arrivals)
    steps = 0

    def change_rules(done: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps in (2, 4):
            catalogue_store.apply(town.database.owner_url, BEFORE if steps == 2 else AFTER)

    catalogue_store.apply(town.database.owner_url, AFTER)
    async with db.pool(town.database.owner_url, size=3, name="rewrite") as pool:
        await rewriting.rewrite(pool, on_progress=change_rules)
        assert steps > 4
        assert (await verify(pool)).differences == []
