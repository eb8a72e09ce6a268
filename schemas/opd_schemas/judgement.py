"""How a figure is judged: the target of its day, how far it is reached, and a status with its reason.

Pure functions; the database computes the same in SQL, and the tests hold the two together.
"""

from datetime import date, timedelta
from enum import StrEnum
from math import isfinite
from typing import NamedTuple

from opd_schemas.kpi import Direction, Kpi, Threshold


class Status(StrEnum):
    """What a screen shows of a KPI."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    NO_DATA = "no_data"
    STALE = "stale"


class Reason(StrEnum):
    """Why it has its status: at or beyond a threshold (raised), or beyond it before and not yet clear of it (held)."""

    GOOD = "good"
    RAISED = "raised"
    HELD = "held"
    NO_VALUE = "no_value"
    UNDER_SAMPLED = "under_sampled"
    STALE = "stale"


class Judgement(NamedTuple):
    status: Status
    reason: Reason


def target_at(kpi: Kpi, day: date) -> float:
    """The target that a value of this day is held against: the first whose `by` is not past, or the last.

    A step, not a line between the targets: an agency's report compares a year with the target of that year
    (PermenPANRB 8/2021, chapter VI), and nobody promised the values in between.
    """
    return next((target.value for target in kpi.targets if day <= target.by), kpi.targets[-1].value)


def achievement(value: float, target: float, direction: Direction) -> float:
    """How far a target is reached; 1 is exactly. Higher is better: value / target; lower: 1 + (1 - value / target).

    Both are the formulas of PermenPANRB 8/2021, chapter VI (e) and (g), for normal and special conditions. The second
    counts each percent of deviation alike and stands a value of zero, where target / value has no answer. Neither goes
    below 0. There is no cap here: bands and caps are the report's. A target of zero is met (1) or not (0).
    """
    if target == 0:
        return 1.0 if direction == "higher" or value <= 0 else 0.0
    ratio = value / target
    return max(0.0, ratio if direction == "higher" else 2 - ratio)


def is_stale(silence: timedelta | None, expected_every: timedelta, *, is_open: bool, hub_lag: timedelta) -> bool:
    """Whether a figure can no longer be trusted: the hub lags, or a publisher is silent while its unit is open.

    `silence` is the time since anything was heard, None if nothing ever was. The factors are those of the design's
    promise on trust: three times the expected interval, one minute of lag.
    """
    if hub_lag > timedelta(seconds=60):
        return True
    return is_open and (silence is None or silence > 3 * expected_every)


def judge(kpi: Kpi, value: float | None, n: int, *, stale: bool, previous: Status | None = None) -> Judgement:
    """The status of a value from `n` cases. Stale, missing or under-sampled is never ok.

    `previous` is the last status that was ok, warning or critical: a gap in the data neither raises nor clears.
    """
    if stale:
        return Judgement(Status.STALE, Reason.STALE)
    if value is None or not isfinite(value):
        return Judgement(Status.NO_DATA, Reason.NO_VALUE)
    if kpi.minimum_sample is not None and n < kpi.minimum_sample:
        return Judgement(Status.NO_DATA, Reason.UNDER_SAMPLED)
    thresholds = kpi.thresholds
    for status, threshold, holds in (
        (Status.CRITICAL, thresholds.critical, (Status.CRITICAL,)),
        (Status.WARNING, thresholds.warning, (Status.CRITICAL, Status.WARNING)),
    ):
        if _raised(kpi, value, threshold):
            return Judgement(status, Reason.RAISED)
        if previous in holds and kpi.worse(value, threshold.clear):
            return Judgement(status, Reason.HELD)
    return Judgement(Status.OK, Reason.GOOD)


def _raised(kpi: Kpi, value: float, threshold: Threshold) -> bool:
    return not kpi.worse(threshold.at, value)
