"""One KPI, one block: what is measured, for whom, against which dated target, and who acts when it fails.

A block without owner, direction, target or source, or one that contradicts itself, is refused at the field that is
wrong. Limits, targets and thresholds are dated configuration with a source, never constants.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from opd_schemas.event import Channel, Code
from opd_schemas.faults import Wrong, refuse
from opd_schemas.fields import Day, Kind, Model, Name, Span, Text, Truth
from opd_schemas.measures import Measure, ShareOfChannel, Statistic, Unit

#: The six dimensions of a smart city.
Dimension = Literal["governance", "branding", "economy", "living", "society", "environment"]
DIMENSIONS: tuple[str, ...] = get_args(Dimension)
#: Which values are better.
Direction = Literal["lower", "higher"]
Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]


class Source(Model):
    """Where a limit, target or baseline comes from; `verified` is true only once somebody read the original."""

    text: LongText
    verified: Truth


class Programme(Model):
    """The quick win that the KPI belongs to: its period, who answers for it, and when it is reviewed."""

    programme: Code
    name: Name
    start: Day
    end: Day
    owner: Text
    reviews: Annotated[tuple[Day, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _dates_are_in_order(self) -> Self:
        refuse("programme", self._faults())
        return self

    def _faults(self) -> Iterator[Wrong]:
        if self.end <= self.start:
            yield Wrong(("end",), f"is not after the start, {self.start}; correct one of the two")
            return
        for number, review in enumerate(self.reviews):
            if not self.start <= review <= self.end:
                what = f"{review} is outside the programme, {self.start} to {self.end}; correct the date"
                yield Wrong(("reviews", number), what)
            elif number and review <= self.reviews[number - 1]:
                yield Wrong(("reviews", number), f"{review} is not after the review before it; write them in order")


class Rpjmd(Model):
    """The indicator of the city's medium-term plan (RPJMD) that the KPI serves, and its code there if it has one."""

    indicator: Text
    code: Text | None = None
    verified: Truth


class Filter(Model):
    """Which cases are taken; a list that is absent takes all. A unit or service has its code within its OPD only."""

    kind: Kind
    opds: tuple[Code, ...] = ()
    units: tuple[Code, ...] = ()
    services: tuple[Code, ...] = ()
    channels: tuple[Channel, ...] = ()

    @model_validator(mode="after")
    def _units_and_services_have_an_opd(self) -> Self:
        named = [field for field in ("units", "services") if getattr(self, field) and not self.opds]
        refuse("filter", (Wrong((field,), "belong to an OPD; name it under opds") for field in named))
        return self


class Window(Model):
    """The time that a figure looks back on: a rolling span, or the current local day, week (from Monday) or month."""

    rolling: Span | None = None
    local: Literal["day", "week", "month"] | None = None

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        minute, faults = timedelta(minutes=1), []
        if (self.rolling is None) == (self.local is None):
            what = "needs one of the two: rolling (such as PT1H or P30D) or local (day, week or month)"
            faults.append(Wrong(("rolling",), what))
        elif self.rolling is not None and (self.rolling < minute or self.rolling % minute):
            # Windows are cut to whole minutes; a shorter one would be empty.
            faults.append(Wrong(("rolling",), "must be whole minutes, PT1M at least; write such as PT15M"))
        refuse("window", faults)
        return self


class Baseline(Model):
    """What was measured before the programme, on which day, and by whom."""

    value: Figure
    as_of: Day
    source: Source


class Target(Model):
    """A value to be reached by a day, that day included."""

    by: Day
    value: Figure


class Threshold(Model):
    """Raised when the value is `at` or beyond it, cleared only at `clear` or better, so that it does not flutter."""

    at: Figure
    clear: Figure


class Thresholds(Model):
    warning: Threshold
    critical: Threshold


class Effective(Model):
    """The days on which the block holds; without `until` it holds until it is replaced."""

    since: Day
    until: Day | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until < self.since:
            refuse("effective", [Wrong(("until",), f"is before since, {self.since}; correct one of the two")])
        return self

    def holds(self, day: date) -> bool:
        return self.since <= day and (self.until is None or day <= self.until)


class Kpi(Model):
    """One KPI. `runbook` is a text, or the path of a Markdown file beside the catalogue, that says who does what."""

    kpi: Code
    name: Name
    programme: Programme
    dimension: Dimension
    rpjmd: Rpjmd
    owner: Code
    source: Source
    measure: Measure
    filter: Filter
    window: Window | None = None
    unit: Unit
    direction: Direction
    baseline: Baseline
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]
    thresholds: Thresholds
    minimum_sample: Annotated[int, Field(ge=1)] | None = None
    runbook: LongText
    effective: Effective

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        refuse("kpi", (fault for part in _PARTS for fault in part(self)))
        return self

    def worse(self, value: float, than: float) -> bool:
        """Whether `value` is strictly worse than another, by the KPI's direction."""
        return value > than if self.direction == "lower" else value < than


def number(value: float) -> str:
    """As a person writes it: 80, not 80.0."""
    return f"{value:.15g}"


def _measure(kpi: Kpi) -> Iterator[Wrong]:
    measure, form = kpi.measure, kpi.measure.type
    yield from (fault.within("measure") for fault in measure.faults(kpi.filter.kind))
    if isinstance(measure, ShareOfChannel) and kpi.filter.channels:
        yield Wrong(("filter", "channels"), f"contradicts {form}, which compares all channels; remove it")
    if kpi.unit not in measure.units:
        yield Wrong(("unit",), f"{kpi.unit} does not fit {form}; write {', '.join(measure.units)}")
    elif isinstance(measure, Statistic) and kpi.unit == ("days" if measure.clock == "net" else "working_days"):
        other = "working_days or hours" if measure.clock == "net" else "days or hours, or give the measure clock: net"
        yield Wrong(("unit",), f"{kpi.unit} does not fit the {measure.clock} clock; write {other}")


def _window_and_sample(kpi: Kpi) -> Iterator[Wrong]:
    form = kpi.measure.type
    if kpi.measure.level and kpi.window is not None:
        yield Wrong(("window",), f"has no meaning for {form}, which is a level at one moment; remove it")
    elif not kpi.measure.level and kpi.window is None:
        yield Wrong(("window",), f"is missing; {form} needs one, such as {{rolling: P7D}} or {{local: day}}")
    elif form == "count" and kpi.direction == "higher" and kpi.window is not None and kpi.window.local is not None:
        what = "would be missed at the start of every day, week or month, for a count only grows; write rolling"
        yield Wrong(("window", "local"), what)
    if kpi.measure.sampled and kpi.minimum_sample is None:
        yield Wrong(("minimum_sample",), f"is missing; {form} of a few cases says nothing, so write how many it needs")
    elif not kpi.measure.sampled and kpi.minimum_sample is not None:
        yield Wrong(("minimum_sample",), f"has no meaning for {form}, where none is a figure too; remove it")


def _figures(kpi: Kpi) -> Iterator[Wrong]:
    if kpi.unit != "percent":
        return
    figures: list[tuple[tuple[str | int, ...], float]] = [(("baseline", "value"), kpi.baseline.value)]
    figures += [(("targets", number, "value"), target.value) for number, target in enumerate(kpi.targets)]
    for level in ("warning", "critical"):
        threshold: Threshold = getattr(kpi.thresholds, level)
        figures += [(("thresholds", level, "at"), threshold.at), (("thresholds", level, "clear"), threshold.clear)]
    for where, value in figures:
        if value > 100:
            yield Wrong(where, f"{number(value)} is no share, which lies between 0 and 100 percent; correct it")


def _targets(kpi: Kpi) -> Iterator[Wrong]:
    baseline, effective = kpi.baseline, kpi.effective
    if kpi.targets[0].by <= baseline.as_of:
        yield Wrong(("baseline", "as_of"), "is not before the first target's day; correct one of the two")
    for at, target in enumerate(kpi.targets):
        if not effective.holds(target.by):
            what = f"{target.by} is a day on which the KPI is not in effect; correct it, or effective"
            yield Wrong(("targets", at, "by"), what)
        if kpi.worse(target.value, baseline.value):
            what = f"{number(target.value)} is worse than the baseline of {number(baseline.value)}, for"
            yield Wrong(("targets", at, "value"), f"{what} {kpi.direction} is better; correct one of the two")
    for at, (first, second) in enumerate(pairwise(kpi.targets), start=1):
        if second.by <= first.by:
            yield Wrong(
                ("targets", at, "by"), f"{second.by} is not after {first.by}; write the targets in order of days"
            )
        elif kpi.worse(second.value, first.value) and not kpi.worse(second.value, baseline.value):
            what = f"{number(second.value)} is worse than the target before it, {number(first.value)}, for"
            yield Wrong(("targets", at, "value"), f"{what} {kpi.direction} is better; correct one of the two")


def _thresholds(kpi: Kpi) -> Iterator[Wrong]:
    """The first contradiction only: one number that is mistyped contradicts several others."""
    warning, critical = kpi.thresholds.warning, kpi.thresholds.critical
    worse_side, good_side = ("above", "below") if kpi.direction == "lower" else ("below", "above")
    better = f"for {kpi.direction} is better"
    for level, threshold in (("warning", warning), ("critical", critical)):
        if not kpi.worse(threshold.at, threshold.clear):
            what = f"{number(threshold.clear)} must lie {good_side} {number(threshold.at)}, which raises it, {better}"
            yield Wrong(("thresholds", level, "clear"), f"{what}; correct one of the two")
            return
    if not kpi.worse(critical.at, warning.at):
        what = f"{number(critical.at)} is looser than the warning at {number(warning.at)}, or the same, {better}"
        yield Wrong(("thresholds", "critical", "at"), f"{what}; write a value {worse_side} {number(warning.at)}")
    elif kpi.worse(warning.clear, critical.clear):
        what = f"{number(critical.clear)} clears later than the warning does at {number(warning.clear)}"
        what += f"; write that value or one {worse_side} it"
        yield Wrong(("thresholds", "critical", "clear"), what)
    elif kpi.worse(kpi.targets[-1].value, warning.clear):
        what = f"{number(warning.clear)} would keep the warning when the last target, {number(kpi.targets[-1].value)},"
        yield Wrong(("thresholds", "warning", "clear"), f"{what} is met; write that value or one {worse_side} it")


_PARTS = (_measure, _window_and_sample, _figures, _targets, _thresholds)
