"""The working-time clock: how much open time lies between two instants, and when so much of it has passed.

Instants and spans are whole microseconds (since 1970, UTC), so every figure is exact. A unit is open at an instant if
its calendar says so of what clocks on the wall then show; an hour that they show twice counts twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import accumulate, chain
from typing import Final

from opd_schemas.calendars import Calendar, minutes

#: Outside of these years nothing is ever open, so that no instant, however wild, costs more than their layout.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE
_FOREVER = 2**62

#: From an instant, included, to another, excluded.
Interval = tuple[int, int]


class WorkClock:
    """The clock of one calendar; without one it never stops. Years are laid out when they are first asked for."""

    def __init__(self, calendar: Calendar | None, zone: tzinfo) -> None:
        self._calendar = calendar
        self._zone = zone
        self._by_year: dict[int, list[Interval]] = {}
        self._years = range(0)
        if calendar is None:
            self._from, self._until = -_FOREVER, _FOREVER
            self._hold([(-_FOREVER, _FOREVER)])
        else:
            self._from = self._until = 0
            self._hold([])

    def open_us(self, start_us: int, end_us: int) -> int:
        """The open time in [start, end); negative, as end - start would be, if the end lies before the start."""
        if not (self._from <= start_us < self._until and self._from <= end_us < self._until):
            # Both before either is asked for: a year laid out to the left moves the count's beginning.
            start_us, end_us = self._cover(start_us), self._cover(end_us)
        return self._open_until(end_us) - self._open_until(start_us)

    def net_us(self, start_us: int, end_us: int, pauses: Sequence[Interval] = ()) -> int:
        """The open time in [start, end) outside of all pauses, which may overlap and stand in any order."""
        net = self.open_us(start_us, end_us)
        for pause_us, on_us in _union(pauses):
            first, last = max(pause_us, start_us), min(on_us, end_us)
            if first < last:
                net -= self.open_us(first, last)
        return net

    def add(self, start_us: int, open_us: int, pauses: Sequence[Interval] = ()) -> int | None:
        """The earliest instant, from the start on, by which so much open time has passed outside of all pauses.

        None if that does not happen by the end of LAST_YEAR.
        """
        at, left = start_us, open_us
        for pause_us, on_us in _union(pauses):
            if on_us > at:
                before = self.open_us(at, max(at, pause_us))
                if before >= left:
                    break
                at, left = on_us, left - before
        return self._after(at, left)

    def openings(self, start_us: int, end_us: int) -> list[Interval]:
        """Every stretch of open time that touches [start, end), whole."""
        start_us, end_us = self._cover(start_us), self._cover(end_us)
        return [
            (first, last)
            for first, last in zip(self._starts, self._ends, strict=True)
            if first < end_us and last > start_us
        ]

    def is_open(self, at_us: int) -> bool:
        at = self._cover(at_us)
        return at == at_us and at < self._ends[bisect_right(self._starts, at) - 1]

    def opens_again(self, at_us: int) -> int | None:
        """The first instant at or after this one at which it is open; None if there is none by LAST_YEAR's end."""
        after = self._after(at_us, 1)
        return None if after is None else after - 1

    def _open_until(self, at: int) -> int:
        index = bisect_right(self._starts, at) - 1
        end = self._ends[index]
        return self._passed[index] + (at if at < end else end) - self._starts[index]

    def _after(self, start_us: int, open_us: int) -> int | None:
        if open_us <= 0:
            return start_us
        target = self._open_until(self._cover(start_us)) + open_us
        while target > self._passed[-1]:
            if self._calendar is None or self._years.stop > LAST_YEAR:
                return None
            self._lay_out(range(self._years.start, min(self._years.stop + len(self._years), LAST_YEAR + 1)))
        index = bisect_left(self._passed, target) - 1
        return self._starts[index] + target - self._passed[index]

    def _cover(self, at: int) -> int:
        """Lay out the year of an instant; the instant itself, or the end of all years that lies next to it."""
        if self._from <= at < self._until:
            return at
        at = min(max(at, _new_year(FIRST_YEAR)), _new_year(LAST_YEAR + 1))
        year = min((_EPOCH + timedelta(microseconds=at)).year, LAST_YEAR)
        if year not in self._years:
            known = self._years or range(year, year + 1)
            self._lay_out(range(min(year, known.start), max(year + 1, known.stop)))
        return at

    def _lay_out(self, years: range) -> None:
        assert self._calendar is not None  # noqa: S101 - without a calendar all time is covered from the start
        for year in years:
            if year not in self._by_year:
                self._by_year[year] = list(_open_in(self._calendar, self._zone, year))
        self._years = years
        self._from, self._until = _new_year(years.start), _new_year(years.stop)
        self._hold(_union(chain.from_iterable(self._by_year[year] for year in years)))

    def _hold(self, intervals: Sequence[Interval]) -> None:
        # An empty interval before all others: every instant then lies behind the start of one.
        held = [(-_FOREVER, -_FOREVER), *intervals]
        self._starts = [start for start, _ in held]
        self._ends = [end for _, end in held]
        #: The open time before each interval, and behind the last.
        self._passed = list(accumulate((end - start for start, end in held), initial=0))


def _new_year(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _EPOCH.toordinal()) * _DAY


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants in ascending intervals that do not touch."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return joined


def _open_in(calendar: Calendar, zone: tzinfo, year: int) -> Iterator[Interval]:
    """The open intervals of one year of UTC: what is open on the wall, seen through each offset of that year."""
    on_the_wall = _union(_on_the_wall(calendar, year))
    for since, until, offset in _offsets(zone, _new_year(year), _new_year(year + 1)):
        for start, end in on_the_wall:
            first, last = max(start - offset, since), min(end - offset, until)
            if first < last:
                yield first, last


def _on_the_wall(calendar: Calendar, year: int) -> Iterator[Interval]:
    """The open intervals by local time, as if it were UTC, of a year and the days on either side of it."""
    closed = calendar.closed_days
    closures = _union((_wall(closure.start), _wall(closure.end)) for closure in calendar.closures)
    for ordinal in range(date(year, 1, 1).toordinal() - 1, date(year + 1, 1, 1).toordinal() + 1):
        day = date.fromordinal(ordinal)
        if day in closed:
            continue
        midnight = (ordinal - _EPOCH.toordinal()) * _DAY
        for first, last in map(minutes, calendar.week_of(day).days[day.weekday()]):
            yield from _without((midnight + first * _MINUTE, midnight + last * _MINUTE), closures)


def _wall(local: datetime) -> int:
    return (local.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def _without(interval: Interval, closures: Sequence[Interval]) -> Iterator[Interval]:
    # What a closure leaves of it may be empty, or end before it starts; `_union` drops both.
    start, end = interval
    for closed, open_again in closures:
        if closed < end and open_again > start:
            yield start, closed
            start = open_again
    yield start, end


def _offsets(zone: tzinfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The stretches of time in which the zone keeps one offset: since, until, offset."""

    def offset_at(at: int) -> int:
        offset = (_EPOCH + timedelta(microseconds=at)).astimezone(zone).utcoffset()
        assert offset is not None  # noqa: S101 - an aware time has one
        return offset // _MICROSECOND

    since, offset = start, offset_at(start)
    for day in range(start, end, _DAY):
        if offset_at(day + _DAY) != offset:
            # No zone changes twice in a day, nor within a second.
            seconds = range(day, day + _DAY + 1, _SECOND)
            change = seconds[bisect_left(seconds, True, key=lambda at: offset_at(at) != offset)]
            yield since, change, offset
            since, offset = change, offset_at(change)
    yield since, end, offset
