"""KPIs of every form, over any window and at any moment, are what the reference works out, whichever function tells."""

import math
from fractions import Fraction
from typing import Any

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from opd_schemas.kpi import Kpi
from services import db
from services.aggregator.verify import verify
from tests.databases import Databases
from tests.properties.city import KPIS, City, of_agency, open_city
from tests.properties.reference import DUE, Event, Fact, Reference, moment
from tests.properties.strategies import HOUR, MINUTE, ZONES, deliveries, examples, publications, windows

Connection = psycopg.Connection[tuple[Any, ...]]
_UNITS = {"minutes": 60e6, "hours": 3600e6}


def right_value(kpi: Kpi, reference: Reference, window: tuple[int, int], opds: set[str]) -> tuple[int, float | None]:
    """Sample size and value in the KPI's unit, from the facts."""
    measure, kind = kpi.measure, kpi.filter.kind
    taken = set(kpi.filter.opds) or opds
    start, end = (at // MINUTE * MINUTE for at in window)
    if measure.type in ("open", "overdue"):
        name = "overdue" if measure.type == "overdue" else "waiting" if measure.waiting else "open"
        n = reference.level(kind, name, end - 1, taken)
        return n, float(n)

    def facts(role: str, *names: str) -> list[Fact]:
        return [
            fact
            for fact in reference.facts
            if (fact.kind, fact.role) == (kind, role)
            and fact.name in names
            and start <= fact.at < end
            and fact.opd in taken
        ]

    if measure.type == "count":
        found = facts("state", measure.state)
        n = len(found) if measure.counts == "events" else sum(fact.value for fact in found)
        return n, float(n)
    if measure.type == "share_of_channel":
        cases = [fact for fact in facts("state", measure.state) if fact.value]
        return len(cases), _share(sum(fact.channel == measure.channel for fact in cases), len(cases))
    if measure.type == "share_of_states":
        of = sum(fact.value for fact in facts("state", *measure.of))
        return of, _share(sum(fact.value for fact in facts("state", *measure.states)), of)
    if measure.type == "share_within":
        # Two working days: by the calendar of the unit at which it ended.
        _, by_unit, usual, _, _ = DUE["permit"]
        ended = facts("net", measure.duration)
        return len(ended), _share(sum(fact.value <= by_unit.get(fact.unit, usual) for fact in ended), len(ended))
    values = sorted(fact.value for fact in facts("net" if measure.clock == "net" else "duration", measure.duration))
    if not values:
        return 0, None
    unit = _UNITS[kpi.unit]
    if measure.type == "mean":
        return len(values), float(Fraction(sum(values), len(values))) / unit
    return len(values), values[-(-len(values) * 9 // 10) - 1] / unit


def _share(n: int, of: int) -> float | None:
    return 100 * n / of if of else None


def close(given: float | None, right: float | None, kpi: Kpi) -> bool:
    if given is None or right is None:
        return given is right
    if kpi.measure.type == "p90":
        # Bins below one second are one.
        return math.isclose(given, right, rel_tol=0.02) or max(given, right) * _UNITS[kpi.unit] < 1e6
    return math.isclose(given, right, rel_tol=1e-12)


def ask(city: City, wall: Connection, reference: Reference, opds: set[str], windows_: list[tuple[int, int]]) -> None:
    for kpi in KPIS:
        for window in windows_:
            ((n, value),) = wall.execute(
                "SELECT n, value FROM wall.kpi_value(%s, %s, %s)", (kpi.kpi, *map(moment, window))
            ).fetchall()
            right_n, right = right_value(kpi, reference, window, opds)
            assert (n or 0) == right_n, (kpi.kpi, window, n, right_n)
            if kpi.measure.type == "count" and n == 0:
                continue  # nothing or silence: tests/kpi tells them apart
            assert close(value, right, kpi), (kpi.kpi, window, value, right)
            summed = {step: _series(wall, kpi.kpi, window, step) for step in ("1 day", "1 hour")}
            # The first step holds the window's beginning whole, the last ends with it.
            whole = {"1 day": (_day_start(city, window[0]), window[1]), "1 hour": (window[0] // HOUR * HOUR, window[1])}
            for step, found in summed.items():
                if window[0] // MINUTE == window[1] // MINUTE:
                    assert found == [], "cut to whole minutes, this window is empty"
                elif kpi.measure.type not in ("open", "overdue"):
                    right_n, _ = right_value(kpi, reference, whole[step], opds)
                    assert sum(n or 0 for _, n in found) == right_n, (kpi.kpi, step)
            for at, n in summed["1 hour"] if kpi.measure.type in ("open", "overdue") else ():
                ends = min(at + HOUR, window[1])
                assert n == right_value(kpi, reference, (0, ends), opds)[0], (kpi.kpi, at)


def _day_start(city: City, at: int) -> int:
    day = "SELECT hub.day_start((%s::timestamptz AT TIME ZONE %s)::date, %s)"
    (first,) = city.owner.execute(day, (moment(at), city.zone, city.zone)).fetchone() or ()
    return round(first.timestamp() * 1e6)


def _series(wall: Connection, kpi: str, window: tuple[int, int], step: str) -> list[tuple[int, int]]:
    rows = wall.execute(
        "SELECT at, n FROM wall.kpi_series(%s, %s, %s, %s)", (kpi, *map(moment, window), step)
    ).fetchall()
    return [(round(at.timestamp()) * 1_000_000, n) for at, n in rows]


@examples(4)
@given(data=st.data())
async def test_kpis_are_as_the_reference_says(databases: Databases, data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES), "zone")
    database = databases.create(zone)
    try:
        async with open_city(database, zone, agencies=3) as city:
            opds = [city.new_agency() for _ in range(3)]
            events: list[Event] = []
            for opd in opds:
                delivery = data.draw(deliveries(data.draw(publications(zone), opd)))
                await city.deliver(opd, delivery)
                sent = {message.seq: message.event for message in delivery.messages}
                events += of_agency(opd, [sent[place.seq] for place in city.books(opd) if place.book == "counted"])
            reference = Reference(events, zone)
            times = sorted({fact.at for fact in reference.facts})
            asked = [w for w in (data.draw(windows(zone, times), "window") for _ in range(4)) if w[0] < w[1]]
            # Steps of an hour over thirty years would be many.
            asked = [(max(start, end - 40 * 24 * HOUR), end) for start, end in asked]
            with psycopg.connect(database.url_for("grafana_reader"), autocommit=True) as wall:
                ask(city, wall, reference, set(opds), asked)
                for start, _ in asked:
                    _one_truth(wall, start)
            async with db.pool(database.owner_url, size=2, name="verify") as pool:
                assert (await verify(pool)).differences == []
    finally:
        databases.drop(database)


def _one_truth(wall: Connection, at: int) -> None:
    """All KPIs of a moment in one query, and each by itself over the same window."""
    rows = wall.execute(
        "SELECT kpi, coalesce(from_at, to_at), to_at, value, n, target, achievement, late_share, revision"
        " FROM wall.kpi_at(%s)",
        (moment(at),),
    ).fetchall()
    assert len(rows) >= len(KPIS) - 1
    for kpi, start, end, *told in rows:
        alone = wall.execute(
            "SELECT value, n, target, achievement, late_share, revision FROM wall.kpi_value(%s, %s, %s)",
            (kpi, start, end),
        ).fetchall()
        assert [list(row) for row in alone] == [told], kpi
