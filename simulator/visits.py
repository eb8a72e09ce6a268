"""The story of a visit to a Puskesmas: registered, examined, sent home with medicine, or referred to a hospital."""

from random import Random

from simulator.story import Enter, Join, Leave, Pause, Story, around

_PATIENCE = 120.0
_EXAMINATION = 9.0
_PHARMACY = 12.0
_REFERRED = 0.12
_LEFT_BEFORE_PHARMACY = 0.01


def visit(rng: Random, unit: str) -> Story:
    """A visit to the Puskesmas `unit`, whose counters are its examination rooms."""
    yield Enter("registered", unit)
    if not (yield Join(unit, around(rng, _PATIENCE))):
        yield Enter("cancelled", unit)
        return
    yield Enter("examined", unit)
    yield Pause(around(rng, _EXAMINATION))
    if rng.random() < _REFERRED:
        yield Enter("referred", unit)
        yield Leave(unit)
        return
    yield Leave(unit)
    yield Pause(around(rng, _PHARMACY))
    yield Enter("cancelled" if rng.random() < _LEFT_BEFORE_PHARMACY else "completed", unit)
