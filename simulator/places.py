"""Who works where: which application reports which unit and kind, how busy it is, how many counters it has."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from opd_schemas.catalogue import Agency, Catalogue
from opd_schemas.event import Channel
from opd_schemas.events import KINDS
from simulator.permits import application
from simulator.queues import ticket
from simulator.story import Story, relive
from simulator.visits import visit

AppKey = tuple[str, str]


@dataclass(frozen=True)
class KindOfCase:
    """How a kind is played: its story, which share of the cases it has, the prefix of its numbers, its channels."""

    story: Callable[[Random, str, Sequence[str]], Story]
    weight: float
    prefix: str
    channels: dict[Channel, float]


KINDS_OF_CASES = {
    "queue": KindOfCase(ticket, 1.0, "A", {"onsite": 80, "online": 20}),
    "visit": KindOfCase(lambda rng, unit, _: visit(rng, unit), 0.8, "KJ", {"onsite": 85, "online": 15}),
    "permit": KindOfCase(
        lambda rng, unit, _: application(rng, unit),
        0.5,
        "IZN",
        {"online": 75, "onsite": 19, "email": 4, "post": 2},
    ),
}
#: Counters are staffed for this share of their time at mean arrivals: peaks make queues, and slack dissolves them.
_LOAD = 0.9
#: Open cases of one kind, at most: at speed 1 the permits of many days would pile up in memory.
_MOST_OPEN = 100_000
_SAMPLES = 400


@dataclass
class Place:
    """A unit with one kind of case, reported by one application; `peers` may receive its transfers."""

    app: AppKey
    unit: str
    kind: str
    services: tuple[str, ...]
    peers: tuple[str, ...]
    weight: float
    counters: "Counters" = field(init=False)


class Counters:
    """The counters of a place and the line in front of them, first come, first served."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self.line: deque[Callable[[float], bool]] = deque()

    def take(self) -> bool:
        """Take a free counter, if there is one."""
        if self.free:
            self.free -= 1
            return True
        return False

    def wait(self, called: Callable[[float], bool]) -> None:
        """Stand in line; `called` is told the time, and answers False if nobody comes."""
        self.line.append(called)

    def release(self, now: float) -> None:
        """A counter is free: the first in line who is still there is called."""
        while self.line:
            if self.line.popleft()(now):
                return
        self.free += 1


def _apps_of_kinds(agency: Agency, kinds: Sequence[str]) -> dict[str, str]:
    """Each kind's application: the one that bears its Indonesian name, else the others in their order."""
    codes = [app.app for app in agency.apps]
    named = {
        kind: code for kind in kinds for code in codes if KINDS[kind].title_id.lower() in code and kind in KINDS_OF_CASES
    }
    others = [code for code in codes if code not in named.values()] or codes
    unnamed = [kind for kind in kinds if kind not in named]
    return named | {kind: others[index % len(others)] for index, kind in enumerate(unnamed)}


def _of_agency(agency: Agency, rng: Random) -> Iterator[Place]:
    kinds = list(dict.fromkeys(kind for unit in agency.units for kind in unit.kinds if kind in KINDS_OF_CASES))
    apps = _apps_of_kinds(agency, kinds)
    for unit in agency.units:
        for kind in unit.kinds:
            services = tuple(service.service for service in agency.services if kind in service.kinds)
            if kind in apps and services:
                yield Place(
                    app=(agency.opd, apps[kind]),
                    unit=unit.unit,
                    kind=kind,
                    services=services,
                    peers=tuple(u.unit for u in agency.units if kind in u.kinds and u.unit != unit.unit),
                    weight=KINDS_OF_CASES[kind].weight * rng.lognormvariate(0, 0.4),
                )


def places(catalogue: Catalogue, *, rng: Random, rate: float, speed: float) -> list[Place]:
    """Every place of the city, staffed for `rate` events a second at `speed`.

    Raises ValueError if the catalogue has none.
    """
    found = [place for agency in catalogue.agencies if agency.apps for place in _of_agency(agency, rng)]
    if not found:
        raise ValueError("no agency of the catalogue has an application, a unit and a service of one kind")
    # A generator of its own, so that what is measured does not depend on the seed.
    sampler = Random(0)
    events: dict[str, float] = {}
    served: dict[str, float] = {}
    for kind in {place.kind for place in found}:
        pasts = [relive(KINDS_OF_CASES[kind].story(sampler, "u", ("v",)), sampler) for _ in range(_SAMPLES)]
        events[kind] = sum(len(past.events) for past in pasts) / _SAMPLES
        served[kind] = sum(past.served for past in pasts) / _SAMPLES * 60 / speed
        lasts = sum(past.events[-1][0] for past in pasts) / _SAMPLES * 60 / speed
        weight = sum(place.weight for place in found if place.kind == kind)
        cases = rate * weight / sum(place.weight * events.get(place.kind, 3) for place in found)
        if cases * lasts > _MOST_OPEN:
            for place in found:
                place.weight *= _MOST_OPEN / (cases * lasts) if place.kind == kind else 1
    total = sum(place.weight * events[place.kind] for place in found)
    for place in found:
        busy = rate * place.weight / total * served[place.kind]
        place.counters = Counters(max(2, math.ceil(busy / _LOAD)))
    return found
