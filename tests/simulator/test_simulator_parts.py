"""The simulator's parts alone: day profile, counters, silence."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opd_schemas.catalogue import App, Name
from opd_sdk.author import Author
from simulator.agenda import Agenda
from simulator.applications import Application, Parcel, Purpose
from simulator.counters import Counters
from simulator.faults import Fault
from simulator.profile import DayProfile

START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = 510.0  # seconds of a service day at speed 60


def mean(profile: DayProfile, begin: float, end: float) -> float:
    return sum(profile.at(begin + (end - begin) * (n + 0.5) / 5000) for n in range(5000)) / 5000


@given(st.floats(1, 5 * DAY), st.integers(0, 6))
def test_a_run_has_the_mean_that_was_asked_for(duration: float, weekday: int) -> None:
    profile = DayProfile(duration=duration, speed=60, weekday=weekday)
    assert mean(profile, 0, duration) == pytest.approx(1, rel=0.02)
    assert all(0 < profile.at(duration * n / 100) <= profile.peak * 1.001 for n in range(100))


def test_without_end_the_week_has_it() -> None:
    assert mean(DayProfile(duration=None, speed=60, weekday=2), 0, 5 * DAY) == pytest.approx(1, rel=0.02)


def test_mornings_are_busy_and_friday_noons_are_still() -> None:
    profile = DayProfile(duration=None, speed=60, weekday=3)
    morning, noon, friday_noon = profile.at(90), profile.at(260), profile.at(DAY + 260)
    assert morning > 1.3 > noon > 3 * friday_noon
    assert profile.at(DAY + 90) == pytest.approx(morning)
    assert profile.at(2 * DAY + 260) == pytest.approx(noon), "Monday follows Friday"


@given(count=st.integers(1, 4), releases=st.integers(0, 20), present=st.lists(st.booleans(), max_size=20))
def test_a_line_is_served_in_order_and_no_counter_is_lost(count: int, releases: int, present: Sequence[bool]) -> None:
    counters = Counters(count)
    assert [counters.take() for _ in range(count + 1)] == [True] * count + [False]
    called: list[int] = []

    def stand(number: int, there: bool) -> None:
        def call(_: float) -> bool:
            if there:
                called.append(number)
            return there

        counters.stand_in_line(call)

    for number, there in enumerate(present):
        stand(number, there)
    for _ in range(releases):
        counters.release(0.0)
    patient = [number for number, there in enumerate(present) if there]
    assert called == patient[:releases]
    # Those that were not taken by somebody in the line are free again.
    free = releases - len(called)
    assert [counters.take() for _ in range(free + 1)] == [True] * free + [False]


def silent_application(agenda: Agenda, sent: list[tuple[float, Parcel]]) -> Application:
    author = Author(
        opd="dinkes",
        app="simpus",
        zone=ZoneInfo("Asia/Makassar"),
        now=lambda: START + timedelta(seconds=agenda.now),
    )
    return Application(
        App(app="simpus", name=Name(id="Simpus", en="Simpus"), expected_every=timedelta(minutes=5)),
        author,
        frozenset({Fault.SILENT}),
        agenda=agenda,
        rng=Random(1),
        send=lambda parcel: sent.append((agenda.now, parcel)),
    )


def publish_every_second(application: Application, agenda: Agenda, seconds: int) -> None:
    for second in range(seconds):
        agenda.advance(float(second))
        application.publish(
            application.author.event(
                "visit", "registered", unit="pkm", service="poli", channel="onsite", case=f"KJ{second}"
            )
        )


def test_a_silent_application_is_not_heard_and_sends_everything_afterwards() -> None:
    agenda, sent = Agenda(), list[tuple[float, Parcel]]()
    application = silent_application(agenda, sent)
    application.begin(speed=60, duration=None)
    publish_every_second(application, agenda, 6 * 3600)
    assert [p.event.case for _, p in sent if p.purpose is Purpose.EVENT] == [f"KJ{n}" for n in range(6 * 3600)]
    times = [at for at, _ in sent]
    gaps = [b - a for a, b in pairwise(times) if b - a > 60]
    assert gaps
    assert all(4 * 300 <= gap <= 8 * 300 + 5 for gap in gaps), "long enough to be seen, in real time"
    kept = [at - (p.event.time - START).total_seconds() for at, p in sent]
    assert max(kept) > 4 * 300 - 5, "kept events keep their times"


def test_what_is_kept_when_a_run_ends_is_sent() -> None:
    agenda, sent = Agenda(), list[tuple[float, Parcel]]()
    application = silent_application(agenda, sent)
    application.begin(speed=60, duration=100)
    publish_every_second(application, agenda, 51)
    application.end_silence()
    assert [p.event.case for _, p in sent if p.purpose is Purpose.EVENT] == [f"KJ{n}" for n in range(51)]
