"""A kind of service case is a small state machine, declared as data.

From a lifecycle follow: which events exist, how ties are ordered, when a case opens and closes, and which durations
are measured. The aggregator, the simulator and the documentation read it; none of them knows a kind by name.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

#: The pseudo-state by which a publisher takes an event back; every kind with cases has it, none declares it.
VOIDED = "voided"


@dataclass(frozen=True)
class State:
    """One state: `rank` orders ties, `after` names the states that may directly precede it (itself always may).

    `waiting` marks a state in which the person waits for the service to act.
    """

    name: str
    rank: int
    after: frozenset[str] = frozenset()
    initial: bool = False
    terminal: bool = False
    pauses: bool = False
    waiting: bool = False


@dataclass(frozen=True)
class Duration:
    """From the first `start` of a case to the first event at or after it whose state is in `ends`.

    With `net` it is measured twice: gross, and in the working time of the unit without the pauses of the case.
    `serves` marks the one in which the service itself is rendered: it cannot take no time.
    """

    name: str
    start: str
    ends: frozenset[str]
    net: bool = False
    serves: bool = False


@dataclass(frozen=True)
class Lifecycle:
    """A kind: its states by rank and its durations.

    With `expires` set to "local_day" a case that has not ended closes by itself at the end of the local day in which
    it began (a queue ticket is worth nothing on the morrow). `health` marks kinds about people's health: no figure of
    fewer than five of their cases is shown.
    """

    kind: str
    version: int
    title_id: str
    title_en: str
    states: tuple[State, ...]
    durations: tuple[Duration, ...] = ()
    expires: Literal["local_day"] | None = None
    health: bool = False
    has_cases: bool = field(default=True)

    @cached_property
    def by_name(self) -> dict[str, State]:
        return {state.name: state for state in self.states}

    @cached_property
    def event_states(self) -> tuple[str, ...]:
        """Every state an event may name, the void included."""
        names = tuple(state.name for state in self.states)
        return (*names, VOIDED) if self.has_cases else names
