"""The benchmark's seeded city is what the hub itself would have stored, and its figures agree with one another."""

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from bench.kpis import ask, print_sizes
from bench.seed import seed
from services import catalogue_store
from services.aggregator.verify import verify
from services.catalogue import load
from services.db import pool
from tests.databases import Database, Databases

_CATALOGUE = Path(__file__).parents[2] / "schemas" / "catalogue"
_EVENTS = 20_000
_MOMENTS = (timedelta(), timedelta(days=3, hours=3, minutes=17), timedelta(days=40, minutes=1))
_SHAPE = """
SELECT count(*), min(at), max(received_at), array_agg(DISTINCT kind ORDER BY kind)
FROM hub.event JOIN hub.series USING (series_id)
"""
_UNUSED_SERIES = "SELECT count(*) FROM hub.series WHERE series_id NOT IN (SELECT series_id FROM hub.event)"
_IN_EFFECT = (
    "SELECT count(*) FROM wall.kpi WHERE %s::date BETWEEN effective_since AND coalesce(effective_until, 'infinity')"
)
_KPIS = "SELECT kpi, from_at, to_at, (value, n, target, achievement)::text, n FROM wall.kpi_at(%s)"
_KPI = "SELECT (value, n, target, achievement)::text FROM wall.kpi_value(%s, %s, %s)"


@pytest.fixture(scope="module")
def until() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
async def city(databases: Databases, until: datetime) -> AsyncIterator[Database]:
    """The ready city with a past of about 20,000 events."""
    database = databases.create(timezone=None)
    catalogue_store.apply(database.owner_url, load(_CATALOGUE))
    await seed(database.owner_url, _EVENTS, until=until)
    yield database
    databases.drop(database)


async def test_seeded_city_differs_in_nothing_from_what_its_raw_events_say(city: Database) -> None:
    async with pool(city.owner_url, size=2, name="verify") as connections:
        verdict = await verify(connections)
    assert verdict.differences == []
    assert verdict.events == pytest.approx(_EVENTS, rel=0.05)


def test_seeded_past_covers_all_kinds_and_ends_at_the_moment_asked_for(city: Database, until: datetime) -> None:
    with psycopg.connect(city.owner_url) as connection:
        row = connection.execute(_SHAPE).fetchone()
        unused = connection.execute(_UNUSED_SERIES).fetchone()
    assert row is not None
    _, first, last, kinds = row
    assert kinds == ["permit", "queue", "visit"]
    assert until - timedelta(days=365) <= first < until - timedelta(days=355)
    assert last <= until
    assert unused is not None
    assert unused[0] < 80


@pytest.mark.parametrize("before", _MOMENTS, ids=str)
def test_all_kpis_at_a_moment_are_each_kpi_over_its_window(city: Database, until: datetime, before: timedelta) -> None:
    at = until - before
    with psycopg.connect(city.url_for("grafana_reader")) as connection:
        kpis = connection.execute(_KPIS, (at,)).fetchall()
        in_effect = connection.execute(_IN_EFFECT, (at,)).fetchone()
        alone = {
            kpi: connection.execute(_KPI, (kpi, from_at or to_at, to_at)).fetchone() for kpi, from_at, to_at, *_ in kpis
        }
    assert in_effect == (len(kpis),)
    assert alone == {kpi: (figures,) for kpi, _, _, figures, _ in kpis}
    # What looks back for days has cases at any hour.
    assert sum(1 for row in kpis if row[4]) > len(kpis) / 3


@pytest.mark.parametrize("before", _MOMENTS, ids=str)
def test_without_trust_all_else_is_the_same(city: Database, until: datetime, before: timedelta) -> None:
    def told(trust: bool) -> list[dict[str, object]]:
        kpis = reader.execute("SELECT * FROM wall.kpi_at(%s, trust => %s)", (until - before, trust)).fetchall()
        assert any(kpi["late_share"] is not None and kpi["revision"] is not None for kpi in kpis) is trust
        return [{name: kpi[name] for name in kpi if name not in {"late_share", "revision"}} for kpi in kpis]

    with psycopg.connect(city.url_for("grafana_reader"), row_factory=dict_row) as reader:
        assert told(True) == told(False)


@pytest.mark.parametrize("back", [timedelta(), timedelta(hours=1), timedelta(days=7), timedelta(days=4000)], ids=str)
@pytest.mark.parametrize("before", _MOMENTS, ids=str)
def test_trend_is_both_moments_each_by_itself(
    city: Database, until: datetime, before: timedelta, back: timedelta
) -> None:
    at = until - before
    told = "kpi, value, n, target, achievement, status, reason"
    with psycopg.connect(city.url_for("grafana_reader")) as reader:
        trend = reader.execute(f"SELECT {told}, before FROM wall.kpi_trend(%s, %s)", (at, back)).fetchall()
        now = reader.execute(f"SELECT {told} FROM wall.kpi_at(%s)", (at,)).fetchall()
        then: dict[str, object] = dict(
            reader.execute("SELECT kpi, value FROM wall.kpi_at(%s)", (at - back,)).fetchall()
        )
    assert sorted(trend) == sorted((*row, then.get(row[0])) for row in now)
    assert len(now) > 20
    values = sum(1 for row in trend if row[-1] is not None)
    assert values > 20 if back < timedelta(days=4000) else values == 0


def test_benchmark_asks_the_wall_and_tells_what_it_found(city: Database, capsys: pytest.CaptureFixture[str]) -> None:
    size = ask(city.owner_url, city.url_for("grafana_reader"), 1.0, time.process_time)
    with psycopg.connect(city.owner_url) as connection:
        shape = connection.execute("SELECT (SELECT count(*) FROM hub.event), (SELECT count(*) FROM hub.kpi)").fetchone()
    assert (size.rows["event"], size.kpis) == shape
    print_sizes([size, size])
    printed = capsys.readouterr().out
    for line in (
        r"events +([\d,]+) +\1\n",
        r"12 months daily: a share +[\d.]+ / [\d.]+; [\d.]+; [\d.]+x",
        r"(queues|permits|visits): .+ [\d.]+ / [\d.]+; [\d.]+; [\d.]+x",
        r"city wall, all of it, ms \(< 300\) +\d+",
    ):
        assert re.search(line, printed), f"{line} not in:\n{printed}"
