"""What a city's applications may publish, however odd; how it may reach the hub; and what may be asked of it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from hypothesis import strategies as st

from tests.properties.reference import DURATIONS, FOLLOWING, VOIDED, Event, Filter, microseconds

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

#: Local midnights, and moments at which clocks are put back or forward.
ANCHORS = {
    "Asia/Jakarta": ("2026-11-16T00:00+07:00", "2026-11-17T00:00+07:00", "2026-11-16T09:30+07:00"),
    "Europe/Amsterdam": (
        "2026-03-29T00:00+01:00",
        "2026-03-29T02:00+01:00",
        "2026-10-25T00:00+02:00",
        "2026-10-25T03:00+02:00",
        "2026-10-26T00:00+01:00",
    ),
    # Its midnight is no whole hour of UTC.
    "Asia/Kolkata": ("2026-11-16T00:00+05:30", "2026-11-17T00:00+05:30", "2026-11-16T09:30+05:30"),
    # Clocks are put back from one o'clock to midnight, which so comes twice, and forward from midnight, which so never
    # comes.
    "America/Havana": (
        "2026-11-01T00:00-04:00",
        "2026-11-01T00:00-05:00",
        "2026-11-02T00:00-05:00",
        "2026-03-08T00:00-05:00",
    ),
}
ZONES = tuple(ANCHORS)
APPS = ("a", "b")
UNITS = ("u1", "u2")
SERVICES = ("s1", "s2")
CHANNELS = ("online", "onsite", "email")
CASES = ("c1", "c2")
MOST_EVENTS = 60

_DISTANCES = st.one_of(
    st.sampled_from([0, 1, -1, SECOND, MINUTE, -MINUTE, 15 * MINUTE, HOUR]),
    st.integers(-90, 90).map(lambda minutes: minutes * MINUTE),
    st.integers(-3 * SECOND, 3 * SECOND),
    st.integers(-26 * HOUR, 26 * HOUR),
    # Three days late, or a permit of weeks.
    st.integers(-3, 21).map(lambda days: days * 24 * HOUR),
)


def moments(zone: str) -> st.SearchStrategy[int]:
    """Moments near the turns of days and clocks."""
    anchors = [microseconds(datetime.fromisoformat(text)) for text in ANCHORS[zone]]
    return st.builds(int.__add__, st.sampled_from(anchors), _DISTANCES)


_STATES = st.sampled_from(
    [
        *((kind, state) for kind, states in FOLLOWING.items() for state in states),
        *((kind, VOIDED) for kind in (*FOLLOWING, *FOLLOWING)),
        ("app", "heartbeat"),
    ]
)
_INDEX = st.integers(0, MOST_EVENTS - 1)
_SELDOM = st.integers(0, 9).map(lambda number: number == 9)


@st.composite
def _publications(draw: st.DrawFn, zone: str) -> list[Event]:
    """Up to 60 events of two applications about a few cases; ids run in each application from zero."""
    times = draw(st.lists(moments(zone), min_size=1, max_size=15))
    kinds = draw(st.sets(st.sampled_from([*FOLLOWING, "app"]), min_size=1))
    drafts = draw(
        st.lists(
            st.tuples(
                _STATES,
                st.sampled_from(times),
                *(st.sampled_from(codes) for codes in (APPS, CASES, UNITS, SERVICES, CHANNELS)),
                _INDEX,
                _SELDOM,
                _SELDOM,
            ),
            min_size=1,
            max_size=MOST_EVENTS,
        )
    )
    numbers = {app: itertools.count() for app in APPS}
    published: list[Event] = []
    for (kind, state), at, app, case, unit, service, channel, index, same_id, astray in drafts:
        if kind not in kinds:
            kind, state = next((k, s) for k, s in [(min(kinds), min(FOLLOWING.get(min(kinds), ["heartbeat"])))])
        event = Event(app, f"e{next(numbers[app])}", kind, state, at, unit, service, channel, case)
        published.append(event)
    return published
