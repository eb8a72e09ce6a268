"""Calendars, instants and pauses around the days on which clocks go wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.calendars.reference import WEEKDAYS, Interval, Rules

DAY = 86_400_000_000

#: Days of interest by zone: summer time begins and ends (in Santiago at midnight, on Lord Howe by half an hour), Apia
#: leaves a day out; Ramadan, the turn of the year, a leap day.
DAYS = {
    "Asia/Jakarta": (date(2026, 2, 19), date(2026, 3, 20), date(2025, 12, 31), date(2028, 2, 29)),
    "Asia/Kolkata": (date(2026, 2, 28), date(2026, 12, 31)),
    "Europe/Amsterdam": (date(2025, 3, 30), date(2025, 10, 26), date(2011, 10, 30), date(2026, 12, 31)),
    "America/Santiago": (date(2025, 4, 5), date(2025, 9, 6)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Pacific/Apia": (date(2011, 12, 30),),
}


@dataclass(frozen=True)
class City:
    """A calendar as a file has it, the zone, and the days around which its rules lie."""

    rules: Rules
    zone: ZoneInfo
    around: date

    @property
    def midnight(self) -> int:
        """Some midnight near, in microseconds."""
        return int(datetime(self.around.year, self.around.month, self.around.day, tzinfo=UTC).timestamp()) * 1_000_000


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def hours(draw: st.DrawFn) -> list[str]:
    """The hours of a day; some begin or end at midnight, some touch one another."""
    edges = draw(st.lists(st.sampled_from((0, 120, 150, 180, 450, 720, 780, 960, 1440)) | st.integers(0, 1440),
                          unique=True, max_size=6))  # fmt: skip
    edges = sorted(edges)[: len(edges) // 2 * 2]
    if len(edges) == 4 and draw(st.booleans()):
        edges[2] = edges[1]
    return [f"{_clock(first)}-{_clock(last)}" for first, last in zip(edges[::2], edges[1::2], strict=True)]


def weeks() -> st.SearchStrategy[dict[str, list[str]]]:
    return st.fixed_dictionaries({day: hours() for day in WEEKDAYS}).filter(lambda week: any(week.values()))


@st.composite
def cities(draw: st.DrawFn) -> City:
    """Anything that a calendar may say, within a week of a day of interest."""
    zone = draw(st.sampled_from(sorted(DAYS)))
    around = draw(st.sampled_from(DAYS[zone]))
    near = st.integers(-7, 7).map(lambda days: around + timedelta(days=days))
    iso = near.map(date.isoformat)
    holidays = draw(st.lists(iso, unique=True, max_size=3))
    rules: Rules = {
        "hours": draw(weeks()),
        "expanded": draw(st.lists(iso, unique=True, max_size=4)),
        "holidays": [
            {"date": day, "name": "Libur", "open": draw(st.sampled_from(("true", "false")))} for day in holidays
        ],
        "special_hours": draw(_seasons(near)),
        "closures": draw(st.lists(_closures(near), max_size=3)),
    }
    return City(rules, ZoneInfo(zone), around)


@st.composite
def _seasons(draw: st.DrawFn, near: st.SearchStrategy[date]) -> list[dict[str, Any]]:
    edges = sorted(draw(st.lists(near, unique=True, max_size=4)))
    return [
        {"first": first.isoformat(), "last": last.isoformat(), "hours": draw(weeks()), "source": "Ramadan"}
        for first, last in zip(edges[::2], edges[1::2], strict=False)
    ]


@st.composite
def _closures(draw: st.DrawFn, near: st.SearchStrategy[date]) -> dict[str, str]:
    day = draw(near)
    start = datetime(day.year, day.month, day.day) + timedelta(minutes=draw(st.integers(0, 1439)))  # noqa: DTZ001
    end = start + timedelta(minutes=draw(st.integers(1, 3000)))
    return {"start": start.strftime("%Y-%m-%dT%H:%M"), "end": end.strftime("%Y-%m-%dT%H:%M"), "reason": "Listrik padam"}


def instants(city: City, days: int = 5) -> st.SearchStrategy[int]:
    """Within so many days of the day of interest; some on a full quarter of an hour."""
    span = st.integers(-days * DAY, days * DAY)
    quarter = 900_000_000
    return st.one_of(span, span.map(lambda at: at // quarter * quarter)).map(lambda at: city.midnight + at)


def pauses(city: City) -> st.SearchStrategy[Sequence[Interval]]:
    """In any order, overlapping, and some of no length."""
    pair = st.tuples(instants(city), instants(city)).map(sorted).map(tuple)
    return st.lists(pair, max_size=3)
