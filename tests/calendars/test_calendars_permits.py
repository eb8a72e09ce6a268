"""The real permit log: lead times by the working-time clock and by a walk over its days agree to the microsecond."""

import math
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from opd_schemas.worktime import WorkClock
from services.catalogue import load
from services.holidays_source import expand
from tests.importer.permits import FILE, ZONE, Log, office_us

EXAMPLE = Path(__file__).parents[2] / "examples" / "permit-receipts"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

Span = tuple[datetime, datetime]


@pytest.fixture(scope="module")
def leads() -> list[Span]:
    """From the submission of each case to the first issue behind it."""
    if not FILE.exists():
        why = f"the permit log is not there: put permit-receipts.csv into {FILE.parent} (see examples/permit-receipts)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    log = Log(FILE)
    found = []
    for steps in log.cases.values():
        began = next((number for number, step in enumerate(steps) if step.state == "submitted"), None)
        if began is not None:
            issued = next((step.at for step in steps[began + 1 :] if step.state == "issued"), None)
            if issued is not None:
                found.append((steps[began].at, issued))
    assert sorted((end - start) // MICROSECOND for start, end in found) == log.durations("submitted", "issued").values
    return found


def _clock() -> Callable[[datetime, datetime], int]:
    example = expand(load(EXAMPLE / "catalogue"), today=date(2026, 11, 22))
    own = WorkClock(example.calendars[0], example.city.zone)
    return lambda start, end: own.open_us((start - EPOCH) // MICROSECOND, (end - EPOCH) // MICROSECOND)


def _figures(values: list[int]) -> dict[str, Fraction]:
    """In hours, but for the share of cases within 24 hours (by the clock, or 3 working days of 8)."""
    ranked = sorted(values)
    hour = 3_600_000_000
    return {
        "n": Fraction(len(ranked)),
        "mean": Fraction(sum(ranked), len(ranked) * hour),
        "p90": Fraction(ranked[math.ceil(Fraction(9, 10) * len(ranked)) - 1], hour),
        "within 24 hours": Fraction(sum(value <= 24 * hour for value in ranked), len(ranked)),
    }


def test_net_lead_is_that_of_a_walk_over_the_days(leads: list[Span]) -> None:
    clock = _clock()
    net = [clock(start, end) for start, end in leads]
    walked = [office_us(start, end) for start, end in leads]
    assert net == walked
    assert _figures(net) == _figures(walked)


def test_gross_lead_is_longer_and_the_same_without_a_calendar(leads: list[Span]) -> None:
    always = WorkClock(None, ZONE)
    gross = [(end - start) // MICROSECOND for start, end in leads]
    assert [always.open_us((a - EPOCH) // MICROSECOND, (b - EPOCH) // MICROSECOND) for a, b in leads] == gross
    clock = _clock()
    net = [clock(start, end) for start, end in leads]
    assert all(0 <= short <= long for short, long in zip(net, gross, strict=True))
    by_wall, by_work = _figures(gross), _figures(net)
    assert by_wall["n"] == by_work["n"] > 1000
    assert by_wall["mean"] > by_work["mean"] > 0
    assert by_wall["p90"] > by_work["p90"] > 0
    assert by_wall["within 24 hours"] < by_work["within 24 hours"] < 1
