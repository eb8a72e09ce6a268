"""What holds for every figure: nothing untrusted is ok, no status flutters, targets step, achievement is monotone."""

from datetime import date, timedelta
from typing import Any

import pytest
from blocks import build
from hypothesis import given
from hypothesis import strategies as st

from opd_schemas.judgement import Reason, Status, achievement, judge, target_at
from opd_schemas.kpi import Direction, Kpi

SEVERITY = {Status.OK: 0, Status.WARNING: 1, Status.CRITICAL: 2}
TOP = 1000.0
LIMITS = {"warning": {"at": 30, "clear": 25}, "critical": {"at": 45, "clear": 38}}
directions = st.sampled_from(["lower", "higher"])
values = st.floats(0, TOP)
previous_ones = st.sampled_from([None, *Status])
positive = st.floats(0.001, 1e6)


@st.composite
def kpis(draw: st.DrawFn) -> Kpi:
    """Any KPI with sound thresholds, in either direction, with a minimum sample."""
    clear, at, critical = sorted(draw(st.lists(st.integers(0, 1000), min_size=3, max_size=3, unique=True)))
    critical_clear = draw(st.integers(clear, critical - 1))
    direction = draw(directions)
    numbers = [float(number) for number in (at, clear, critical, critical_clear)]
    if direction == "higher":
        numbers = [TOP - number for number in numbers]
    return build(
        direction=direction,
        minimum_sample=draw(st.integers(1, 50)),
        thresholds={
            "warning": {"at": numbers[0], "clear": numbers[1]},
            "critical": {"at": numbers[2], "clear": numbers[3]},
        },
    )


@given(kpis(), st.none() | st.floats(allow_nan=True), st.integers(0, 100), st.booleans(), previous_ones)
def test_stale_missing_or_under_sampled_is_never_ok(
    kpi: Kpi, value: float | None, n: int, stale: bool, previous: Status | None
) -> None:
    status, reason = judge(kpi, value, n, stale=stale, previous=previous)
    missing = value is None or value != value or abs(value) == float("inf")
    assert kpi.minimum_sample is not None
    if stale:
        assert (status, reason) == (Status.STALE, Reason.STALE)
    elif missing:
        assert (status, reason) == (Status.NO_DATA, Reason.NO_VALUE)
    elif n < kpi.minimum_sample:
        assert (status, reason) == (Status.NO_DATA, Reason.UNDER_SAMPLED)
    else:
        assert status in SEVERITY


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("previous", [None, *Status])
def test_what_is_no_number_is_no_data(value: float | None, previous: Status | None) -> None:
    kpi = build(thresholds=LIMITS)
    assert judge(kpi, value, 100, stale=False, previous=previous) == (Status.NO_DATA, Reason.NO_VALUE)


@given(kpis(), values, values, previous_ones)
def test_a_worse_value_is_never_judged_milder(kpi: Kpi, one: float, other: float, previous: Status | None) -> None:
    better, worse = sorted((one, other), reverse=kpi.direction == "higher")
    mild, hard = (judge(kpi, value, 100, stale=False, previous=previous).status for value in (better, worse))
    assert SEVERITY[mild] <= SEVERITY[hard]


@given(kpis(), values, previous_ones)
def test_the_same_value_again_changes_nothing(kpi: Kpi, value: float, previous: Status | None) -> None:
    first = judge(kpi, value, 100, stale=False, previous=previous).status
    assert judge(kpi, value, 100, stale=False, previous=first).status == first


@given(kpis(), values, previous_ones)
def test_an_alarm_lasts_longer_than_it_takes_to_raise_it(kpi: Kpi, value: float, previous: Status | None) -> None:
    fresh = judge(kpi, value, 100, stale=False).status
    later = judge(kpi, value, 100, stale=False, previous=previous)
    assert SEVERITY[later.status] >= SEVERITY[fresh]
    if later.reason is Reason.HELD:
        threshold = getattr(kpi.thresholds, later.status)
        assert min(threshold.at, threshold.clear) < value < max(threshold.at, threshold.clear)


@given(positive, positive, positive, directions)
def test_achievement_rises_with_better_values_and_is_1_at_the_target(
    target: float, one: float, other: float, direction: Direction
) -> None:
    worse, better = sorted((one, other), reverse=direction == "lower")
    assert 0 <= achievement(worse, target, direction) <= achievement(better, target, direction)
    assert achievement(target, target, direction) == 1
    met = one >= target if direction == "higher" else one <= target
    assert (achievement(one, target, direction) >= 1) == met


@pytest.mark.parametrize(
    ("value", "target", "direction", "reached"),
    [
        (72, 80, "higher", 0.9),
        (92, 80, "higher", 1.15),
        (0, 80, "higher", 0),
        # 1 + (1 - 6.5/7) and 1 + (1 - 9/8), the examples of PermenPANRB 8/2021, chapter VI (g).
        (6.5, 7, "lower", 1 + 0.5 / 7),
        (9, 8, "lower", 0.875),
        (0, 20, "lower", 2),
        (40, 20, "lower", 0),
        (100, 20, "lower", 0),
        (0, 0, "lower", 1),
        (0.1, 0, "lower", 0),
        (0, 0, "higher", 1),
        (5, 0, "higher", 1),
    ],
)
def test_achievement_by_example(value: float, target: float, direction: Direction, reached: float) -> None:
    assert achievement(value, target, direction) == pytest.approx(reached)


@st.composite
def targets(draw: st.DrawFn) -> list[dict[str, Any]]:
    days = sorted(draw(st.lists(st.dates(date(2026, 7, 2), date(2030, 1, 1)), min_size=1, max_size=6, unique=True)))
    levels = sorted(draw(st.lists(st.integers(0, 24), min_size=len(days), max_size=len(days))), reverse=True)
    return [{"by": day.isoformat(), "value": level} for day, level in zip(days, levels, strict=True)]


@given(targets(), st.dates(date(2025, 1, 1), date(2035, 1, 1)))
def test_a_target_holds_until_its_day_and_the_last_for_ever(listed: list[dict[str, Any]], day: date) -> None:
    kpi = build(targets=listed, thresholds=LIMITS)
    ahead = [target["value"] for target in listed if date.fromisoformat(target["by"]) >= day]
    assert target_at(kpi, day) == (ahead[0] if ahead else listed[-1]["value"])
    # Targets only get stricter.
    assert target_at(kpi, day) >= target_at(kpi, day + timedelta(days=1))


def test_the_target_steps_on_the_day_after() -> None:
    listed = [{"by": "2026-12-31", "value": 30}, {"by": "2027-06-30", "value": 20}]
    kpi = build(targets=listed, thresholds=LIMITS)
    steps = {
        date(2026, 1, 1): 30,
        date(2026, 12, 31): 30,
        date(2027, 1, 1): 20,
        date(2027, 6, 30): 20,
        date(2027, 7, 1): 20,
        date(2031, 1, 1): 20,
    }
    assert {day: target_at(kpi, day) for day in steps} == steps
