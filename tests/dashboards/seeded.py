"""A morning in the ready city: a few hundred events of queues, permits and visits, as its applications send them."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta

from opd_schemas.event import Event
from services.aggregator.arrival import Arrival, Refused
from tests.arrivals import RECEIVED_US, arrive

#: Ten in the morning, a Wednesday: counters are open, and the catalogue is in effect.
NOON = datetime.fromisoformat("2026-11-18T10:00:00+07:00")
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_QUEUES = (
    ("disdukcapil", "antrean", "loket-ktp", "ktp-el"),
    ("disdukcapil", "antrean", "loket-kk", "kk"),
    ("dpmptsp", "antrean-mpp", "mpp-lantai-1", "layanan-instansi"),
)
_PERMITS = (
    ("dpmptsp", "perizinan", "bidang-bangunan", "pbg"),
    ("dpmptsp", "perizinan", "bidang-kesehatan", "sip-dokter"),
)
_VISITS = ("pkm-andalas", "pkm-pauh", "pkm-alai")


def morning() -> list[Arrival]:
    """All events of it, in no order that matters."""
    numbers = itertools.count(1)
    return [
        arrive(event, seq, received_us=int(event.time.timestamp() * 1e6) + 200_000)
        for seq, event in zip(numbers, (*_queues(), *_permits(), *_visits()), strict=False)
    ]


def refused() -> list[Refused]:
    """Two messages that did not count."""
    return [
        Refused(1, 900_000 + number, "invalid_field", "data.unit", "is missing", "opd.disdukcapil.antrean.queue.issued",
                "disdukcapil", "antrean", f"r{number}", "{}", RECEIVED_US)
        for number in range(2)
    ]  # fmt: skip


def _event(place: tuple[str, str, str, str], kind: str, state: str, case: str, time: datetime, channel: str) -> Event:
    opd, app, unit, service = place
    return Event(
        opd=opd, app=app, kind=kind, state=state, id=f"{case}-{state}", time=time, unit=unit, service=service,
        channel=channel, case=case,
    )  # fmt: skip


def _queues() -> Iterator[Event]:
    """Forty tickets at each counter: most are served, one in ten leaves, the last five still wait."""
    for place in _QUEUES:
        for number in range(40):
            channel = "online" if number % 4 == 0 else "onsite"
            case, issued = f"{place[2]}-{number}", NOON - (120 - 2 * number) * _MINUTE
            yield _event(place, "queue", "issued", case, issued, channel)
            if number >= 35:
                continue
            if number % 10 == 9:
                yield _event(place, "queue", "abandoned", case, issued + 9 * _MINUTE, channel)
                continue
            called = issued + (3 + number % 25) * _MINUTE
            yield _event(place, "queue", "called", case, called, channel)
            yield _event(place, "queue", "served", case, called + 4 * _MINUTE, channel)


def _permits() -> Iterator[Event]:
    """Twenty applications at each division over a month: some go back to the applicant, some are open and late."""
    for place in _PERMITS:
        for number in range(20):
            case, at = f"{place[2]}-{number}", NOON - (70 - 2 * number) * _DAY
            channel = "online" if number % 2 else "onsite"
            yield _event(place, "permit", "submitted", case, at, channel)
            if number % 5 == 0:
                yield _event(place, "permit", "returned", case, at + _DAY, channel)
                yield _event(place, "permit", "resubmitted", case, at + 2 * _DAY, channel)
            if number % 4 == 3:
                continue
            yield _event(place, "permit", "verified", case, at + 3 * _DAY, channel)
            yield _event(place, "permit", "approved", case, at + 5 * _DAY, channel)
            yield _event(place, "permit", "rejected" if number == 2 else "issued", case, at + 6 * _DAY, channel)


def _visits() -> Iterator[Event]:
    """Thirty visits at two health centres and three at a third, so few that they are hidden."""
    for unit, visits in zip(_VISITS, (30, 30, 3), strict=True):
        place = ("dinkes", "simpus", unit, "poli-umum")
        for number in range(visits):
            case, at = f"{unit}-{number}", NOON - (150 - 4 * number) * _MINUTE
            yield _event(place, "visit", "registered", case, at, "onsite")
            if number >= 25:
                continue
            yield _event(place, "visit", "examined", case, at + (10 + number) * _MINUTE, "onsite")
            closed = "referred" if number % 4 == 0 else "completed"
            yield _event(place, "visit", closed, case, at + (20 + number) * _MINUTE, "onsite")
