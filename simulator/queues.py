"""The story of a ticket: drawn, called, served; or given up, not there when called, sent on to another unit."""

from collections.abc import Sequence
from random import Random

from simulator.story import Enter, Join, Leave, Pause, Story, around

_PATIENCE = 50.0
_SERVICE = 6.0
_NO_SHOW = 0.04
_TRANSFER = 0.06


def ticket(rng: Random, unit: str, peers: Sequence[str]) -> Story:
    """A ticket issued at `unit`; `peers` are the units that it may be transferred to."""
    yield Enter("issued", unit)
    transferred = False
    while True:
        if not (yield Join(unit, around(rng, _PATIENCE))):
            yield Enter("abandoned", unit)
            return
        yield Enter("called", unit)
        if rng.random() < _NO_SHOW:
            yield Pause(around(rng, 1.5))
            yield Enter("no_show", unit)
            yield Leave(unit)
            return
        yield Pause(around(rng, _SERVICE))
        if transferred or not peers or rng.random() >= _TRANSFER:
            break
        yield Leave(unit)
        unit, transferred = rng.choice(peers), True
        yield Enter("transferred", unit)
    yield Enter("served", unit)
    yield Leave(unit)
