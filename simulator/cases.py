"""The kinds of cases as the simulator plays them, as data; a new kind is one more story and one more row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from opd_schemas.event import Channel
from simulator.permits import application
from simulator.queues import ticket
from simulator.story import Story, relive
from simulator.visits import visit

_SAMPLES = 400


@dataclass(frozen=True)
class Typical:
    """Means of one case: its events, its minutes at a counter, its minutes from begin to end."""

    events: float
    served: float
    lasts: float


@dataclass(frozen=True)
class KindOfCase:
    """A kind: its story (told the unit and those it may be transferred to), its share of the cases, the prefix of its
    numbers, and its channels with their percentages."""

    story: Callable[[Random, str, Sequence[str]], Story]
    share: float
    prefix: str
    channels: Mapping[Channel, int]

    @cached_property
    def typical(self) -> Typical:
        """Measured on a few hundred cases, always the same ones, so that it does not depend on a run's seed."""
        rng = Random(0)
        pasts = [relive(self.story(rng, "unit", ("peer",)), rng) for _ in range(_SAMPLES)]
        return Typical(
            events=sum(len(past.events) for past in pasts) / _SAMPLES,
            served=sum(past.served for past in pasts) / _SAMPLES,
            lasts=sum(past.events[-1][0] for past in pasts) / _SAMPLES,
        )


KINDS_OF_CASES = {
    "queue": KindOfCase(ticket, 1.0, "A", {"onsite": 80, "online": 20}),
    "visit": KindOfCase(lambda rng, unit, _: visit(rng, unit), 0.8, "KJ", {"onsite": 85, "online": 15}),
    "permit": KindOfCase(
        lambda rng, unit, _: application(rng, unit), 0.5, "IZN", {"online": 75, "onsite": 19, "email": 4, "post": 2}
    ),
}
