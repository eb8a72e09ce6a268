"""The city's plan: which application sends what at which second. Fixed by seed and start; it sends nothing itself.

Events fall due as the cases in play go on; arrivals fill what is left of the wanted rate, so that the rate holds from
the first second, whatever the speed.
"""

import itertools
import math
from datetime import datetime, timedelta
from random import Random

from opd_schemas.catalogue import Catalogue
from opd_schemas.events.queue import case_id
from opd_sdk.author import Author
from simulator.agenda import Agenda
from simulator.applications import Application, Parcel
from simulator.cases import KINDS_OF_CASES
from simulator.counters import Counters
from simulator.faults import FAULTS, LATE_FROM, LATE_TO, Fault
from simulator.places import AppKey, Place, places
from simulator.play import Case, Stage
from simulator.profile import DayProfile
from simulator.story import relive

#: Arrivals may be owed for this many seconds: after a lull in which many cases ended the city does not stay empty.
_MOST_DEBT = 2.0


class City:
    """All that happens from `start` (aware) on, for `duration` seconds or without end.

    `rate` is the mean of case events a second, heartbeats, repetitions and garbage apart; `speed` divides every
    duration within a case. Raises ValueError where nothing could happen.
    """

    def __init__(
        self, catalogue: Catalogue, *, seed: int, rate: float, speed: float, duration: float | None, start: datetime
    ) -> None:
        if not (rate > 0 and speed > 0 and (duration is None or duration > 0)):
            raise ValueError("rate, speed and duration must be over 0")
        self._rng = Random(seed)
        self._start = start
        self._zone = catalogue.city.zone
        self._rate = rate
        self._debt = 0
        self._numbers = itertools.count(1)
        # Cases are named for ever, so two runs must not use the same names.
        self._run = _base36(int(start.timestamp() * 1000))
        self._agenda = Agenda()
        self._sent: list[Parcel] = []
        self._places = places(catalogue, rng=self._rng, rate=rate, speed=speed)
        self._weights = list(itertools.accumulate(place.weight for place in self._places))
        self._profile = DayProfile(duration=duration, speed=speed, weekday=start.astimezone(self._zone).weekday())
        counters = {(place.app[0], place.kind, place.unit): Counters(place.counters) for place in self._places}
        self._stage = Stage(self._agenda, counters, speed=speed, entered=self._entered)
        self._applications = self._staffed(catalogue)
        for application in self._applications.values():
            application.begin(speed=speed, duration=duration)
        self._await_slot()

    @property
    def applications(self) -> list[AppKey]:
        """Every application of the city, also those that send nothing but heartbeats."""
        return list(self._applications)

    def advance(self, until: float) -> list[Parcel]:
        """What the applications send up to `until` seconds since the start, in the order in which it is sent."""
        self._agenda.advance(until)
        return self._collect()

    def finish(self) -> list[Parcel]:
        """What silent applications still keep; cases that are open stay so."""
        for application in self._applications.values():
            application.end_silence()
        return self._collect()

    def _staffed(self, catalogue: Catalogue) -> dict[AppKey, Application]:
        busy = sorted({place.app for place in self._places})
        stricken = {
            fault: self._rng.sample(busy, max(1, round(extent.applications * len(busy))))
            for fault, extent in FAULTS.items()
        }
        return {
            (agency.opd, app.app): Application(
                app,
                Author(opd=agency.opd, app=app.app, zone=self._zone, now=self._present),
                frozenset(fault for fault, keys in stricken.items() if (agency.opd, app.app) in keys),
                agenda=self._agenda,
                rng=self._rng,
                send=self._sent_by,
            )
            for agency in catalogue.agencies
            for app in agency.apps
        }

    def _await_slot(self) -> None:
        """The next moment for an event: a Poisson process of the wanted rate over the day, by thinning."""
        at = self._agenda.now
        while True:
            at += self._rng.expovariate(self._rate * self._profile.peak)
            if self._rng.random() * self._profile.peak < self._profile.at(at):
                break
        self._agenda.at(at, self._slot)

    def _slot(self, now: float) -> None:
        # Each event, arrivals too, owes a slot: what the cases in play send leaves so many fewer for arrivals.
        if self._debt <= 0:
            self._arrive(now)
        self._debt -= 1
        self._await_slot()

    def _arrive(self, now: float) -> None:
        place = self._rng.choices(self._places, cum_weights=self._weights)[0]
        kind = KINDS_OF_CASES[place.kind]
        channel = self._rng.choices(list(kind.channels), list(kind.channels.values()))[0]
        case = Case(
            app=place.app,
            kind=place.kind,
            name=f"{kind.prefix}{next(self._numbers):03}-{self._run}",
            service=self._rng.choice(place.services),
            channel=channel,
            story=kind.story(self._rng, place.unit, place.peers),
        )
        if self._applications[place.app].suffers(Fault.LATE):
            self._tell_late(case, place, now)
        else:
            self._name(case, place, now)
            self._stage.begin(case, now)

    def _tell_late(self, case: Case, place: Place, now: float) -> None:
        """The whole case happened before, at its own pace; its events are sent only now, oldest first."""
        past = relive(case.story, self._rng)
        earliest, latest = LATE_FROM.total_seconds(), LATE_TO.total_seconds()
        span = past.events[-1][0] * 60
        # What took weeks is told as if it had been quicker, to keep within the days of a late case.
        pace = min(1.0, 0.8 * (latest - earliest) / span) if span else 1.0
        ended = math.exp(self._rng.uniform(math.log(earliest), math.log(latest - span * pace)))
        begun = now - ended - span * pace
        self._name(case, place, begun)
        for minutes, state, unit in past.events:
            self._entered(case, state, unit, begun + minutes * 60 * pace)

    def _name(self, case: Case, place: Place, begun: float) -> None:
        if case.kind == "queue":
            day = self._time(begun).astimezone(self._zone).date()
            case.name = case_id(unit=place.unit, day=day, ticket=case.name)

    def _entered(self, case: Case, state: str, unit: str, at: float) -> None:
        application = self._applications[case.app]
        self._debt = min(self._debt + 1, 10 + int(self._rate * _MOST_DEBT))
        application.publish(
            application.author.event(
                case.kind,
                state,
                unit=unit,
                service=case.service,
                channel=case.channel,
                case=case.name,
                time=self._time(at),
            )
        )

    def _sent_by(self, parcel: Parcel) -> None:
        self._sent.append(parcel)

    def _collect(self) -> list[Parcel]:
        sent, self._sent = self._sent, []
        return sent

    def _time(self, elapsed: float) -> datetime:
        return self._start + timedelta(seconds=elapsed)

    def _present(self) -> datetime:
        return self._time(self._agenda.now)


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
    return text
