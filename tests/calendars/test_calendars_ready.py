"""The ready city's calendars say what Perpres 21/2023 says, and every unit has one."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest

from opd_schemas.calendars import Calendar
from opd_schemas.catalogue import Catalogue
from opd_schemas.worktime import WorkClock
from services.catalogue import load
from services.holidays_source import expand

ROOT = Path(__file__).parents[2]
HOUR = 3_600_000_000
WEEK = 7 * 24 * HOUR
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def city() -> Catalogue:
    return expand(load(ROOT / "schemas" / "catalogue"), today=TODAY)


def _calendar(city: Catalogue, code: str) -> Calendar:
    return next(calendar for calendar in city.calendars if calendar.code == code)


def _clock(city: Catalogue, code: str) -> WorkClock:
    return WorkClock(_calendar(city, code), city.city.zone)


def _at(city: Catalogue, *local: int) -> int:
    return int(datetime(*local, tzinfo=city.city.zone).timestamp()) * 1_000_000  # type: ignore[arg-type,misc]


def test_every_unit_has_a_calendar_and_every_calendar_a_unit(city: Catalogue) -> None:
    used = Counter(unit.calendar for agency in city.agencies for unit in agency.units)
    assert set(used) == {calendar.code for calendar in city.calendars}
    assert used["puskesmas"] == 23


@pytest.mark.parametrize(("code", "usual", "in_ramadan"), [("kantor", 37.5, 32.5), ("puskesmas", 37.5, 32.5)])
def test_a_week_has_the_hours_of_the_decree(city: Catalogue, code: str, usual: float, in_ramadan: float) -> None:
    own = _clock(city, code)
    monday, in_fasting = _at(city, 2026, 11, 2), _at(city, 2026, 3, 2)
    assert own.open_us(monday, monday + WEEK) == usual * HOUR
    assert own.open_us(in_fasting, in_fasting + WEEK) == in_ramadan * HOUR
    assert own.opens_again(monday) == _at(city, 2026, 11, 2, 7, 30)
    assert own.opens_again(in_fasting) == _at(city, 2026, 3, 2, 8)


@pytest.mark.parametrize("code", ["kantor", "puskesmas"])
def test_a_working_day_is_a_weeks_share(city: Catalogue, code: str) -> None:
    calendar = _calendar(city, code)
    assert calendar.working_day * sum(map(bool, calendar.hours.days)) == timedelta(hours=37.5)


def test_offices_close_on_holidays_and_collective_leave_and_the_hospital_never(city: Catalogue) -> None:
    office, hospital = _clock(city, "kantor"), _clock(city, "rsud")
    for day in ((2026, 8, 17), (2026, 2, 16), (2026, 3, 20), (2026, 12, 24)):
        assert not office.is_open(_at(city, *day, 10))
        assert hospital.is_open(_at(city, *day, 3))
    assert office.is_open(_at(city, 2026, 12, 23, 10))
    year = _at(city, 2026, 1, 1), _at(city, 2027, 1, 1)
    assert hospital.open_us(*year) == 365 * 24 * HOUR


def test_ramadan_ends_on_the_eve_of_the_feast(city: Catalogue) -> None:
    # The package's own dates of Eid al-Fitr: 21 March 2026, and 10 March 2027 as an estimate.
    for calendar in city.calendars:
        for season in calendar.special_hours:
            assert season.last + timedelta(days=1) in {date(2026, 3, 21), date(2027, 3, 10)}
            assert season.last + timedelta(days=1) in calendar.expanded or calendar.public_holidays is None
            assert season.last - season.first in {timedelta(days=28), timedelta(days=29)}
            assert "unverified" in season.source


def test_a_calendar_survives_the_database(city: Catalogue) -> None:
    stored = orjson.loads(orjson.dumps(city.model_dump(mode="json")))
    assert Catalogue.model_validate(stored) == city
    rules = {
        "code": "x",
        "name": {"id": "x", "en": "x"},
        "working_day": "PT7H30M",
        "hours": {"mon": ["07:30-16:00"]},
        "holidays": [{"date": "2026-12-24", "name": "Buka", "open": "true"}],
        "closures": [{"start": "2026-05-04 10:00", "end": "2026-05-04T12:30", "reason": "Listrik padam"}],
    }
    own = Calendar.model_validate(rules)
    assert Calendar.model_validate(orjson.loads(own.model_dump_json())) == own


def test_the_permit_logs_office_keeps_dutch_hours() -> None:
    example = expand(load(ROOT / "examples/permit-receipts/catalogue"), today=TODAY)
    [calendar] = example.calendars
    assert example.agencies[0].units[0].calendar == calendar.code
    own = WorkClock(calendar, ZoneInfo("Europe/Amsterdam"))
    # Monday to Friday of the week after Easter Monday and the Queen's Day of 2011, a Saturday; 8 hours a day.
    week = int(datetime(2011, 4, 25, tzinfo=UTC).timestamp()) * 1_000_000
    assert own.open_us(week, week + WEEK) == 4 * 8 * HOUR
