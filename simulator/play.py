"""Plays the stories of cases live: pauses compressed by the speed, waits at the counters of real units."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from opd_schemas.event import Channel
from simulator.agenda import Agenda
from simulator.counters import Counters
from simulator.places import AppKey
from simulator.story import Enter, Join, Leave, Pause, Story


@dataclass(slots=True, eq=False)
class Case:
    """A case in play; `wait` numbers its waits, so that what belonged to an earlier one is recognised."""

    app: AppKey
    kind: str
    name: str
    service: str
    channel: Channel
    story: Story
    wait: int = 0


#: (opd, kind, unit)
CounterKey = tuple[str, str, str]
#: A case entered a state at a unit, at so many seconds.
Entered = Callable[[Case, str, str, float], None]


class Stage:
    """All cases in play; each state that one enters is told to `entered`."""

    def __init__(
        self, agenda: Agenda, counters: Mapping[CounterKey, Counters], *, speed: float, entered: Entered
    ) -> None:
        self._agenda = agenda
        self._counters = counters
        self._seconds = 60 / speed
        self._entered = entered

    def begin(self, case: Case, now: float) -> None:
        """Play a case from its beginning."""
        self._go_on(case, None, now)

    def _go_on(self, case: Case, answer: bool | None, now: float) -> None:
        """Play up to the next pause or wait."""
        story = case.story
        try:
            while True:
                step = next(story) if answer is None else story.send(answer)
                answer = None
                match step:
                    case Enter(state, unit):
                        self._entered(case, state, unit, now)
                    case Pause(minutes):
                        self._agenda.at(now + minutes * self._seconds, partial(self._go_on, case, None))
                        return
                    case Join(unit, patience):
                        if not self._join(case, unit, patience, now):
                            return
                        answer = True
                    case Leave(unit):
                        self._of(case, unit).release(now)
        except StopIteration:
            return

    def _of(self, case: Case, unit: str) -> Counters:
        return self._counters[case.app[0], case.kind, unit]

    def _join(self, case: Case, unit: str, patience: float, now: float) -> bool:
        """True if a counter is free at once; else the case stands in line until it is called or gives up."""
        counters = self._of(case, unit)
        if counters.take():
            return True
        case.wait += 1
        counters.stand_in_line(partial(self._end_wait, case, case.wait, True))
        self._agenda.at(now + patience * self._seconds, partial(self._give_up, case, case.wait))
        return False

    def _give_up(self, case: Case, wait: int, now: float) -> None:
        self._end_wait(case, wait, False, now)

    def _end_wait(self, case: Case, wait: int, called: bool, now: float) -> bool:
        """The first of call and impatience ends the wait; the other comes to nothing."""
        if case.wait != wait:
            return False
        case.wait += 1
        self._go_on(case, called, now)
        return True
