"""The city of the dashboards' tests: the ready one and the office of a real permit log, its applications simulated.

Permits go their way over weeks, until now; queues and visits fill the whole of yesterday's office hours, and the last
hours until now. Everything is judged as ingest judges it, faults of the applications included.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from opd_schemas import subjects
from opd_schemas.catalogue import Agency, Catalogue
from opd_schemas.event import Event
from opd_sdk.connection import Message
from services.aggregator.arrival import Arrival, Refused, read_event, read_reject
from services.catalogue import Register, load
from services.importer.map import load as load_map
from services.importer.mapper import Ready
from services.importer.rows import open_source
from services.ingest.app import decide
from services.ingest.onward import Origin
from services.micros import to_us
from simulator.applications import Parcel, Purpose
from simulator.city import City
from tests.importer.permits import FILE

_EXAMPLE = Path("examples/permit-receipts")
#: The agency whose permits the log is of; it publishes nothing live.
OF_LOG = "licensing"
#: Applications of which nothing more is heard in the last hour.
FALLEN_SILENT = {("dishub", "uji-kendaraan"), ("dinkes", "antrean-puskesmas")}
WHERE_TO_PUT_IT = f"the permit log is not there: put permit-receipts.csv into {FILE.parent}"
_CREATED_US = 1
_SECOND, _MINUTE, _HOUR, _DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
#: So many days ago, earlier than any late case, a clinic had a quiet morning.
QUIET_DAY = 5
#: From when to when weeks of permits are looked at: days ago, and the time by the city's clock.
WEEKS = ((30, "09:13"), (1, "14:37"))
#: So long before now the simulated permits begin; some of them are overdue by then.
_PERMITS_SINCE = 60 * _DAY
_OFFICE_DAY, _LATELY = 10 * _HOUR, 3 * _HOUR


class Sent(NamedTuple):
    """A message and when the broker received it."""

    at: datetime
    message: Message


def catalogue() -> Catalogue:
    """The ready city; among its agencies the one whose permits the log is of."""
    ready, example = load(Path("schemas/catalogue")), load(_EXAMPLE / "catalogue")
    return Catalogue(
        city=ready.city,
        limits=ready.limits,
        calendars=(*ready.calendars, *example.calendars),
        agencies=(*ready.agencies, *example.agencies),
        kpis=(*ready.kpis, *example.kpis),
    )


def has_log() -> bool:
    """Whether the permit log is there; where tests decide what lands, it has to be."""
    if not FILE.exists() and os.environ.get("CI") == "true":
        pytest.fail(WHERE_TO_PUT_IT)
    return FILE.exists()


def log_messages(city: Catalogue) -> Iterator[Message]:
    """The real permit log as the importer publishes it."""
    with open_source(FILE, load_map(_EXAMPLE / "map.yaml"), city.city.zone) as source:
        for row in source.rows():
            if isinstance(row.outcome, Ready):
                yield Message(_subject(row.outcome.event, history=True), row.outcome.body)


def simulated(city: Catalogue, now: datetime) -> list[Sent]:
    """What all applications of the city published until now, in the order in which it came."""
    morning = local(city, now, 0, "07:30")
    permits, counters = _only(city, {"permit"}), _only(city, {"queue", "visit"})
    sent = [
        *_play(permits, now - _PERMITS_SINCE, _PERMITS_SINCE, seed=3, rate=0.002, speed=0.12, beats=False),
        *_play(counters, morning - _DAY, _OFFICE_DAY, seed=2, rate=0.6, speed=0.8),
        *_heard(_play(counters, now - _LATELY, _LATELY, seed=1, rate=0.6, speed=0.8), until=now - _HOUR),
        *_by_hand(city, now),
    ]
    return sorted(sent, key=lambda each: each.at)


def _heard(sent: Iterable[Sent], *, until: datetime) -> Iterator[Sent]:
    """Nothing more of the applications that fall silent."""
    for each in sent:
        _, opd, app, *_ = each.message.subject.split(".")
        if each.at <= until or (opd, app) not in FALLEN_SILENT:
            yield each


def _by_hand(city: Catalogue, now: datetime) -> Iterator[Sent]:
    """What the simulator does not play, or not on every day: each of it makes some column say something."""
    yesterday = local(city, now, 1, "08:30")
    for number in range(7):
        # A hasty clerk: within one second issued twice and served twice.
        for passed, state in enumerate(("issued", "issued", "called", "served", "served")):
            yield _entered(
                _COUNTER, "queue", f"loket-ktp:hasty-{number}", passed, state, yesterday + passed * _SECOND / 9
            )
    quiet = local(city, now, QUIET_DAY, "08:30")
    for number in range(12):
        # A quiet clinic, before all other visits: nobody is referred, and so few go home that they are hidden.
        for passed, state in enumerate(("registered", "examined", "completed")[: 3 if number < 3 else 2]):
            at = quiet + (4 * number + 3 * passed) * _MINUTE
            yield _entered(_CLINIC, "visit", f"quiet-{number}", passed, state, at)
    for place in (_BUILDING, _DOCTORS, _LAND, _HEIRS):
        # Forgotten in a drawer: overdue by each of the city's limits.
        yield _entered(place, "permit", f"forgotten-{place.service}", 0, "submitted", now - _PERMITS_SINCE)
    returned = local(city, now, 2, "10:00")
    for days in range(5, 17):
        # Returned so long after, that for one of them it is the last working day.
        yield _entered(_DOCTORS, "permit", f"last-day-{days}", 0, "submitted", returned - days * _DAY)
        yield _entered(_DOCTORS, "permit", f"last-day-{days}", 1, "returned", returned)
    for edge in (local(city, now, days, clock) for days, clock in WEEKS):
        # Half a minute before and behind the moment at which a window begins or ends.
        for number, at in enumerate((edge - _MINUTE / 2, edge + _MINUTE / 2)):
            for state, begun in (("returned", 2 * _MINUTE), ("issued", 40 * _DAY), ("rejected", 40 * _DAY)):
                case = f"edge-{edge:%Y%m%d}-{number}-{state}"
                yield _entered(_BUILDING, "permit", case, 0, "submitted", at - begun)
                yield _entered(_BUILDING, "permit", case, 1, state, at)


class _Place(NamedTuple):
    opd: str
    app: str
    unit: str
    service: str


_COUNTER = _Place("disdukcapil", "antrean", "loket-ktp", "ktp-el")
_CLINIC = _Place("dinkes", "simpus", "pkm-andalas", "gizi")
_BUILDING = _Place("dpmptsp", "perizinan", "bidang-bangunan", "pbg")
_DOCTORS = _Place("dpmptsp", "perizinan", "bidang-kesehatan", "sip-dokter")
_LAND = _Place("dpupr", "tata-ruang", "bidang-tata-ruang", "kkpr")
_HEIRS = _Place("kec-kuranji", "paten", "seksi-pelayanan", "ahli-waris")


def _entered(place: _Place, kind: str, case: str, number: int, state: str, at: datetime) -> Sent:
    """An event of a case, received a minute later."""
    opd, app, unit, service = place
    channel = "online" if kind == "permit" else "onsite"
    event = Event(opd, app, kind, state, f"{case}-{number}", at, unit, service, channel, case)
    return Sent(at + _MINUTE, as_sent(event))


def judged(sent: Iterable[Sent], city: Catalogue, *, first: int = 1) -> tuple[list[Arrival], list[Refused]]:
    """What the aggregator gets of it, by ingest's own judgement; `first` is the number of the first message."""
    register = Register(city)
    arrivals: list[Arrival] = []
    refused: list[Refused] = []
    for seq, (at, message) in enumerate(sent, start=first):
        onward, outcome = decide(message.subject, message.body, Origin(_CREATED_US, seq, to_us(at)), register)
        if outcome == "accepted":
            arrivals.append(read_event(onward.payload))
        else:
            refused.append(read_reject(onward.payload))
    return arrivals, refused


def as_sent(event: Event) -> Message:
    """An event on its subject."""
    return Message(_subject(event), event.to_json())


def _subject(event: Event, *, history: bool = False) -> str:
    return subjects.publish_subject(opd=event.opd, app=event.app, kind=event.kind, state=event.state, history=history)


def _play(
    part: Catalogue, start: datetime, lasts: timedelta, *, seed: int, rate: float, speed: float, beats: bool = True
) -> Iterator[Sent]:
    """Played for at least as long as an office day lasts, so that its peak is one; received within a minute."""
    duration = max(lasts, _OFFICE_DAY) / _SECOND
    city = City(part, seed=seed, rate=rate, speed=speed, duration=duration, start=start)

    def messages(parcels: Iterable[Parcel], at: datetime) -> Iterator[Sent]:
        for parcel in parcels:
            if beats or parcel.purpose is not Purpose.HEARTBEAT:
                yield Sent(at, parcel.raw or as_sent(parcel.event))

    for minute in range(1, lasts // _MINUTE + 1):
        yield from messages(city.advance(minute * 60.0), start + minute * _MINUTE)
    yield from messages(city.finish(), start + lasts)


def _only(city: Catalogue, kinds: set[str]) -> Catalogue:
    """The part of the city that serves these kinds."""

    def of(agency: Agency) -> Agency:
        units = tuple(
            unit.model_copy(update={"kinds": tuple(kind for kind in unit.kinds if kind in kinds)})
            for unit in agency.units
            if kinds & set(unit.kinds)
        )
        apps = agency.apps if units and agency.opd != OF_LOG else ()
        return agency.model_copy(update={"units": units, "apps": apps})

    return city.model_copy(update={"agencies": tuple(of(agency) for agency in city.agencies), "kpis": ()})


def local(city: Catalogue, now: datetime, days: int, clock: str) -> datetime:
    """A time by the city's clock, so many days ago."""
    day = now.astimezone(city.city.zone).date() - days * _DAY
    return datetime.combine(day, time.fromisoformat(clock), city.city.zone)


def now() -> datetime:
    """The present, to the minute that is over."""
    return datetime.now(UTC).replace(second=0, microsecond=0)
