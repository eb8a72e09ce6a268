"""By which rules a case is read: its lifecycle, the clocks of its units, and the limit that gives it a due date.

The rules follow from the lifecycle and the catalogue in force, and from nothing else; what they say of a kind at an
agency has a digest, so that a change of it is noticed and what was stored by the old ones is rewritten.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from opd_schemas.calendars import Calendar, LegalSpan, WorkingSpan
from opd_schemas.catalogue import Catalogue
from opd_schemas.kpi import Effective, Filter
from opd_schemas.lifecycle import Duration, Lifecycle
from opd_schemas.measures import Overdue
from opd_schemas.worktime import WorkClock
from services.micros import from_us, to_us

#: Every zone's offset, and every change of it, is a multiple of this; so it is safe to remember midnights by it.
_QUARTER_HOUR_US: Final = 900 * 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
#: Level measures of kinds whose cases stay open over midnight: how many are so at a moment is their running sum.
LEVELS: Final = ("open", "waiting", "overdue")
#: Signs of a figure that is made to look good: returned with less than a working day left; returned once more; begun
#: anew.
SIGNALS: Final = ("late_return", "return_again", "restart")


class DueRule(NamedTuple):
    """The limit of an `overdue` KPI: cases that it takes are due when so much time has passed."""

    chosen: Filter
    effective: Effective
    start: str
    ends: frozenset[str]
    limit: LegalSpan

    def takes(self, unit: str, service: str, channel: str) -> bool:
        chosen = self.chosen
        return (
            (not chosen.units or unit in chosen.units)
            and (not chosen.services or service in chosen.services)
            and (not chosen.channels or channel in chosen.channels)
        )


class Place(NamedTuple):
    """The clock of a unit, and how long one of its working days is."""

    clock: WorkClock
    working_day_us: int
    calendar: Calendar | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A duration with the numbers of its measures; `net` None where it is measured gross only."""

    start: str
    ends: frozenset[str]
    gross: int
    negative: int
    net: int | None


def measure_names(lifecycle: Lifecycle) -> Iterator[tuple[str, str, bool, bool, bool]]:
    """(role, name, waiting, terminal, serves) of every measure of a kind; the first two flags say something of states,
    the last of durations.
    """
    for state in lifecycle.states:
        yield "state", state.name, state.waiting, state.terminal, False
    for duration in lifecycle.durations:
        for role in ("duration", "negative", "net") if duration.net else ("duration", "negative"):
            yield role, duration.name, False, False, duration.serves
    if lifecycle.expires is None:
        for level in LEVELS:
            yield "level", level, False, False, False
    for signal in SIGNALS:
        yield "signal", signal, False, False, False


class City:
    """What the rules of all kinds share: the zone, the clock of each unit, the due rules of each (kind, opd)."""

    def __init__(self, zone: ZoneInfo, catalogue: Catalogue | None) -> None:
        self.zone = zone
        calendars = {calendar.code: calendar for calendar in catalogue.calendars} if catalogue else {}
        by_code: dict[str | None, Place] = {
            code: Place(WorkClock(calendar, zone), calendar.working_day // _MICROSECOND, calendar)
            for code, calendar in calendars.items()
        }
        self.always = by_code[None] = Place(WorkClock(None, zone), _DAY // _MICROSECOND, None)
        agencies = catalogue.agencies if catalogue else ()
        self._places = {(a.opd, unit.unit): by_code[unit.calendar] for a in agencies for unit in a.units}
        self._units = {a.opd: tuple(unit.unit for unit in a.units) for a in agencies}
        self._catalogue = catalogue

    def place(self, opd: str, unit: str) -> Place:
        """A unit that the catalogue does not know, or that names no calendar, never closes."""
        return self._places.get((opd, unit), self.always)

    def due_rules(self, lifecycle: Lifecycle, opd: str) -> tuple[DueRule, ...]:
        durations = {duration.name: duration for duration in lifecycle.durations}
        return tuple(
            DueRule(
                kpi.filter,
                kpi.effective,
                durations[kpi.measure.duration].start,
                durations[kpi.measure.duration].ends,
                kpi.measure.limit,
            )
            for kpi in (self._catalogue.kpis if self._catalogue else ())
            if isinstance(kpi.measure, Overdue)
            and kpi.filter.kind == lifecycle.kind
            and (not kpi.filter.opds or opd in kpi.filter.opds)
        )

    def digest(self, lifecycle: Lifecycle, opd: str) -> str:
        """All that decides what a case of this kind at this agency adds to the figures, as one short text."""
        rules = self.due_rules(lifecycle, opd)
        uses_clock = any(duration.net for duration in lifecycle.durations) or bool(rules)
        told = {
            "zone": self.zone.key,
            "lifecycle": _lifecycle_text(lifecycle),
            "due": [
                {
                    "of": rule.chosen.model_dump(mode="json"),
                    "effective": rule.effective.model_dump(mode="json"),
                    "limit": _limit_text(rule.limit),
                    "start": rule.start,
                    "ends": sorted(rule.ends),
                }
                for rule in rules
            ],
            "clocks": {
                unit: calendar.model_dump(mode="json")
                for unit in self._units.get(opd, ())
                if uses_clock and (calendar := self.place(opd, unit).calendar) is not None
            },
        }
        return hashlib.blake2b(orjson.dumps(told, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _limit_text(limit: LegalSpan) -> object:
    return limit.model_dump(mode="json") if isinstance(limit, WorkingSpan) else limit // _MICROSECOND


def _lifecycle_text(lifecycle: Lifecycle) -> object:
    states = [
        [s.name, s.rank, sorted(s.after), s.initial, s.terminal, s.pauses, s.waiting]
        for s in sorted(lifecycle.states, key=lambda s: s.name)
    ]
    durations = [[d.name, d.start, sorted(d.ends), d.net] for d in lifecycle.durations]
    return [states, durations, lifecycle.expires, [name[:2] for name in measure_names(lifecycle)]]


class Rules:
    """The lifecycle of one kind with the numbers that the store gave to its measures, in one city."""

    def __init__(self, lifecycle: Lifecycle, measures: Mapping[tuple[str, str, str], int], city: City) -> None:
        kind = lifecycle.kind
        self.kind = kind
        self.rank = {state.name: state.rank for state in lifecycle.states}
        self.after = {state.name: state.after for state in lifecycle.states}
        self.initial = frozenset(state.name for state in lifecycle.states if state.initial)
        self.terminal = frozenset(state.name for state in lifecycle.states if state.terminal)
        self.pauses = frozenset(state.name for state in lifecycle.states if state.pauses)
        self.waiting = frozenset(state.name for state in lifecycle.states if state.waiting)
        self.state_measure = {state.name: measures[kind, "state", state.name] for state in lifecycle.states}
        self.durations = [_measured(kind, duration, measures) for duration in lifecycle.durations]
        self.expires = lifecycle.expires is not None
        self.levels = None if self.expires else {name: measures[kind, "level", name] for name in LEVELS}
        self.signal = {name: measures[kind, "signal", name] for name in SIGNALS}
        self.city = city
        self._lifecycle = lifecycle
        self._due: dict[str, tuple[DueRule, ...]] = {}
        self._midnights: dict[int, int] = {}

    def due_rules(self, opd: str) -> tuple[DueRule, ...]:
        if (known := self._due.get(opd)) is None:
            known = self._due[opd] = self.city.due_rules(self._lifecycle, opd)
        return known

    def local_day(self, at_us: int) -> date:
        return from_us(at_us).astimezone(self.city.zone).date()

    def next_midnight(self, at_us: int) -> int:
        """The end of the local day that holds `at_us`."""
        key = at_us // _QUARTER_HOUR_US
        if (known := self._midnights.get(key)) is None:
            if len(self._midnights) > 10_000:
                self._midnights.clear()
            zone = self.city.zone
            midnight = datetime.combine(self.local_day(at_us) + timedelta(days=1), time(), zone)
            known = self._midnights[key] = to_us(midnight)
        return known


def _measured(kind: str, duration: Duration, measures: Mapping[tuple[str, str, str], int]) -> Measured:
    def number(role: str) -> int:
        return measures[kind, role, duration.name]

    return Measured(
        duration.start,
        duration.ends,
        number("duration"),
        number("negative"),
        number("net") if duration.net else None,
    )


def limit_us(limit: LegalSpan, place: Place) -> int:
    """A limit as microseconds of the clock that it is measured by."""
    if isinstance(limit, timedelta):
        return limit // _MICROSECOND
    return limit.open_time(place.calendar) // _MICROSECOND
