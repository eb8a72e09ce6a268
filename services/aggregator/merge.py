"""What a case means: a pure function from its set of events to its contributions. It knows no database and no clock.

A case is the set of its events less the voided ones, ordered by (time, lifecycle rank, app, event id); set union
commutes, so any order, repetition or split of arrivals gives the same contributions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from opd_schemas.worktime import Interval
from services.aggregator.rules import DueRule, Rules, limit_us


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
    """What a case adds to the sums: `value` is 1 or 0 for a state or signal, microseconds for a duration, +1 or -1 for
    a level.
    """

    series_id: int
    measure_id: int
    at_us: int
    value: int


class Due(NamedTuple):
    """When a case is due, and until when it can be overdue: the end of what the limit is of (None: not yet)."""

    at_us: int
    done_us: int | None


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
    due: Due | None
    contributions: list[Contribution]
    #: Series that the contributions need and that have no number yet; such contributions carry series 0.
    missing_series: list[Series]


class _Numbers:
    """The number of a series with the channel of the case's first event; notes those that have none yet."""

    def __init__(self, channel: str, series_of: Mapping[int, Series], series_ids: Mapping[SeriesKey, int]) -> None:
        self._channel = channel
        self._series_of = series_of
        self._series_ids = series_ids
        self.missing: list[Series] = []

    def of(self, series_id: int) -> int:
        series = self._series_of[series_id]
        if series.channel == self._channel:
            return series_id
        series = series._replace(channel=self._channel)
        if (number := self._series_ids.get(series)) is None:
            self.missing.append(series)
            return 0
        return number


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
    unit and service of its end and the channel of the case's first event; its net value is told by the clock of that
    unit.
    """
    rank = rules.rank
    ordered = (
        sorted(transitions, key=lambda t: (t.at_us, rank[t.state], app_of[t.source_id], t.event_id))
        if len(transitions) > 1
        else transitions
    )
    live = [t for t in ordered if (t.source_id, t.event_id) not in voids] if voids else ordered
    if not live:
        return Meaning(ordered, None, None, None, None, None, None, [], None, [], [])

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
            contributions.append(Contribution(t.series_id, rules.signal["restart"], t.at_us, 1))
        if closed_us is None and state in rules.terminal:
            closed_us = t.at_us
        before = state

    numbers = _Numbers(series_of[first.series_id].channel, series_of, series_ids)
    pauses = _pauses(rules, live)
    for measured in rules.durations:
        began = first_of.get(measured.start)
        if began is None:
            continue
        start, end = live[began], _first_end(live, began, measured.ends)
        if end is not None:
            number = numbers.of(end.series_id)
            contributions.append(Contribution(number, measured.gross, end.at_us, end.at_us - start.at_us))
            if measured.net is not None:
                place = series_of[end.series_id]
                clock = rules.city.place(place.opd, place.unit).clock
                net = clock.net_us(start.at_us, end.at_us, pauses)
                contributions.append(Contribution(number, measured.net, end.at_us, net))
        elif (end := next((t for t in live[:began] if t.state in measured.ends), None)) is not None:
            # It ended before it began: a clock or a clerk is wrong. Counted apart, never binned.
            contributions.append(Contribution(numbers.of(end.series_id), measured.negative, end.at_us, 0))

    if rules.expires:
        midnight = rules.next_midnight(first.at_us)
        closed_us = midnight if closed_us is None else min(closed_us, midnight)
    due = None
    if (found := _due_rule(rules, live, first_of, series_of)) is not None:
        due = _due(rules, found, live, first_of, pauses, series_of, contributions)
    if rules.pauses:
        contributions += _returns_again(rules, live)
    if rules.levels is not None:
        contributions += _levels(rules, rules.levels, live, closed_us, due, numbers)
    flags = [name for name, raised in (("case_reused", reused), ("out_of_order", out_of_order)) if raised]
    return Meaning(
        ordered,
        first.at_us,
        closed_us,
        last.at_us,
        last.state,
        last.series_id,
        series_of[first.series_id].channel,
        flags,
        due,
        contributions,
        numbers.missing,
    )


def _first_end(live: Sequence[Transition], began: int, ends: frozenset[str]) -> Transition | None:
    return next((t for t in live[began + 1 :] if t.state in ends), None)


def _pauses(rules: Rules, live: Sequence[Transition]) -> list[Interval]:
    """While the applicant has the case: from each pausing event to the next event; the last may have no end."""
    if not rules.pauses:
        return []
    pauses = [(t.at_us, after.at_us) for t, after in pairwise(live) if t.state in rules.pauses]
    if live[-1].state in rules.pauses:
        pauses.append((live[-1].at_us, _NEVER))
    return pauses


_NEVER = 2**62


def _enters_pause(rules: Rules, live: Sequence[Transition]) -> Iterator[Transition]:
    before = None
    for t in live:
        if t.state in rules.pauses and before not in rules.pauses:
            yield t
        before = t.state


def _returns_again(rules: Rules, live: Sequence[Transition]) -> Iterator[Contribution]:
    for nth, t in enumerate(_enters_pause(rules, live)):
        if nth:
            yield Contribution(t.series_id, rules.signal["return_again"], t.at_us, 1)


def _due_rule(
    rules: Rules, live: Sequence[Transition], first_of: Mapping[str, int], series_of: Mapping[int, Series]
) -> DueRule | None:
    """The rule that held for the case, as it was opened, on the day on which its limit began to run."""
    opened = series_of[live[0].series_id]
    for rule in rules.due_rules(opened.opd):
        if (
            rule.start in first_of
            and rule.takes(opened.unit, opened.service, opened.channel)
            and rule.effective.holds(rules.local_day(live[first_of[rule.start]].at_us))
        ):
            return rule
    return None


def _due(
    rules: Rules,
    rule: DueRule,
    live: Sequence[Transition],
    first_of: Mapping[str, int],
    pauses: Sequence[Interval],
    series_of: Mapping[int, Series],
    contributions: list[Contribution],
) -> Due | None:
    """When the case is due, moved by its pauses; and which returns came when less than a working day was left."""
    opened = series_of[live[0].series_id]
    place = rules.city.place(opened.opd, opened.unit)
    gross = isinstance(rule.limit, timedelta)
    clock = rules.city.always.clock if gross else place.clock
    stops: Sequence[Interval] = () if gross else pauses
    limit = limit_us(rule.limit, place)
    began = first_of[rule.start]
    start_us = live[began].at_us
    end = _first_end(live, began, rule.ends)
    for t in _enters_pause(rules, live):
        if t.at_us >= start_us and (end is None or t.at_us <= end.at_us):
            left = limit - clock.net_us(start_us, t.at_us, stops)
            late = 0 <= left <= place.working_day_us
            contributions.append(Contribution(t.series_id, rules.signal["late_return"], t.at_us, 1 if late else 0))
    open_pause = stops[-1][0] if stops and stops[-1][1] == _NEVER else None
    at_us = clock.add(start_us, limit, stops if open_pause is None else stops[:-1])
    if at_us is None or (open_pause is not None and at_us > open_pause):
        # The applicant has the case, and may keep it.
        return None
    return Due(at_us, None if end is None else end.at_us)


def _levels(
    rules: Rules,
    measures: Mapping[str, int],
    live: Sequence[Transition],
    closed_us: int | None,
    due: Due | None,
    numbers: _Numbers,
) -> Iterator[Contribution]:
    """Where the case is open, waiting and overdue: +1 when that begins at a place, -1 when it ends there."""
    end_us = _NEVER if closed_us is None else closed_us
    stays = [
        (t.at_us, min(after, end_us), t)
        for t, after in zip(live, [*(t.at_us for t in live[1:]), _NEVER], strict=True)
        if t.at_us < min(after, end_us)
    ]
    yield from _steps(measures["open"], ((a, b, numbers.of(t.series_id)) for a, b, t in stays))
    waits = ((a, b, numbers.of(t.series_id)) for a, b, t in stays if t.state in rules.waiting)
    yield from _steps(measures["waiting"], waits)
    if due is not None:
        until = end_us if due.done_us is None else min(due.done_us, end_us)
        late = ((max(a, due.at_us), min(b, until), numbers.of(t.series_id)) for a, b, t in stays)
        yield from _steps(measures["overdue"], (stay for stay in late if stay[0] < stay[1]))


def _steps(measure: int, stays: Iterable[tuple[int, int, int]]) -> Iterator[Contribution]:
    """Stays in ascending order, adjoining ones at one place joined."""
    joined: list[list[int]] = []
    for start, end, place in stays:
        if joined and joined[-1][1] == start and joined[-1][2] == place:
            joined[-1][1] = end
        else:
            joined.append([start, end, place])
    for start, end, place in joined:
        yield Contribution(place, measure, start, 1)
        if end < _NEVER:
            yield Contribution(place, measure, end, -1)
