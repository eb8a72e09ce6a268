"""A city's ordinary events, made from its catalogue and a seed: cases that take their usual steps, each at its place.

The whole load of benchmarks and fault tests comes from here; nothing in it is measured.
"""

import math
import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from opd_schemas.event import Event
from opd_schemas.events import KINDS

#: Of a hundred cases, how many are of a kind; and of a hundred of a kind, how many take which steps, with the usual
#: minutes before each step after the first.
_KINDS = {"queue": 50, "visit": 35, "permit": 15}
_STEPS: dict[str, dict[tuple[tuple[str, int], ...], int]] = {
    "queue": {
        (("issued", 0), ("called", 14), ("served", 9)): 78,
        (("issued", 0), ("called", 10), ("transferred", 4), ("called", 12), ("served", 8)): 10,
        (("issued", 0), ("called", 20), ("no_show", 3)): 8,
        (("issued", 0), ("abandoned", 35)): 4,
    },
    "visit": {
        (("registered", 0), ("examined", 28), ("completed", 16)): 84,
        (("registered", 0), ("examined", 30), ("referred", 20)): 10,
        (("registered", 0), ("cancelled", 40)): 6,
    },
    "permit": {
        (("submitted", 0), ("verified", 420), ("approved", 900), ("issued", 300)): 70,
        (
            *(("submitted", 0), ("returned", 300), ("resubmitted", 1400)),
            *(("verified", 400), ("approved", 900), ("issued", 300)),
        ): 15,
        (("submitted", 0), ("verified", 420), ("rejected", 1500)): 10,
        (("submitted", 0), ("withdrawn", 600)): 5,
    },
}
_CHANNELS = {"queue": ("onsite", "onsite", "onsite", "online"), "visit": ("onsite",), "permit": ("online", "onsite")}
T = TypeVar("T")
_OPENS = time(7, 30)
_OPEN_HOURS = 8
#: Live: how many cases stand open in the city at a time.
_OPEN_CASES = 2000


class _Place(NamedTuple):
    opd: str
    app: str
    kind: str
    unit: str
    service: str


class _Case(NamedTuple):
    """A case with the steps that are still to come."""

    place: _Place
    channel: str
    case_id: str
    steps: list[tuple[str, int]]


class City:
    """Makes the events of one city; the same catalogue, seed and clock give the same events."""

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        self._random = random.Random(seed)
        self._zone = catalogue.city.zone
        self._places = {
            kind: [
                _Place(agency.opd, app.app, kind, unit.unit, service.service)
                for agency in catalogue.agencies
                for app in agency.apps
                for unit in agency.units
                for service in agency.services
                if kind in unit.kinds and kind in service.kinds
            ]
            for kind in KINDS
        }
        self._tickets: dict[tuple[str, str, date], int] = {}
        self._open: list[_Case] = []

    def past(self, count: int, *, now: datetime, days: int = 5) -> list[Event]:
        """`count` events of the days before `now`, in order of time: cases run beside each other as in life."""
        today = now.astimezone(self._zone).date()
        events: list[Event] = []
        while len(events) < count:
            day = today - timedelta(days=self._random.randrange(days))
            opened = datetime.combine(day, _OPENS, self._zone)
            at = opened + timedelta(hours=_OPEN_HOURS * self._random.random())
            case = self._begin(day)
            for state, usual in case.steps:
                # Spread about the usual span: most are near it, a few take far longer.
                at += timedelta(minutes=usual and self._random.lognormvariate(math.log(usual), 0.6))
                if at < now:
                    events.append(self._event(case, state, at))
        return sorted(events, key=lambda event: event.time)[:count]

    def live(self, now: datetime) -> Event:
        """The next event, which happens now: a case begins, or one of those that are open goes a step on."""
        if (len(self._open) < _OPEN_CASES and self._random.random() < 0.4) or not self._open:
            self._open.append(self._begin(now.astimezone(self._zone).date()))
            chosen = len(self._open) - 1
        else:
            chosen = self._random.randrange(len(self._open))
        case = self._open[chosen]
        state, _ = case.steps.pop(0)
        if not case.steps:
            self._open[chosen] = self._open[-1]
            self._open.pop()
        return self._event(case, state, now)

    def _begin(self, day: date) -> _Case:
        kind = self._one_of(_KINDS)
        place = self._random.choice(self._places[kind])
        key = (place.opd, place.unit, day)
        ticket = self._tickets[key] = self._tickets.get(key, 0) + 1
        case_id = f"{place.unit}:{day.isoformat()}:{'ABC'[ticket % 3]}-{ticket:03d}"
        steps = self._one_of(_STEPS[kind])
        return _Case(place, self._random.choice(_CHANNELS[kind]), case_id, list(steps))

    def _one_of(self, weighted: dict[T, int]) -> T:
        return self._random.choices(list(weighted), list(weighted.values()))[0]

    def _event(self, case: _Case, state: str, at: datetime) -> Event:
        opd, app, kind, unit, service = case.place
        return Event(opd, app, kind, state, self._id(at), at, unit, service, case.channel, case.case_id)

    def _id(self, at: datetime) -> str:
        """A UUIDv7 as the SDK gives it: ids sort by the moment they were made."""
        tail = self._random.getrandbits(74)
        high, low = tail >> 62, tail & ((1 << 62) - 1)
        return str(UUID(int=int(at.timestamp() * 1000) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low))


def messages(events: list[Event]) -> Iterator[tuple[str, bytes]]:
    """(subject, body) of each event as its application publishes it."""
    for e in events:
        yield subjects.publish_subject(opd=e.opd, app=e.app, kind=e.kind, state=e.state), e.to_json()
