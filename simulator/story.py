"""A case is a story: a generator that yields what happens next, and is told whether its wait was rewarded.

Stories know minutes, not clocks. The city plays them live, with real queues and compressed pauses; `relive` plays one
alone and as it would have been, for cases that are sent late.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Enter:
    """The case enters a state at a unit; this becomes an event."""

    state: str
    unit: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for so many minutes."""

    minutes: float


@dataclass(frozen=True, slots=True)
class Join:
    """Wait at a unit for a free counter, for `patience` minutes at most; the story is sent whether it got one."""

    unit: str
    patience: float


@dataclass(frozen=True, slots=True)
class Leave:
    """The counter at the unit is free again."""

    unit: str


Story = Generator[Enter | Pause | Join | Leave, bool, None]

#: Mean minutes of a wait where no real queue is there to make one.
_LONELY_WAIT = 12.0


def around(rng: Random, median: float, spread: float = 0.5) -> float:
    """Minutes as services take them: never below zero, seldom far above the median."""
    return rng.lognormvariate(math.log(median), spread)


@dataclass(frozen=True)
class Past:
    """A story that is over: (minutes since its begin, state, unit) of its events, and the minutes at a counter."""

    events: list[tuple[float, str, str]]
    served: float


def relive(story: Story, rng: Random) -> Past:
    """Play a story from beginning to end."""
    events: list[tuple[float, str, str]] = []
    clock = served = since = 0.0
    answer: bool | None = None
    while True:
        try:
            step = next(story) if answer is None else story.send(answer)
        except StopIteration:
            return Past(events, served)
        answer = None
        match step:
            case Enter(state, unit):
                events.append((clock, state, unit))
            case Pause(minutes):
                clock += minutes
            case Join(_, patience):
                wait = rng.expovariate(1 / _LONELY_WAIT)
                answer = wait <= patience
                clock += min(wait, patience)
                since = clock
            case Leave():
                served += clock - since
