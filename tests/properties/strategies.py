"""What a city's applications may publish, however odd; how it may reach the hub; and what may be asked of it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.properties.reference import DURATIONS, FOLLOWING, VOIDED, Event, Filter, microseconds

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

#: Local midnights, and moments at which clocks are put back or forward: past ones, which no new table of zones changes.
ANCHORS = {
    "Asia/Jakarta": ("2025-11-17T00:00+07:00", "2025-11-18T00:00+07:00", "2025-11-17T09:30+07:00"),
    "Europe/Amsterdam": (
        "2025-03-30T00:00+01:00",
        "2025-03-30T02:00+01:00",
        "2025-10-26T00:00+02:00",
        "2025-10-26T03:00+02:00",
        "2025-10-27T00:00+01:00",
    ),
    # Its midnight is no whole hour of UTC.
    "Asia/Kolkata": ("2025-11-17T00:00+05:30", "2025-11-18T00:00+05:30", "2025-11-17T09:30+05:30"),
    # Clocks are put back from one o'clock to midnight, which so comes twice, and forward from midnight, which so never
    # comes.
    "America/Havana": (
        "2025-11-02T00:00-04:00",
        "2025-11-02T00:00-05:00",
        "2025-11-03T00:00-05:00",
        "2025-03-09T00:00-05:00",
    ),
}
ZONES = tuple(ANCHORS)
APPS = ("a", "b")
UNITS = ("u1", "u2")
SERVICES = ("s1", "s2")
CHANNELS = ("online", "onsite", "email")
CASES = ("c1", "c2")
#: One of them is told about at random as well.
STORIES = ("c2", "c3", "c4", "c5")
MOST_EVENTS = 60

_DISTANCES = st.one_of(
    st.sampled_from([0, 1, -1, SECOND, MINUTE, -MINUTE, 15 * MINUTE, -15 * MINUTE, HOUR, -HOUR]),
    st.integers(-90, 90).map(lambda minutes: minutes * MINUTE),
    st.integers(-3 * SECOND, 3 * SECOND),
    st.integers(-26 * HOUR, 26 * HOUR),
    # Three days late, or a permit of weeks.
    st.integers(-3, 21).map(lambda days: days * 24 * HOUR),
)


def examples(number: int) -> settings:
    """Settings of a test with a city: its database serves all examples, and sixty events are not few."""
    return settings(
        max_examples=number,
        deadline=None,
        print_blob=True,
        # What fails is not made smaller: each try takes an agency or a database of its own, for minutes.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
    )


def moments(zone: str) -> st.SearchStrategy[int]:
    """Moments near the turns of days and clocks."""
    anchors = [microseconds(datetime.fromisoformat(text)) for text in ANCHORS[zone]]
    return st.builds(int.__add__, st.sampled_from(anchors), _DISTANCES)


_KINDS: tuple[tuple[str, ...], ...] = (("queue",), ("permit",), ("visit",), ("queue", "permit", "visit", "app"))
_STATES = {
    kinds: st.sampled_from(
        [(kind, state) for kind in kinds for state in (*FOLLOWING.get(kind, ("heartbeat",)), VOIDED, VOIDED)]
    )
    for kinds in _KINDS
}
_INDEX = st.integers(0, MOST_EVENTS - 1)
_SELDOM = st.integers(0, 9).map(lambda number: number == 9)


#: One place for all, or several.
_Places = tuple[st.SearchStrategy[str], st.SearchStrategy[str], st.SearchStrategy[str]]
_PLACES: list[_Places] = [
    (st.just(UNITS[0]), st.just(SERVICES[0]), st.just(CHANNELS[0])),
    (st.sampled_from(UNITS), st.sampled_from(SERVICES), st.sampled_from(CHANNELS)),
]
_PAUSES = st.sampled_from([0, 1, SECOND // 2, MINUTE, 15 * MINUTE, 7 * HOUR])


def _event(kind: str, state: str, at: int, app: str, case: str, unit: str, service: str, channel: str) -> Event:
    return Event(app, "", kind, state, at, unit, service, channel, case)


@st.composite
def _story(draw: st.DrawFn, times: Sequence[int], places: _Places) -> list[Event]:
    """A case as it should be: each state follows the last, though at any place."""
    kind, case, at = (
        draw(st.sampled_from(list(FOLLOWING))),
        draw(st.sampled_from(STORIES)),
        draw(st.sampled_from(times)),
    )
    states = FOLLOWING[kind]
    state = next(iter(states))
    events: list[Event] = []
    step = st.tuples(st.integers(0, 3), _PAUSES, st.sampled_from(APPS), *places)
    for choice, pause, app, *place in draw(st.lists(step, min_size=2, max_size=8)):
        events.append(_event(kind, state, at, app, case, *place))
        following = states[state].split()
        if not following:
            break
        state, at = following[choice % len(following)], at + pause
    return events


@st.composite
def publications(draw: st.DrawFn, zone: str) -> list[Event]:
    """Up to 60 events of two applications about a few cases, each with an id of its own but for a few."""
    times = draw(st.lists(moments(zone), min_size=1, max_size=15))
    places = draw(st.sampled_from(_PLACES))
    scattered = st.builds(
        lambda what, *where: _event(*what, *where),
        _STATES[draw(st.sampled_from(_KINDS))],
        st.sampled_from(times),
        st.sampled_from(APPS),
        st.sampled_from(CASES),
        *places,
    )
    stories = draw(st.lists(_story(times, places), max_size=6))
    # Left to itself, a list of up to 60 has seldom more than ten.
    size = draw(st.integers(0 if stories else 1, MOST_EVENTS - sum(map(len, stories))))
    events = [*itertools.chain(*stories), *draw(st.lists(scattered, min_size=size, max_size=size))]
    # Ids run from zero in each application, so that both use the same.
    numbers = {app: itertools.count() for app in APPS}
    events = [replace(event, id=f"e{next(numbers[event.app])}") for event in events]
    odd = draw(st.lists(st.tuples(_INDEX, _SELDOM, _SELDOM), min_size=len(events), max_size=len(events)))
    return [
        _finish(event, events[index % len(events)], astray, same_id)
        for event, (index, astray, same_id) in zip(events, odd, strict=True)
    ]


def _finish(event: Event, other: Event, astray: bool, same_id: bool) -> Event:
    """Let a void name the other event, of its case unless it goes astray; now and then take the other's id."""
    if event.state == VOIDED:
        kind = other.kind if other.kind in FOLLOWING else "queue"
        event = replace(event, kind=kind, voids=other.id)
        if not astray:
            # Ids of voids do not collide with those of the application that it moves to.
            event = replace(event, app=other.app, case=other.case, id=f"v{event.app}{event.id}")
    elif event.kind == "app":
        event = Event(event.app, event.id, event.kind, event.state, event.at)
    return replace(event, app=other.app, id=other.id) if same_id else event


@dataclass(frozen=True)
class Message:
    """An event as it lies in INBOX; a publisher's repetition lies there under another number."""

    seq: int
    event: Event


Batch = Sequence[Message]


@dataclass(frozen=True)
class Delivery:
    """The batches that each of two workers gets, which may hold the same messages."""

    messages: Sequence[Message]
    workers: tuple[Sequence[Batch], Sequence[Batch]]


@st.composite
def deliveries(draw: st.DrawFn, published: Sequence[Event]) -> Delivery:
    """Repeated by the publisher, redelivered by the broker, in any order, in batches of any size."""
    random = Random(draw(st.integers(0, 2**32 - 1)))
    repeated = draw(st.lists(st.sampled_from(published), max_size=20))
    sent = [*published, *repeated]
    random.shuffle(sent)
    messages = [Message(seq, event) for seq, event in enumerate(sent, start=1)]
    delivered = [*messages, *draw(st.lists(st.sampled_from(messages), max_size=20))]
    random.shuffle(delivered)
    cuts = sorted(random.choices(range(len(delivered)), k=draw(st.integers(0, 8))))
    workers: tuple[list[Batch], list[Batch]] = ([], [])
    for begin, end in itertools.pairwise([0, *cuts, len(delivered)]):
        if begin < end:
            for worker in random.choice([(0,), (1,), (0, 1)]):
                workers[worker].append(random.sample(delivered[begin:end], end - begin))
    return Delivery(messages, workers)


def questions(zone: str, times: Sequence[int]) -> st.SearchStrategy[int]:
    """Moments to ask about: any, and those at which something happens, to the microsecond and to the minute."""
    near = st.sampled_from([0, 0, 1, -1, MINUTE, -MINUTE])
    return st.one_of(moments(zone), st.builds(int.__add__, st.sampled_from([0, *times]), near))


@st.composite
def windows(draw: st.DrawFn, zone: str, times: Sequence[int]) -> tuple[int, int]:
    """From and to, of any length: everything, within one minute, across days, backwards."""
    everything: bool = draw(st.booleans())
    if times and everything:
        return times[0], times[-1] + MINUTE
    begin = draw(questions(zone, times))
    spans = st.integers(-MINUTE, 3 * MINUTE)
    return begin, draw(st.one_of(questions(zone, times), st.builds(int.__add__, st.just(begin), spans)))


def _some(codes: Sequence[str]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.one_of(st.none(), st.lists(st.sampled_from(codes), unique=True, max_size=2).map(tuple))


def filters(opds: Sequence[tuple[str, ...] | None]) -> st.SearchStrategy[Filter]:
    """Any of the agencies given, and of units, services and channels all or a few; an empty choice takes nothing."""
    few = st.builds(Filter, st.sampled_from(opds), _some(UNITS), _some(SERVICES), _some(CHANNELS))
    return st.one_of(st.builds(Filter, st.sampled_from(opds)), few)


#: Limits that the catalogue of these cities names, met exactly by many stories; others are counted when asked.
CATALOGUED = {
    duration: (SECOND // 2, MINUTE, 15 * MINUTE, 24 * HOUR) if duration != ("queue", "service") else ()
    for duration in DURATIONS
}


def limits(met: Sequence[int]) -> st.SearchStrategy[int]:
    """Limits to ask about: some that are met to the microsecond, some of the catalogue, and others."""
    anyhow = st.sampled_from([1, SECOND, MINUTE, 15 * MINUTE, HOUR, 24 * HOUR, 21 * 24 * HOUR])
    return st.one_of(anyhow, st.sampled_from(met)) if met else anyhow
