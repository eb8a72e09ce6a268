"""What the register's look-up of an event costs beside reading it from JSON."""

import time
from datetime import UTC, datetime

from bench.city import City
from opd_schemas.catalogue import Catalogue
from opd_schemas.event import parse
from services.catalogue import Register

_ROUNDS, _EVENTS = 50, 200


def microseconds(catalogue: Catalogue, seed: int) -> tuple[float, float]:
    """Of reading an event and of checking it, each the best of many rounds, for the machine is shared."""
    register = Register(catalogue)
    bodies = [event.to_json() for event in City(catalogue, seed).past(_EVENTS, now=datetime.now(UTC))]
    reading = checking = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        # Read anew each round: texts that were not hashed yet.
        events = [parse(body) for body in bodies]
        between = time.perf_counter()
        for event in events:
            register.check(event)
        ended = time.perf_counter()
        reading, checking = min(reading, between - began), min(checking, ended - between)
    return reading / _EVENTS * 1e6, checking / _EVENTS * 1e6
