"""A KPI's measure and filter as a figure: which contributions it counts, and which of them are hits.

Equal figures of different KPIs or catalogues are one, known by its definition; so a new target moves nothing, and a new
limit is a new figure beside the old one.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

import orjson

from opd_schemas.calendars import LegalSpan, WorkingSpan
from opd_schemas.catalogue import Catalogue
from opd_schemas.events import KINDS
from opd_schemas.kpi import Filter, Kpi
from opd_schemas.kpi_check import places, unit_span
from opd_schemas.measures import Count, Open, Overdue, ShareOfChannel, ShareOfStates, ShareWithin

_MICROSECOND = timedelta(microseconds=1)


class Part(NamedTuple):
    """The contributions of one measure: `counted` as cases, by their value if `weighted`, their values by bin if
    `binned`; `hit` never, always, through a channel, or within a limit.
    """

    role: str
    name: str
    counted: bool = True
    weighted: bool = False
    binned: bool = False
    hit: str = "never"
    channel: str | None = None
    limit_us: int | None = None


@dataclass(frozen=True)
class Figure:
    """What is measured, of whom; `limits` holds (opd, unit, microseconds) where it is not that of the part, `due` the
    limit by which cases are overdue.
    """

    kind: str
    form: str
    chosen: Filter
    parts: tuple[Part, ...]
    limits: tuple[tuple[str, str, int], ...] = ()
    due: str = ""

    @property
    def definition(self) -> str:
        told = [self.kind, self.form, *(sorted(each or ()) for each in self.lists), self.parts, self.limits, self.due]
        return orjson.dumps(told, default=list).decode()

    @property
    def lists(self) -> tuple[list[str] | None, ...]:
        """opds, units, services and channels; None takes all."""
        chosen = self.chosen
        return tuple(sorted(each) or None for each in (chosen.opds, chosen.units, chosen.services, chosen.channels))


class Told(NamedTuple):
    """How a KPI's value follows from the sums of its figure."""

    statistic: str
    scale: float
    per_units: int | None


def figure_of(catalogue: Catalogue, kpi: Kpi) -> Figure:
    """The figure of a KPI in its city."""
    measure, chosen = kpi.measure, kpi.filter
    kind = chosen.kind
    limits: tuple[tuple[str, str, int], ...] = ()
    due = ""
    parts: tuple[Part, ...]
    if isinstance(measure, Count):
        form, parts = "count", (Part("state", measure.state, weighted=measure.counts == "cases"),)
    elif isinstance(measure, ShareWithin):
        role = "duration" if measure.clock == "gross" else "net"
        form = "share"
        usual = _microseconds(measure.limit)
        parts = (Part(role, measure.duration, hit="limit", limit_us=usual),)
        limits = tuple(limit for limit in _limits(catalogue, chosen, measure.limit) if limit[2] != usual)
    elif isinstance(measure, ShareOfChannel):
        form = "share"
        parts = (Part("state", measure.state, weighted=True, hit="channel", channel=measure.channel),)
    elif isinstance(measure, ShareOfStates):
        form = "share"
        parts = tuple(
            Part(
                "state",
                state.name,
                counted=state.name in measure.of,
                weighted=True,
                hit="always" if state.name in measure.states else "never",
            )
            for state in KINDS[kind].states
            if state.name in {*measure.of, *measure.states}
        )
    elif isinstance(measure, Open | Overdue):
        form = "overdue" if isinstance(measure, Overdue) else "waiting" if measure.waiting else "open"
        # Cases that end with their day are looked up themselves; there are few at a time.
        parts = () if KINDS[kind].expires else (Part("level", form, weighted=True),)
        if isinstance(measure, Overdue):
            due = f"{measure.duration} {measure.model_dump_json(include={'limit'})}"
    else:
        role = "duration" if measure.clock == "gross" else "net"
        form, parts = "statistic", (Part(role, measure.duration, binned=True),)
    return Figure(kind, form, chosen, parts, limits, due)


def _microseconds(limit: LegalSpan) -> int:
    span = limit.open_time(None) if isinstance(limit, WorkingSpan) else limit
    return span // _MICROSECOND


def _limits(catalogue: Catalogue, chosen: Filter, limit: LegalSpan) -> list[tuple[str, str, int]]:
    """A limit in working days is as long as the days of each unit's calendar."""
    if not isinstance(limit, WorkingSpan):
        return []
    calendars = {calendar.code: calendar for calendar in catalogue.calendars}
    of_unit = {(agency.opd, unit.unit): unit.calendar for agency in catalogue.agencies for unit in agency.units}
    return sorted(
        (*place, limit.open_time(calendars.get(of_unit[place] or "")) // _MICROSECOND)
        for place in places(catalogue, chosen)
    )


def told_of(catalogue: Catalogue, kpi: Kpi) -> Told:
    """How the value of a KPI is told in its unit."""
    measure = kpi.measure
    span = unit_span(catalogue, kpi)
    if isinstance(measure, Count):
        return Told("count", 1, len(places(catalogue, kpi.filter)) if measure.per_unit else None)
    if isinstance(measure, Open | Overdue):
        return Told("level", 1, None)
    if isinstance(measure, ShareWithin | ShareOfChannel | ShareOfStates):
        return Told("share", 1, None)
    return Told(measure.type, (span or timedelta(seconds=1)) / _MICROSECOND, None)


def feeds(catalogue: Catalogue, kpi: Kpi) -> list[tuple[str, str, timedelta, list[str | None]]]:
    """(opd, app, expected_every, calendars of the units that the KPI takes there) of all that it rests on."""
    calendars: dict[str, set[str | None]] = {}
    of_unit = {(agency.opd, unit.unit): unit.calendar for agency in catalogue.agencies for unit in agency.units}
    for place in places(catalogue, kpi.filter):
        calendars.setdefault(place[0], set()).add(of_unit[place])
    return [
        (agency.opd, app.app, app.expected_every, sorted(calendars[agency.opd], key=lambda code: code or ""))
        for agency in catalogue.agencies
        if agency.opd in calendars
        for app in agency.apps
    ]


def row_of(catalogue: Catalogue, kpi: Kpi) -> dict[str, Any]:
    """The columns of hub.kpi that follow from the block alone."""
    told = told_of(catalogue, kpi)
    window, effective = kpi.window, kpi.effective
    return {
        "kpi": kpi.kpi,
        "statistic": told.statistic,
        "scale": told.scale,
        "per_units": told.per_units,
        "span": window.rolling if window else None,
        "local": window.local if window else None,
        "direction": kpi.direction,
        "minimum_sample": kpi.minimum_sample,
        "warning_at": kpi.thresholds.warning.at,
        "warning_clear": kpi.thresholds.warning.clear,
        "critical_at": kpi.thresholds.critical.at,
        "critical_clear": kpi.thresholds.critical.clear,
        "target_days": [target.by for target in kpi.targets],
        "targets": [target.value for target in kpi.targets],
        "since": effective.since,
        "until": effective.until,
    }
