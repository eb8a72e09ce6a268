"""When a unit is open: weekly hours, holidays, other hours for a season, single closures; and spans of law that count
open time. Data only; `worktime.WorkClock` reckons with it.
"""

from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from opd_schemas.event import Code
from opd_schemas.faults import Wrong, refuse
from opd_schemas.fields import Day, LocalTime, Model, Name, Span, Text, Truth

INTERVAL_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"
COUNTRY_PATTERN = r"^[A-Z]{2}$"


def minutes(interval: str) -> tuple[int, int]:
    """ "07:30-16:00" as minutes since local midnight: (450, 960)."""
    first, last = (int(clock[:2]) * 60 + int(clock[3:]) for clock in interval.split("-"))
    return first, last


def _forward(interval: str) -> str:
    first, last = minutes(interval)
    if first >= last:
        raise ValueError(
            "must end after it begins; hours across midnight are two, one per day: 22:00-24:00, 00:00-06:00"
        )
    return interval


def _in_order(intervals: tuple[str, ...]) -> tuple[str, ...]:
    for before, after in pairwise(intervals):
        if minutes(before)[1] > minutes(after)[0]:
            raise ValueError(f"has {after} behind {before}; write hours in order, without overlap")
    return intervals


Interval = Annotated[str, StringConstraints(pattern=INTERVAL_PATTERN), AfterValidator(_forward)]
Hours = Annotated[tuple[Interval, ...], AfterValidator(_in_order)]


class Week(Model):
    """Opening hours per weekday, in local time; a weekday without hours is closed."""

    mon: Hours = ()
    tue: Hours = ()
    wed: Hours = ()
    thu: Hours = ()
    fri: Hours = ()
    sat: Hours = ()
    sun: Hours = ()

    @property
    def days(self) -> tuple[Hours, ...]:
        """Monday first, as `date.weekday` counts."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)

    @model_validator(mode="after")
    def _opens_at_all(self) -> Self:
        if not any(self.days):
            raise ValueError("never opens; give at least one weekday its hours, such as mon: [07:30-16:00]")
        return self


class PublicHolidays(Model):
    """The days that the `holidays` package knows for a country: `public`, and what else it has there as a category.

    For Indonesia `government` is collective leave (cuti bersama).
    """

    country: Annotated[str, StringConstraints(pattern=COUNTRY_PATTERN)]
    subdivision: Text | None = None
    categories: Annotated[tuple[Text, ...], Field(min_length=1)] = ("public",)


class Holiday(Model):
    """A day of the city's own: closed, or `open` although the country's list has it closed."""

    date: Day
    name: Text
    open: Truth = False


class SpecialHours(Model):
    """Other weekly hours from the day `first` to the day `last`, both included (Ramadan); `source` names the ruling."""

    first: Day
    last: Day
    hours: Week
    source: Text

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"has its last day {self.last} before its first, {self.first}; correct one of them")
        return self


class Closure(Model):
    """Closed once, from the local time `start` until `end`: a power cut, a move, a ceremony."""

    start: LocalTime
    end: LocalTime
    reason: Text

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError("must end after it starts; correct start or end")
        return self


def _once(entries: tuple[Holiday, ...]) -> tuple[Holiday, ...]:
    days = [entry.date for entry in entries]
    twice = (Wrong((n,), f"names {day} a second time; keep one") for n, day in enumerate(days) if day in days[:n])
    refuse("holidays", twice)
    return entries


def _apart(entries: tuple[SpecialHours, ...]) -> tuple[SpecialHours, ...]:
    for (_, before), (number, after) in pairwise(sorted(enumerate(entries), key=lambda entry: entry[1].first)):
        if after.first <= before.last:
            what = f"begins while the hours from {before.first} to {before.last} hold; let one end before the other"
            refuse("special_hours", [Wrong((number, "first"), what)])
    return entries


def _a_day_at_most(span: timedelta) -> timedelta:
    if span > timedelta(days=1):
        raise ValueError("is longer than a day; write the working hours of one day, such as PT7H30M")
    return span


#: What the hub writes and nobody else; the loader refuses it in a file.
WRITTEN_BY_HUB = {"readOnly": True}


class Calendar(Model):
    """The opening times of a group of units, on the clocks of the city's zone.

    A holiday closes the whole day; special hours stand in place of the weekly ones; closures are cut out of both.
    `working_day` is what one working day of a legal limit counts. `expanded` holds the dates of `public_holidays` as
    they were known when the catalogue was put into force: a later release of their source changes no past figure.
    """

    code: Code
    name: Name
    hours: Week
    working_day: Annotated[Span, AfterValidator(_a_day_at_most)]
    public_holidays: PublicHolidays | None = None
    holidays: Annotated[tuple[Holiday, ...], AfterValidator(_once)] = ()
    special_hours: Annotated[tuple[SpecialHours, ...], AfterValidator(_apart)] = ()
    closures: tuple[Closure, ...] = ()
    expanded: Annotated[tuple[date, ...], Field(json_schema_extra=WRITTEN_BY_HUB)] = ()

    @property
    def closed_days(self) -> frozenset[date]:
        """All holidays: the country's less those that the city revokes, and the city's own."""
        revoked = {entry.date for entry in self.holidays if entry.open}
        return (frozenset(self.expanded) | {entry.date for entry in self.holidays}) - revoked

    def week_of(self, day: date) -> Week:
        """The weekly hours that are in force on a day."""
        return next((each.hours for each in self.special_hours if each.first <= day <= each.last), self.hours)


class WorkingSpan(Model):
    """A span of open time: so many working days of the unit's calendar, or so much time in which it is open."""

    working_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    working_time: Span | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.working_days is None) == (self.working_time is None):
            raise ValueError("must have either working_days or working_time")
        return self

    def open_time(self, calendar: Calendar | None) -> timedelta:
        """The open time that the span amounts to; where nothing ever closes, a working day is a day."""
        if self.working_time is not None:
            return self.working_time
        return (self.working_days or 0) * (calendar.working_day if calendar else timedelta(days=1))


_GROSS = TypeAdapter[timedelta](Span)


def _as_written(span: object) -> object:
    try:
        if isinstance(span, str | timedelta):
            return _GROSS.validate_python(span)
        return WorkingSpan.model_validate(span)
    except ValidationError:
        raise ValueError(
            "must be a duration by the clock on the wall such as PT24H, or open time:"
            " {working_days: 14} or {working_time: PT30M}"
        ) from None


#: A span as a rule states it: gross, whatever the hour ("PT24H"), or open time (`WorkingSpan`).
LegalSpan = Annotated[timedelta | WorkingSpan, BeforeValidator(_as_written)]
