"""The story of a permit: verified, approved, issued over days, with returns to the applicant; simple ones at once."""

from random import Random

from simulator.story import Enter, Pause, Story, around

_DAY = 24 * 60.0
#: Permits of low risk are decided by the system within minutes.
_AUTOMATIC = 0.35
_AUTOMATIC_STEP = 3.0
_STEP = 0.9 * _DAY
_APPLICANT = 1.5 * _DAY
_RETURNED = 0.22
_GIVEN_UP = 0.10
_WITHDRAWN = 0.02
_REJECTED = 0.06


def application(rng: Random, unit: str) -> Story:
    """An application at the office `unit`."""
    automatic = rng.random() < _AUTOMATIC
    step, applicant = (_AUTOMATIC_STEP, 4 * _AUTOMATIC_STEP) if automatic else (_STEP, _APPLICANT)
    yield Enter("submitted", unit)
    yield Pause(around(rng, step))
    if rng.random() < _WITHDRAWN:
        yield Enter("withdrawn", unit)
        return
    while rng.random() < _RETURNED:
        yield Enter("returned", unit)
        yield Pause(around(rng, applicant))
        if rng.random() < _GIVEN_UP:
            yield Enter("withdrawn", unit)
            return
        yield Enter("resubmitted", unit)
        yield Pause(around(rng, step))
    yield Enter("verified", unit)
    yield Pause(around(rng, step))
    if rng.random() < _REJECTED:
        yield Enter("rejected", unit)
        return
    yield Enter("approved", unit)
    yield Pause(around(rng, step / 2))
    yield Enter("issued", unit)
