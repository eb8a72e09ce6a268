"""The ready KPIs of the city are whole, and honest about where their numbers come from."""

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from opd_schemas.catalogue import Catalogue
from opd_schemas.judgement import Status, achievement, judge, target_at
from opd_schemas.kpi import DIMENSIONS, Kpi
from opd_schemas.kpi_check import check_kpis, places, unit_span
from opd_schemas.measures import Overdue, ShareWithin
from services.catalogue import load

FOLDER = Path(__file__).parents[2] / "schemas" / "catalogue"


@pytest.fixture(scope="module")
def city() -> Catalogue:
    return load(FOLDER)


def test_there_are_enough_over_all_six_dimensions_and_forms_of_measures(city: Catalogue) -> None:
    assert len(city.kpis) >= 26
    assert set(Counter(kpi.dimension for kpi in city.kpis)) == set(DIMENSIONS)
    assert {kpi.measure.type for kpi in city.kpis} == {
        *("count", "share_within", "share_of_channel", "share_of_states"),
        *("mean", "median", "p90", "open", "overdue"),
    }
    assert {kpi.filter.kind for kpi in city.kpis} == {"queue", "permit", "visit"}
    assert check_kpis(city, city.kpis) == []


def test_every_filter_takes_units_and_services_that_exist(city: Catalogue) -> None:
    agencies = {agency.opd: agency for agency in city.agencies}
    for kpi in city.kpis:
        chosen = kpi.filter
        assert kpi.owner in agencies
        assert chosen.opds, kpi.kpi
        assert {opd for opd, _ in places(city, chosen)} == set(chosen.opds)
        units = {u.unit for opd in chosen.opds for u in agencies[opd].units if chosen.kind in u.kinds}
        services = {s.service for opd in chosen.opds for s in agencies[opd].services if chosen.kind in s.kinds}
        assert set(chosen.units) <= units
        assert set(chosen.services) <= services
        assert all(agencies[opd].apps for opd in chosen.opds)


def test_names_are_unique(city: Catalogue) -> None:
    for language in ("id", "en"):
        names = Counter(getattr(kpi.name, language) for kpi in city.kpis)
        assert names.most_common(1)[0][1] == 1


def test_no_number_claims_a_source_that_nobody_read(city: Catalogue) -> None:
    for kpi in city.kpis:
        assert not kpi.source.verified
        assert not kpi.rpjmd.verified
        assert not kpi.baseline.source.verified
        assert "simulasi" in kpi.baseline.source.text


def test_quick_wins_last_6_to_12_months_and_are_reviewed_every_two(city: Catalogue) -> None:
    for kpi in city.kpis:
        programme = kpi.programme
        assert timedelta(days=180) <= programme.end - programme.start <= timedelta(days=366)
        steps = [programme.start, *programme.reviews, programme.end]
        assert all(timedelta(days=50) <= b - a <= timedelta(days=70) for a, b in pairwise(steps))


def test_limits_of_time_as_it_passes_are_counted_exactly(city: Catalogue) -> None:
    counted = {(limit.kind, limit.duration, limit.limit) for limit in city.limits}
    limited = [kpi for kpi in city.kpis if isinstance(kpi.measure, ShareWithin)]
    gross = [kpi for kpi in limited if kpi.measure.clock == "gross"]
    assert len(gross) >= 5
    for kpi in gross:
        assert (kpi.filter.kind, kpi.measure.duration, kpi.measure.limit) in counted


def test_permits_are_judged_in_working_days(city: Catalogue) -> None:
    leads = [kpi for kpi in city.kpis if getattr(kpi.measure, "duration", None) == "lead"]
    assert {kpi.kpi for kpi in leads if kpi.measure.clock == "gross"} == {"akta-kelahiran-24-jam"}
    assert sum(isinstance(kpi.measure, Overdue) for kpi in leads) >= 3


def _unit(city: Catalogue, unit: str) -> Kpi:
    return next(kpi for kpi in city.kpis if kpi.unit == unit)


def test_a_unit_of_time_has_a_length(city: Catalogue) -> None:
    assert unit_span(city, _unit(city, "minutes")) == timedelta(minutes=1)
    assert unit_span(city, _unit(city, "hours")) == timedelta(hours=1)
    # The working day of the office calendar: 37.5 hours in five days (Perpres 21/2023).
    assert unit_span(city, _unit(city, "working_days")) == timedelta(hours=7, minutes=30)
    assert unit_span(city, _unit(city, "percent")) is None
    assert unit_span(city, _unit(city, "count")) is None


def test_no_value_that_meets_the_first_target_raises_a_warning(city: Catalogue) -> None:
    for kpi in city.kpis:
        assert judge(kpi, kpi.targets[0].value, 1000, stale=False).status is Status.OK, kpi.kpi


def test_the_baseline_misses_the_target(city: Catalogue) -> None:
    for kpi in city.kpis:
        assert achievement(kpi.baseline.value, target_at(kpi, date(2026, 7, 1)), kpi.direction) < 1
