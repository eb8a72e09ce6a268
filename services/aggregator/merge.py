"""What a case means: a pure function from its set of events to its contributions. It knows no database and no clock.

A case is the set of its events less the voided ones, ordered by (time, lifecycle rank, app, event id); set union
commutes, so any order, repetition or split of arrivals gives the same contributions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from opd_schemas.lifecycle import Lifecycle
from services.micros import from_us, to_us

#: Every zone's offset, and every change of it, is a multiple of this; so it is safe to remember midnights by it.
_QUARTER_HOUR_US: Final = 900 * 1_000_000


class Series(NamedTuple):
    """What a rollup keys on: whose service, which kind, where, what for, and how the citizen came."""

    opd: str
    kind: str
    unit: str
    service: str
    channel: str


#: The same five names as a plain tuple, which is equal to the Series and cheaper to make.
SeriesKey = tuple[str, str, str, str, str]


class Transition(NamedTuple):
    """One event of a case: microseconds since 1970, state, series, and who said so under which id."""

    at_us: int
    state: str
    series_id: int
    source_id: int
    event_id: str


class Contribution(NamedTuple):
    """What a case adds to the sums: `value` is 1 or 0 for a state, microseconds for a duration."""

    series_id: int
    measure_id: int
    at_us: int
    value: int


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that follows from a case's events; times in microseconds, `closed_us` None while it stays open."""

    transitions: list[Transition]
    opened_us: int | None
    closed_us: int | None
    last_us: int | None
    state: str | None
    series_id: int | None
    channel: str | None
    flags: list[str]
    contributions: list[Contribution]
    #: Series that the contributions need and that have no number yet; such contributions carry series 0.
    missing_series: list[Series]


class Rules:
    """The lifecycle of one kind with the numbers that the store gave to its measures."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        measures: Mapping[tuple[str, str, str], int],
        zone: ZoneInfo,
    ) -> None:
        kind = lifecycle.kind
        self.kind = kind
        self.rank = {state.name: state.rank for state in lifecycle.states}
        self.after = {state.name: state.after for state in lifecycle.states}
        self.initial = frozenset(state.name for state in lifecycle.states if state.initial)
        self.terminal = frozenset(state.name for state in lifecycle.states if state.terminal)
        self.state_measure = {state.name: measures[kind, "state", state.name] for state in lifecycle.states}
        self.durations = [
            (d.start, d.ends, measures[kind, "duration", d.name], measures[kind, "negative", d.name])
            for d in lifecycle.durations
        ]
        self.expires = lifecycle.expires is not None
        self._zone = zone
        self._midnights: dict[int, int] = {}

    def next_midnight(self, at_us: int) -> int:
        """The end of the local day that holds `at_us`."""
        key = at_us // _QUARTER_HOUR_US
        if (known := self._midnights.get(key)) is None:
            if len(self._midnights) > 10_000:
                self._midnights.clear()
            local = from_us(at_us).astimezone(self._zone)
            midnight = datetime.combine(local.date() + timedelta(days=1), time(), self._zone)
            known = self._midnights[key] = to_us(midnight)
        return known


def merge(
    rules: Rules,
    transitions: list[Transition],
    voids: set[tuple[int, str]],
    *,
    app_of: Mapping[int, str],
    series_of: Mapping[int, Series],
    series_ids: Mapping[SeriesKey, int],
) -> Meaning:
    """The meaning of a case whose events are `transitions` (each once, any order) and whose voids name `voids`.

    Ties are ordered by the application's name, never by a number that depends on who came first. A duration has the
    unit and service of its end and the channel of the case's first event.
    """
    rank = rules.rank
    ordered = (
        sorted(transitions, key=lambda t: (t.at_us, rank[t.state], app_of[t.source_id], t.event_id))
        if len(transitions) > 1
        else transitions
    )
    live = [t for t in ordered if (t.source_id, t.event_id) not in voids] if voids else ordered
    if not live:
        return Meaning(ordered, None, None, None, None, None, None, [], [], [])

    first, last = live[0], live[-1]
    contributions: list[Contribution] = []
    first_of: dict[str, int] = {}
    closed_us: int | None = None
    out_of_order = first.state not in rules.initial
    reused = False
    before: str | None = None
    for index, t in enumerate(live):
        state = t.state
        new = state not in first_of
        if new:
            first_of[state] = index
        contributions.append(Contribution(t.series_id, rules.state_measure[state], t.at_us, 1 if new else 0))
        if before is not None and state != before and before not in rules.after[state]:
            out_of_order = True
        if state in rules.initial and not new and t.at_us != live[first_of[state]].at_us:
            reused = True
        if closed_us is None and state in rules.terminal:
            closed_us = t.at_us
        before = state

    channel = series_of[first.series_id].channel
    missing: list[Series] = []
    for start, ends, measure, negative in rules.durations:
        began = first_of.get(start)
        if began is None:
            continue
        end = next((t for t in live[began + 1 :] if t.state in ends), None)
        value = 0
        if end is not None:
            value = end.at_us - live[began].at_us
        else:
            end = next((t for t in live[:began] if t.state in ends), None)
            if end is None:
                continue
            # It ended before it began: a clock or a clerk is wrong. Counted apart, never binned.
            measure = negative
        number: int | None = end.series_id
        series = series_of[end.series_id]
        if series.channel != channel:
            series = series._replace(channel=channel)
            number = series_ids.get(series)
        if number is None:
            missing.append(series)
            number = 0
        contributions.append(Contribution(number, measure, end.at_us, value))

    if rules.expires:
        midnight = rules.next_midnight(first.at_us)
        closed_us = midnight if closed_us is None else min(closed_us, midnight)
    flags = [name for name, raised in (("case_reused", reused), ("out_of_order", out_of_order)) if raised]
    return Meaning(
        ordered, first.at_us, closed_us, last.at_us, last.state, last.series_id, channel, flags, contributions, missing
    )
