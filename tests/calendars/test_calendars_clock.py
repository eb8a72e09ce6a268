"""The working-time clock says what the minute-by-minute reference says, for any calendar, zone, instant and pauses."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opd_schemas.calendars import Calendar
from opd_schemas.worktime import LAST_YEAR, WorkClock
from tests.calendars import reference
from tests.calendars.reference import Rules
from tests.calendars.strategies import DAY, City, cities, instants, pauses

HOUR = DAY // 24
JAKARTA = ZoneInfo("Asia/Jakarta")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OFFICE: Rules = {
    "hours": {day: ["07:30-12:00", "13:00-16:00"] for day in ("mon", "tue", "wed", "thu")}
    | {"fri": ["07:30-11:30", "13:00-16:30"]}
}
AROUND_THE_CLOCK: Rules = {"hours": {day: ["00:00-24:00"] for day in reference.WEEKDAYS}}
decades = st.integers(0, 40 * 365 * DAY).map(lambda at: 30 * 365 * DAY + at)


def calendar(rules: Rules) -> Calendar:
    name = {"id": "Jam Layanan", "en": "Opening Hours"}
    return Calendar.model_validate({"code": "loket", "name": name, "working_day": "PT7H30M", **rules})


def clock(city: City) -> WorkClock:
    return WorkClock(calendar(city.rules), city.zone)


def at(text: str, zone: ZoneInfo = JAKARTA) -> int:
    """A local time such as 2026-11-20T15:00 in microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000


def local(instant: int | None, zone: ZoneInfo = JAKARTA) -> str | None:
    if instant is None:
        return None
    return datetime.fromtimestamp(instant / 1e6, zone).replace(tzinfo=None).isoformat(timespec="minutes")


# A reference that walks through ten days minute by minute takes its time.
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_open_and_net_time_are_those_of_the_reference(data: st.DataObject) -> None:
    city = data.draw(cities())
    start, end = sorted((data.draw(instants(city)), data.draw(instants(city))))
    stops = data.draw(pauses(city))
    own = clock(city)
    assert own.open_us(start, end) == reference.net(city.rules, city.zone, start, end)
    assert own.net_us(start, end, stops) == reference.net(city.rules, city.zone, start, end, stops)
    wall = datetime.fromtimestamp(start // 1_000_000, city.zone)
    assert own.is_open(start) == reference.is_open(city.rules, wall)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_deadline_is_that_of_the_reference(data: st.DataObject) -> None:
    city = data.draw(cities())
    start = data.draw(instants(city))
    stops = data.draw(pauses(city))
    own = clock(city)
    end = start + 6 * DAY
    longest = max(1, own.net_us(start, end, stops))
    # Some are used up at the very instant at which a pause begins.
    up_to_a_pause = sorted({own.net_us(start, stop[0], stops) for stop in stops if start < stop[0] < end} - {0})
    span = data.draw(st.one_of([st.integers(1, longest), *map(st.just, up_to_a_pause)]))
    wanted = reference.due(city.rules, city.zone, start, span, stops, end)
    assume(wanted is not None)
    assert own.add(start, span, stops) == wanted


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_it_opens_again_in_the_first_open_minute(data: st.DataObject) -> None:
    city = data.draw(cities())
    start = data.draw(instants(city))
    first = next(reference.open_pieces(city.rules, city.zone, start, start + 10 * DAY, ()), None)
    assume(first is not None)
    assert first is not None
    own = clock(city)
    assert own.opens_again(start) == first[0]
    assert own.is_open(first[0])
    assert first[0] == start or not own.is_open(first[0] - 1)


@settings(max_examples=50, deadline=None)
@given(cities(), decades, st.integers(1, 300 * 7 * HOUR))
def test_adding_is_the_inverse_of_measuring(city: City, start: int, span: int) -> None:
    own = clock(city)
    due = own.add(start, span)
    assume(due is not None)
    assert due is not None
    assert own.open_us(start, due) == span
    assert own.open_us(start, due - 1) == span - 1


@settings(deadline=None)
@given(data=st.data())
def test_adding_is_the_inverse_of_measuring_with_pauses(data: st.DataObject) -> None:
    city = data.draw(cities())
    start, stops = data.draw(instants(city)), data.draw(pauses(city))
    span = data.draw(st.integers(1, 100 * HOUR))
    own = clock(city)
    due = own.add(start, span, stops)
    assert due is not None
    assert own.net_us(start, due, stops) == span
    assert own.net_us(start, due - 1, stops) == span - 1


@settings(max_examples=50, deadline=None)
@given(cities(), st.lists(decades, min_size=3, max_size=3))
def test_open_time_is_monotone_and_additive(city: City, instants: list[int]) -> None:
    own = clock(city)
    first, middle, last = sorted(instants)
    assert 0 <= own.open_us(first, middle) <= own.open_us(first, last) <= last - first
    assert own.open_us(first, middle) + own.open_us(middle, last) == own.open_us(first, last)
    assert own.open_us(last, first) == -own.open_us(first, last)
    assert own.open_us(first, first) == 0


@settings(max_examples=25, deadline=None)
@given(cities(), st.lists(st.tuples(decades, decades), min_size=2, max_size=4))
def test_what_was_asked_before_changes_no_answer(city: City, spans: list[tuple[int, int]]) -> None:
    asked = clock(city)
    for start, end in spans:
        assert asked.open_us(start, end) == clock(city).open_us(start, end)
        assert asked.opens_again(end) == clock(city).opens_again(end)
    for start, end in spans:
        assert asked.add(start, abs(end - start) // 10) == clock(city).add(start, abs(end - start) // 10)


@given(st.integers(-(2**60), 2**60), st.integers(0, 2**60), st.integers(0, DAY))
def test_without_a_calendar_all_time_counts(start: int, span: int, pause: int) -> None:
    own = WorkClock(None, JAKARTA)
    assert own.open_us(start, start + span) == span
    assert own.add(start, span) == start + span
    assert own.opens_again(start) == start
    assert own.is_open(start)
    stops = [(start + span // 2, start + span // 2 + pause)]
    assert own.net_us(start, start + span + pause, stops) == span
    if span:
        assert own.add(start, span, stops) == start + span + pause


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Europe/Amsterdam", "America/Santiago", "Pacific/Apia"])
@settings(max_examples=25, deadline=None)
@given(start=decades, span=st.integers(0, 3 * 365 * DAY))
def test_a_calendar_around_the_clock_is_no_calendar(zone: str, start: int, span: int) -> None:
    own = WorkClock(calendar(AROUND_THE_CLOCK), ZoneInfo(zone))
    assert own.open_us(start, start + span) == span
    assert own.add(start, span) == start + span


#: What is given, from when, so much open time: then it is due.
DEADLINES: tuple[tuple[Rules, str, float, str], ...] = (
    (OFFICE, "2026-11-20T15:00", 1.5, "2026-11-20T16:30"),  # up to the very end of Friday
    (OFFICE, "2026-11-20T15:00", 2, "2026-11-23T08:00"),  # over the weekend
    (OFFICE, "2026-11-21T10:00", 1, "2026-11-23T08:30"),  # from a Saturday
    (OFFICE, "2026-11-23T11:30", 1, "2026-11-23T13:30"),  # over noon
    (OFFICE | {"expanded": ["2026-11-23"]}, "2026-11-20T15:00", 2, "2026-11-24T08:00"),
    (OFFICE | {"expanded": ["2026-11-22"]}, "2026-11-20T15:00", 2, "2026-11-23T08:00"),  # a holiday on a Sunday
    (
        OFFICE | {"expanded": ["2026-11-23"], "holidays": [{"date": "2026-11-23", "name": "Buka", "open": "true"}]},
        "2026-11-20T15:00",
        2,
        "2026-11-23T08:00",
    ),
    (OFFICE | {"holidays": [{"date": "2026-11-23", "name": "Hari Jadi"}]}, "2026-11-20T15:00", 2, "2026-11-24T08:00"),
    (
        OFFICE | {"closures": [{"start": "2026-11-23T08:00", "end": "2026-11-23T10:00", "reason": "Listrik padam"}]},
        "2026-11-23T07:30",
        1,
        "2026-11-23T10:30",
    ),
    (
        OFFICE
        | {
            "special_hours": [
                {"first": "2026-02-19", "last": "2026-03-20", "hours": {"thu": ["08:00-12:00"]}, "source": "Ramadan"}
            ]
        },
        "2026-02-18T15:30",
        1,
        "2026-02-19T08:30",
    ),
    ({"hours": {"fri": ["22:00-24:00"], "sat": ["00:00-06:00"]}}, "2026-11-20T23:00", 3, "2026-11-21T02:00"),
)


@pytest.mark.parametrize(("rules", "start", "hours", "due"), DEADLINES)
def test_a_deadline_that_a_person_can_follow(rules: Rules, start: str, hours: float, due: str) -> None:
    assert local(WorkClock(calendar(rules), JAKARTA).add(at(start), int(hours * HOUR))) == due


@pytest.mark.parametrize(
    ("night", "hours"),
    [("2026-03-28", 8), ("2026-03-29", 7), ("2026-10-25", 9)],  # an ordinary night, summer time begins, and ends
)
def test_a_night_has_as_many_hours_as_pass(night: str, hours: int) -> None:
    own = WorkClock(calendar({"hours": {day: ["00:00-08:00"] for day in reference.WEEKDAYS}}), AMSTERDAM)
    assert own.open_us(at(f"{night}T00:00", AMSTERDAM), at(f"{night}T12:00", AMSTERDAM)) == hours * HOUR


def test_an_hour_that_is_shown_twice_is_open_twice() -> None:
    own = WorkClock(calendar({"hours": {"sun": ["02:15-02:45"]}}), AMSTERDAM)
    day = at("2026-10-25T00:00", AMSTERDAM)
    assert own.open_us(day, day + DAY) == HOUR
    assert own.add(day, HOUR // 2) == day + 2.75 * HOUR
    assert own.opens_again(day + int(2.75 * HOUR)) == day + 3.25 * HOUR
    assert own.open_us(at("2026-03-29T00:00", AMSTERDAM), at("2026-03-30T00:00", AMSTERDAM)) == 0


def test_what_the_clocks_leave_out_is_never_open() -> None:
    island = ZoneInfo("Australia/Lord_Howe")
    own = WorkClock(calendar({"hours": {"sun": ["02:00-02:30"]}}), island)
    begins = at("2026-10-04T00:00", island)
    assert own.open_us(begins, begins + DAY) == 0
    assert local(own.opens_again(begins), island) == "2026-10-11T02:00"


def test_what_is_due_when_a_pause_begins_does_not_wait_for_its_end() -> None:
    own = WorkClock(calendar(OFFICE), JAKARTA)
    pause = (at("2026-11-23T09:30"), at("2026-11-25T10:00"))
    assert local(own.add(at("2026-11-23T07:30"), 2 * HOUR, [pause])) == "2026-11-23T09:30"
    assert local(own.add(at("2026-11-23T07:30"), 3 * HOUR, [pause])) == "2026-11-25T11:00"


def test_nothing_is_open_beyond_its_years() -> None:
    own = WorkClock(calendar(OFFICE), JAKARTA)
    end = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert own.add(end - 10 * DAY, 100 * HOUR) is None
    assert own.opens_again(end) is None
    assert not own.is_open(end)
    assert not own.is_open(-1)
    assert own.open_us(end, 10 * end) == 0
    assert own.open_us(-end, 0) == 0
    assert own.open_us(-end, end) == own.open_us(0, end) > 0
    assert own.add(-end, 1) == own.add(0, 1)


def test_no_time_is_due_at_once_even_while_closed() -> None:
    own = WorkClock(calendar(OFFICE), JAKARTA)
    sunday = at("2026-11-22T10:00")
    assert own.add(sunday, 0) == sunday
    assert local(own.opens_again(sunday)) == "2026-11-23T07:30"
