"""The plan of a city, without a broker: lawful cases, true times, faults in their measure, fixed by its seed."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from opd_schemas.catalogue import Catalogue
from opd_schemas.event import MAX_AHEAD, Event, parse
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED
from opd_schemas.refusal import Reason, Refusal
from opd_schemas.subjects import parse_publish_subject
from simulator.applications import Parcel, Purpose
from simulator.city import City
from simulator.faults import GARBAGE, LATE_FROM, LATE_TO
from tests.simulator.small_city import SMALL_CITY

START = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)  # a Friday
MINUTE = 60.0


def city(**settings: Any) -> City:
    settings = {"seed": 1, "rate": 250.0, "speed": 60.0, "duration": MINUTE, "start": START, **settings}
    return City(settings.pop("catalogue", SMALL_CITY), **settings)


def plan(*, seconds: float = MINUTE, tick: float = 0.05, **settings: Any) -> list[tuple[float, Parcel]]:
    """(seconds since the start at which it is sent, what), kept parcels at the end."""
    town = city(**settings)
    sent: list[tuple[float, Parcel]] = []
    for n in range(1, round(seconds / tick) + 1):
        sent += [(n * tick, parcel) for parcel in town.advance(n * tick)]
    return sent + [(seconds, parcel) for parcel in town.finish()]


@pytest.fixture(scope="module")
def ten_minutes() -> list[tuple[float, Parcel]]:
    """Ten minutes of the small city; at this speed more than a day of service."""
    return plan(seconds=600, duration=600, rate=100)


def essence(sent: Iterable[tuple[float, Parcel]]) -> list[tuple[Any, ...]]:
    """Everything of a plan but the random part of the ids."""
    return [
        (p.app, p.purpose, replace(p.event, id="", voids=None), p.raw and p.raw.subject, p.event.voids is not None)
        for _, p in sent
    ]


def events(sent: Iterable[tuple[float, Parcel]]) -> list[Event]:
    return [parcel.event for _, parcel in sent if parcel.purpose is Purpose.EVENT]


def test_the_same_seed_gives_the_same_plan_however_often_one_looks() -> None:
    often, seldom = essence(plan(seconds=20, tick=0.05)), essence(plan(seconds=20, tick=2.5))
    assert often == seldom
    assert len(often) > 4_000
    assert essence(plan(seconds=20, seed=2)) != often


def test_every_good_parcel_is_what_the_contract_reads(ten_minutes: list[tuple[float, Parcel]]) -> None:
    units = {(a.opd, u.unit): u for a in SMALL_CITY.agencies for u in a.units}
    services = {(a.opd, s.service): s for a in SMALL_CITY.agencies for s in a.services}
    applications = set(SMALL_CITY.applications())
    for _, parcel in ten_minutes:
        event = parcel.event
        assert parse(event.to_json()) == event
        assert (event.opd, event.app) == parcel.app
        assert parcel.app in applications
        if parcel.purpose is not Purpose.HEARTBEAT:
            assert event.unit
            assert event.service
            assert event.kind in units[event.opd, event.unit].kinds
            assert event.kind in services[event.opd, event.service].kinds


def test_no_event_is_ahead_of_its_sending(ten_minutes: list[tuple[float, Parcel]]) -> None:
    assert all(parcel.event.time <= START + timedelta(seconds=sent) for sent, parcel in ten_minutes)


def test_cases_keep_to_their_lifecycle(ten_minutes: list[tuple[float, Parcel]]) -> None:
    cases: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in events(ten_minutes):
        assert event.case
        cases[event.opd, event.kind, event.case].append(event)
    seen: set[tuple[str, str]] = set()
    for (_, kind, _), course in cases.items():
        states = [KINDS[kind].by_name[event.state] for event in course]
        assert states[0].initial
        assert [event.time for event in course] == sorted(event.time for event in course)
        for before, state in pairwise(states):
            assert before.name in state.after
        assert not any(state.terminal for state in states[:-1])
        assert len({(event.app, event.service, event.channel) for event in course}) == 1
        seen |= {(kind, state.name) for state in states}
    assert seen == {
        (kind, s.name) for kind, lifecycle in KINDS.items() if lifecycle.has_cases for s in lifecycle.states
    }
    assert len(cases) > 5_000


def test_a_ticket_bears_unit_and_local_day_of_its_issue(ten_minutes: list[tuple[float, Parcel]]) -> None:
    for event in events(ten_minutes):
        if event.state == "issued" and event.kind == "queue":
            day = event.time.astimezone(SMALL_CITY.city.zone).date()
            assert event.case is not None
            assert event.case.startswith(f"{event.unit}:{day}:")


def test_tickets_of_a_puskesmas_stay_there(ten_minutes: list[tuple[float, Parcel]]) -> None:
    transferred = [event for event in events(ten_minutes) if event.state == "transferred"]
    assert {event.unit for event in transferred} == {"loket-ktp", "loket-kk"}
    assert all(event.case and not event.case.startswith(f"{event.unit}:") for event in transferred)


def test_waits_come_from_load(ten_minutes: list[tuple[float, Parcel]]) -> None:
    issued = {event.case: event.time for event in events(ten_minutes) if event.state == "issued"}
    waits = [event.time - issued[event.case] for event in events(ten_minutes) if event.state == "called"]
    assert timedelta(0) in waits
    assert max(waits) > timedelta(minutes=5) / 60, "at the peak they queue"
    assert min(waits) >= timedelta(0)


def test_a_minute_holds_what_a_demonstration_needs() -> None:
    for seed in range(5):
        sent = plan(seed=seed)
        counts = Counter(parcel.purpose for _, parcel in sent)
        late = [event for event in events(sent) if START - event.time > timedelta(minutes=15)]
        assert 10_000 < counts[Purpose.EVENT] < 20_000
        assert all(counts[purpose] for purpose in Purpose)
        assert late


def test_applications_say_what_bears_their_name(ten_minutes: list[tuple[float, Parcel]]) -> None:
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, parcel in ten_minutes:
        kinds[parcel.app].add(parcel.event.kind)
    assert kinds == {
        ("dukcapil", "antrean"): {"app", "queue"},
        ("dukcapil", "arsip"): {"app"},
        ("dinkes", "simpus"): {"app", "visit"},
        ("dinkes", "antrean-puskesmas"): {"app", "queue"},
        ("dpmptsp", "perizinan"): {"app", "permit"},
        ("dpmptsp", "antrean-mpp"): {"app", "queue"},
    }


def test_garbage_is_refused_for_the_reason_of_its_kind(ten_minutes: list[tuple[float, Parcel]]) -> None:
    made = [(sent, p.raw, p.event) for sent, p in ten_minutes if p.purpose is Purpose.GARBAGE and p.raw]
    good = {parcel.event.id: parcel.event for _, parcel in ten_minutes if parcel.purpose is Purpose.EVENT}
    reasons: set[Reason] = set()
    for sent, message, source in made:
        address = parse_publish_subject(message.subject)
        assert address is not None
        assert (address.opd, address.app) == (source.opd, source.app), "what the broker lets it publish"
        try:
            event = parse(message.body)
        except Refusal as refusal:
            reasons.add(refusal.reason)
            continue
        if event.opd != address.opd:
            reasons.add(Reason.SUBJECT_MISMATCH)
        elif event.unit not in {u.unit for a in SMALL_CITY.agencies for u in a.units}:
            reasons.add(Reason.UNKNOWN_UNIT)
        elif event.time > START + timedelta(seconds=sent) + MAX_AHEAD:
            reasons.add(Reason.TIME_AHEAD)
        else:
            assert event.digest() != good[event.id].digest()
            reasons.add(Reason.CONFLICT)
    assert reasons == {garbage.reason for garbage in GARBAGE}
    assert len(reasons) == len(GARBAGE)


def test_only_conflicts_reuse_an_id(ten_minutes: list[tuple[float, Parcel]]) -> None:
    first = Counter(p.event.id for _, p in ten_minutes if p.purpose not in {Purpose.DUPLICATE, Purpose.GARBAGE})
    assert set(first.values()) == {1}


def test_repetitions_and_voids_follow_what_they_mean(ten_minutes: list[tuple[float, Parcel]]) -> None:
    before: dict[str, Parcel] = {}
    for _, parcel in ten_minutes:
        if parcel.purpose is Purpose.DUPLICATE:
            assert before[parcel.event.id].event.to_json() == parcel.event.to_json()
            assert before[parcel.event.id].app == parcel.app
        elif parcel.purpose is Purpose.VOID:
            assert parcel.event.state == VOIDED
            assert parcel.event.voids
            assert before[parcel.event.voids].app == parcel.app
            assert before[parcel.event.voids].event.case == parcel.event.case
        elif parcel.purpose is Purpose.EVENT:
            before[parcel.event.id] = parcel


def test_late_cases_are_whole_and_between_twenty_minutes_and_three_days_old() -> None:
    sent = plan(seconds=20, duration=20)
    ages: dict[str, list[timedelta]] = defaultdict(list)
    terminal: set[str] = set()
    for at, parcel in sent:
        event = parcel.event
        if parcel.purpose is Purpose.EVENT and event.time < START - timedelta(minutes=10):
            assert event.case
            ages[event.case].append(START + timedelta(seconds=at) - event.time)
            if KINDS[event.kind].by_name[event.state].terminal:
                terminal.add(event.case)
    assert terminal == set(ages)
    assert all(LATE_FROM <= age <= LATE_TO + timedelta(minutes=1) for course in ages.values() for age in course)
    assert max(max(course) for course in ages.values()) > timedelta(hours=6)


def test_two_runs_never_share_a_case() -> None:
    names = [
        {event.case for event in events(plan(seconds=5, start=START + timedelta(milliseconds=n)))} for n in range(2)
    ]
    assert not names[0] & names[1]


def test_the_rate_holds_at_any_speed_and_load() -> None:
    for settings in ({"speed": 1.0}, {"speed": 600.0}, {"rate": 20.0}):
        rate = settings.get("rate", 250.0)
        assert 0.7 < len(events(plan(**settings))) / (rate * MINUTE) < 1.3


def test_heartbeats_come_faster_with_speed_but_not_below_a_second() -> None:
    for speed, expected in ((60.0, {"arsip": 1.0, "antrean": 5.0, "perizinan": 15.0}), (1e6, {"perizinan": 1.0})):
        beats: dict[str, list[datetime]] = defaultdict(list)
        for _, parcel in plan(speed=speed, rate=1.0):
            if parcel.purpose is Purpose.HEARTBEAT:
                beats[parcel.event.app].append(parcel.event.time)
        for app, every in expected.items():
            gaps = {(b - a).total_seconds() for a, b in pairwise(beats[app])}
            assert min(gaps) == pytest.approx(every, abs=0.001)


@pytest.mark.parametrize("settings", [{"rate": 0}, {"speed": 0}, {"duration": 0}])
def test_settings_that_make_no_city(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="over 0"):
        city(**settings)


def test_a_catalogue_without_applications_makes_no_city() -> None:
    empty = Catalogue(city=SMALL_CITY.city, agencies=SMALL_CITY.agencies[-1:])
    with pytest.raises(ValueError, match="no agency"):
        city(catalogue=empty)
