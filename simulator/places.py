"""Who works where: which application reports which unit and kind, how busy it is, how many counters it has."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from opd_schemas.catalogue import Agency, Catalogue
from opd_schemas.events import KINDS
from simulator.cases import KINDS_OF_CASES

AppKey = tuple[str, str]

#: Counters are staffed to be busy for this share of their time in the mean: peaks make queues, lulls dissolve them.
_LOAD = 0.7
#: Open cases of one kind, at most: at speed 1 the permits of many days would pile up in memory.
_MOST_OPEN = 100_000


@dataclass(frozen=True)
class Place:
    """A unit with one kind of case, reported by one application; `peers` may receive its transfers.

    `weight` is its share of the city's cases.
    """

    app: AppKey
    unit: str
    kind: str
    services: tuple[str, ...]
    peers: tuple[str, ...]
    weight: float
    counters: int


def places(catalogue: Catalogue, *, rng: Random, rate: float, speed: float) -> list[Place]:
    """Every place of the city, staffed for `rate` events a second at `speed`; ValueError if there is none."""
    spots = [spot for agency in catalogue.agencies if agency.apps for spot in _spots(agency)]
    if not spots:
        raise ValueError("no agency of the catalogue has an application, and a unit and a service of one kind")
    weights = _bounded(
        [KINDS_OF_CASES[spot.kind].share * rng.lognormvariate(0, 0.4) for spot in spots], spots, rate=rate, speed=speed
    )
    cases = rate / sum(w * KINDS_OF_CASES[s.kind].typical.events for w, s in zip(weights, spots, strict=True))
    return [
        Place(
            **vars(spot),
            weight=weight,
            counters=_staff(cases * weight * KINDS_OF_CASES[spot.kind].typical.served * 60 / speed),
        )
        for weight, spot in zip(weights, spots, strict=True)
    ]


@dataclass(frozen=True)
class _Spot:
    app: AppKey
    unit: str
    kind: str
    services: tuple[str, ...]
    peers: tuple[str, ...]


def _spots(agency: Agency) -> Iterator[_Spot]:
    kinds = list(dict.fromkeys(kind for unit in agency.units for kind in unit.kinds if kind in KINDS_OF_CASES))
    apps = _apps_of(agency, kinds)
    for unit in agency.units:
        for kind in unit.kinds:
            services = tuple(service.service for service in agency.services if kind in service.kinds)
            if kind in apps and services:
                # A unit of several kinds is a house of its own, such as a Puskesmas: nobody is sent across the city.
                peers = tuple(u.unit for u in agency.units if u.kinds == (kind,) == unit.kinds and u is not unit)
                yield _Spot((agency.opd, apps[kind]), unit.unit, kind, services, peers)


def _apps_of(agency: Agency, kinds: Sequence[str]) -> dict[str, str]:
    """The application of each kind: one that bears the kind's Indonesian name, else the others in their order."""
    codes = [app.app for app in agency.apps]
    named = {kind: code for kind in kinds for code in codes if KINDS[kind].title_id.lower() in code}
    others = [code for code in codes if code not in named.values()] or codes
    unnamed = [kind for kind in kinds if kind not in named]
    return named | {kind: others[index % len(others)] for index, kind in enumerate(unnamed)}


def _bounded(weights: list[float], spots: list[_Spot], *, rate: float, speed: float) -> list[float]:
    """Fewer cases of a kind whose open ones would be too many (Little's law: cases a second times their length)."""
    cases = rate / sum(w * KINDS_OF_CASES[s.kind].typical.events for w, s in zip(weights, spots, strict=True))
    opened = dict.fromkeys(KINDS_OF_CASES, 0.0)
    for weight, spot in zip(weights, spots, strict=True):
        opened[spot.kind] += cases * weight * KINDS_OF_CASES[spot.kind].typical.lasts * 60 / speed
    factors = {kind: min(1.0, _MOST_OPEN / count) if count else 1.0 for kind, count in opened.items()}
    return [weight * factors[spot.kind] for weight, spot in zip(weights, spots, strict=True)]


def _staff(busy: float) -> int:
    return max(2, math.ceil(busy / _LOAD))
