"""What a KPI measures, as data: each form names the states, durations and limits that it needs, and nothing else.

Durations belong to the moment of their end, counts to the moment of their event; `open` and `overdue` are levels at
one moment and have no window.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from opd_schemas.calendars import LegalSpan
from opd_schemas.event import Channel
from opd_schemas.events import KINDS
from opd_schemas.faults import Wrong, mend
from opd_schemas.fields import Model, Truth

#: gross: time as it passes. net: the unit's opening hours only, less the pauses of the case.
Clock = Literal["gross", "net"]
#: What a figure is told in; `days` are of 24 hours, `working_days` as long as the units' calendar says.
Unit = Literal["percent", "count", "minutes", "hours", "days", "working_days"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=48)]

_TIMES: tuple[Unit, ...] = ("minutes", "hours", "days", "working_days")


class _Form(Model):
    """What all forms can be asked: units that fit; whether a level; whether an estimate from a sample of cases."""

    units: ClassVar[tuple[Unit, ...]] = ("percent",)
    level: ClassVar[bool] = False
    sampled: ClassVar[bool] = True

    def faults(self, kind: str) -> Iterator[Wrong]:
        """What the form names and the kind does not have."""
        yield from ()


class _OfDuration(_Form):
    """A form that looks at one duration of the kind."""

    duration: Word

    def faults(self, kind: str) -> Iterator[Wrong]:
        known = [duration.name for duration in KINDS[kind].durations]
        if self.duration not in known:
            what = f"{kind} has no duration {self.duration}; known: {', '.join(known)}"
            yield Wrong(("duration",), what)

    def _net_faults(self, kind: str, field: str) -> Iterator[Wrong]:
        """What is wrong with the net clock where the kind measures the duration gross only."""
        net = [duration.name for duration in KINDS[kind].durations if duration.net]
        if self.duration in {duration.name for duration in KINDS[kind].durations} and self.duration not in net:
            known = f"net are {', '.join(net)}" if net else f"nothing of {kind} is measured net"
            what = f"asks for working time, but {self.duration} of {kind} is measured gross only ({known})"
            yield Wrong((field,), f"{what}; write time as it passes")


class _Limited(_OfDuration):
    """With a limit of that duration: time as it passes, or the unit's open time, which sets the clock."""

    limit: LegalSpan

    @property
    def clock(self) -> Clock:
        return "gross" if isinstance(self.limit, timedelta) else "net"

    def faults(self, kind: str) -> Iterator[Wrong]:
        yield from super().faults(kind)
        if self.clock == "net":
            yield from self._net_faults(kind, "limit")


class Count(_Form):
    """Cases that entered a state, or events of it; with `per_unit` the mean over the units that the filter takes."""

    units = ("count",)
    sampled = False

    type: Literal["count"]
    state: Word
    counts: Literal["cases", "events"] = "cases"
    per_unit: Truth = False

    def faults(self, kind: str) -> Iterator[Wrong]:
        yield from _unknown(kind, self.state, "state")


class ShareWithin(_Limited):
    """Of the durations that ended, the share at or below the limit."""

    type: Literal["share_within"]


class ShareOfChannel(_Form):
    """Of the cases that entered a state, the share that came through a channel (that of their first event)."""

    type: Literal["share_of_channel"]
    state: Word
    channel: Channel

    def faults(self, kind: str) -> Iterator[Wrong]:
        yield from _unknown(kind, self.state, "state")


class ShareOfStates(_Form):
    """Cases that entered one of `states`, as a share of the cases that entered one of `of`, both in the window.

    Over 100 % is possible where cases take longer than the window.
    """

    type: Literal["share_of_states"]
    states: Annotated[tuple[Word, ...], Field(min_length=1)]
    of: Annotated[tuple[Word, ...], Field(min_length=1)]

    def faults(self, kind: str) -> Iterator[Wrong]:
        for field, states in (("states", self.states), ("of", self.of)):
            for number, state in enumerate(states):
                unknown = list(_unknown(kind, state, field, number))
                yield from unknown
                if unknown or len(states) == 1:
                    continue
                if states.index(state) < number:
                    yield Wrong((field, number), f"names {state} twice; remove one")
                elif not KINDS[kind].by_name[state].terminal:
                    what = f"adds up {state} with others, which counts a case twice; add up final states only: "
                    yield Wrong((field, number), what + ", ".join(s.name for s in KINDS[kind].states if s.terminal))
        if set(self.states) == set(self.of):
            yield Wrong(
                ("of",), "names the same states as states, a share of always 100 %; name what they are a part of"
            )


class Statistic(_OfDuration):
    """Mean, median or 90th percentile (nearest rank) of a duration."""

    units = _TIMES

    type: Literal["mean", "median", "p90"]
    clock: Clock = "gross"

    def faults(self, kind: str) -> Iterator[Wrong]:
        yield from super().faults(kind)
        if self.clock == "net":
            yield from self._net_faults(kind, "clock")


class Open(_Form):
    """Cases open at one moment; with `waiting` those in which the person waits for the service to act."""

    units = ("count",)
    level = True
    sampled = False

    type: Literal["open"]
    waiting: Truth = False


class Overdue(_Limited):
    """Open cases at one moment whose duration has begun, has not ended, and has reached the limit.

    The limit gives each case its due date; it is reckoned by the calendar of the unit at which the case was opened.
    """

    units = ("count",)
    level = True
    sampled = False

    type: Literal["overdue"]


Measure = Annotated[
    Count | ShareWithin | ShareOfChannel | ShareOfStates | Statistic | Open | Overdue, Field(discriminator="type")
]


def _unknown(kind: str, state: str, *where: str | int) -> Iterator[Wrong]:
    known = tuple(KINDS[kind].by_name)
    if state not in known:
        yield Wrong(where, f"{kind} has no state {state}; {mend(state, known)}")
