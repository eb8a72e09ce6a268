"""The reference itself, on cases that a person can work out; and the examples, which must be as odd as they claim."""

from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import Phase, find, settings

from tests.properties.reference import VOIDED, Event, Filter, OpenGroup, Reference, Summary, end_of_day, microseconds
from tests.properties.strategies import HOUR, MINUTE, SECOND, publications

ZONE = "Asia/Jakarta"
MIDNIGHT = microseconds(datetime.fromisoformat("2025-11-17T00:00+07:00"))
DAY = (MIDNIGHT, MIDNIGHT + 24 * HOUR)
EVERYTHING = Filter()


def at(clock: str) -> int:
    hours, minutes = clock.split(":")
    return MIDNIGHT + int(hours) * HOUR + int(minutes) * MINUTE


def queue(id_: str, clock: str, state: str, *, case: str = "A-1", unit: str = "u1", voids: str | None = None) -> Event:
    return Event("kiosk", id_, "queue", state, at(clock), unit, "ktp", "onsite", case, voids, "dukcapil")


TICKETS = [
    queue("1", "08:00", "issued"),
    queue("2", "08:10", "called"),
    queue("3", "08:25", "served", unit="u2"),
    queue("4", "08:05", "issued", case="A-2"),
    queue("5", "08:25", "called", case="A-2"),
    queue("6", "08:06", "issued", case="A-3"),
    queue("7", "08:07", "served", case="A-3"),
    queue("8", "08:08", "voided", case="A-3", voids="7"),
    queue("8", "08:08", "called", case="A-3"),
]


def test_tickets_of_a_morning() -> None:
    reference = Reference(TICKETS, ZONE)
    assert reference.states("queue", DAY, EVERYTHING) == {"issued": (3, 3), "called": (2, 2), "served": (1, 1)}
    assert reference.duration("queue", "wait", DAY, 10 * MINUTE, EVERYTHING) == Summary(
        2, 0, Fraction(15 * MINUTE), 10 * MINUTE, 20 * MINUTE, 1
    )
    assert reference.duration("queue", "service", DAY, HOUR, Filter(unit=("u1",))).n == 0
    assert reference.duration("queue", "service", DAY, HOUR, Filter(unit=("u2",))).mean == 15 * MINUTE
    assert reference.channel_share("queue", "issued", "online", DAY, EVERYTHING) == (0, 3)
    assert reference.duration("queue", "wait", (at("08:10"), at("08:11")), 1, EVERYTHING).n == 1
    assert reference.duration("queue", "wait", (at("08:00"), at("08:10")), 1, EVERYTHING).n == 0


def test_who_waits_when() -> None:
    reference = Reference(TICKETS, ZONE)
    place = ("dukcapil", "u1", "ktp", "onsite")
    assert reference.open_by_state("queue", at("08:10"), EVERYTHING) == [
        OpenGroup(*place, "called", waiting=False, open=1, oldest=at("08:00"), overdue=0),
        OpenGroup(*place, "issued", waiting=True, open=2, oldest=at("08:05"), overdue=0),
    ]
    # A-2 is called at 08:25; A-3 waits on, due a quarter of an hour after 08:06.
    overdue = [[g.overdue for g in reference.open_by_state("queue", at(t), EVERYTHING)] for t in ("08:20", "08:21")]
    assert overdue == [[0, 1], [0, 2]]
    assert [group.open for group in reference.open_by_state("queue", at("23:59"), EVERYTHING)] == [1, 1]
    assert reference.open_by_state("queue", at("24:00"), EVERYTHING) == []
    assert reference.open_by_state("queue", at("07:59"), EVERYTHING) == []


@pytest.mark.parametrize(
    ("events", "flags"),
    [
        ([queue("1", "08:00", "issued"), queue("2", "09:00", "issued")], ("case_reused",)),
        ([queue("1", "08:00", "issued"), queue("2", "08:00", "issued")], ()),
        ([queue("1", "08:00", "issued"), queue("2", "09:00", "served")], ("out_of_order",)),
        ([queue("1", "08:00", "called"), queue("2", "08:00", "issued")], ()),
        ([queue("1", "08:00", "called"), queue("2", "08:01", "issued")], ("out_of_order",)),
        ([queue("1", "08:00", "issued"), queue("2", "08:01", "called"), queue("3", "08:02", "called")], ()),
    ],
)
def test_flags(events: Sequence[Event], flags: tuple[str, ...]) -> None:
    (case,) = Reference(events, ZONE).cases
    assert case.flags == flags


def test_an_end_before_its_start_is_no_duration() -> None:
    events = [queue("1", "08:00", "called"), queue("2", "08:01", "issued")]
    wait = Reference(events, ZONE).duration("queue", "wait", DAY, HOUR, EVERYTHING)
    assert (wait.n, wait.negative) == (0, 1)


@pytest.mark.parametrize(
    ("zone", "moment", "end"),
    [
        (ZONE, "2025-11-17T00:00+07:00", "2025-11-18T00:00+07:00"),
        (ZONE, "2025-11-17T23:59+07:00", "2025-11-18T00:00+07:00"),
        ("Europe/Amsterdam", "2025-10-26T00:00+02:00", "2025-10-27T00:00+01:00"),
        ("Europe/Amsterdam", "2025-03-30T00:00+01:00", "2025-03-31T00:00+02:00"),
        ("America/Havana", "2025-11-01T12:00-04:00", "2025-11-02T00:00-04:00"),
        ("America/Havana", "2025-11-02T00:30-04:00", "2025-11-03T00:00-05:00"),
        ("America/Havana", "2025-03-08T12:00-05:00", "2025-03-09T01:00-04:00"),
    ],
)
def test_local_days(zone: str, moment: str, end: str) -> None:
    first, last = (microseconds(datetime.fromisoformat(text)) for text in (moment, end))
    assert end_of_day(first, zone) == last


def _facts(events: Sequence[Event], role: str) -> bool:
    return any(fact.role == role for fact in Reference(events, ZONE).facts)


def _flagged(events: Sequence[Event], flag: str) -> bool:
    return any(flag in case.flags for case in Reference(events, ZONE).cases)


def _pairs(events: Sequence[Event], alike: Callable[[Event, Event], bool]) -> bool:
    return any(alike(a, b) or alike(b, a) for a, b in combinations(events, 2))


ODDITIES: dict[str, Callable[[Sequence[Event]], bool]] = {
    "many events": lambda events: len(events) > 50,
    "a duration": lambda events: _facts(events, "duration"),
    "an end before its start": lambda events: _facts(events, "negative"),
    "a duration of less than a second": lambda events: any(
        0 < fact.value < SECOND for fact in Reference(events, ZONE).facts if fact.role == "duration"
    ),
    "a case number used twice": lambda events: _flagged(events, "case_reused"),
    "a case out of order": lambda events: _flagged(events, "out_of_order"),
    "a case in order": lambda events: any(
        len({event.state for event in case.events}) > 2 and not case.flags for case in Reference(events, ZONE).cases
    ),
    "a case that midnight ends": lambda events: any(
        case.closed == end_of_day(case.opened, ZONE) for case in Reference(events, ZONE).cases
    ),
    "an event in the case's next day": lambda events: any(
        case.kind == "queue" and case.events[-1].at > end_of_day(case.opened, ZONE)
        for case in Reference(events, ZONE).cases
    ),
    "a heartbeat": lambda events: any(event.kind == "app" for event in events),
    "two states in one microsecond": lambda events: _pairs(
        events, lambda a, b: (a.at, a.kind, a.case) == (b.at, b.kind, b.case) and a.state != b.state
    ),
    "a case of two applications": lambda events: _pairs(
        events, lambda a, b: (a.kind, a.case) == (b.kind, b.case) and a.app != b.app and a.case is not None
    ),
    "a void": lambda events: _pairs(
        events, lambda a, b: a.voids == b.id and (a.app, a.kind, a.case) == (b.app, b.kind, b.case)
    ),
    "a void that names another application's event": lambda events: _pairs(
        events, lambda a, b: a.voids == b.id and (a.kind, a.case) == (b.kind, b.case) and a.app != b.app
    ),
    "a void that names another case's event": lambda events: _pairs(
        events, lambda a, b: a.voids == b.id and a.app == b.app and (a.kind, a.case) != (b.kind, b.case)
    ),
    "a void of a void": lambda events: _pairs(
        events, lambda a, b: a.voids == b.id and a.app == b.app and b.state == VOIDED and a.case == b.case
    ),
    "one id with two contents": lambda events: _pairs(events, lambda a, b: (a.app, a.id) == (b.app, b.id) and a != b),
    "a transfer to another unit": lambda events: _pairs(
        events,
        lambda a, b: (a.kind, a.case) == (b.kind, b.case) and a.state == "transferred" and a.unit != b.unit,
    ),
    "a case with nothing left": lambda events: (
        len({(event.kind, event.case) for event in events if event.case}) > len(Reference(events, ZONE).cases)
    ),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_the_examples_hold(oddity: str) -> None:
    only_look = settings(max_examples=300, deadline=None, database=None, phases=[Phase.generate])
    assert find(publications(ZONE), ODDITIES[oddity], settings=only_look)
