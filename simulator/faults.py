"""What goes wrong in a city, as data: which faults, in how many applications, how often; and the kinds of garbage."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from random import Random

from opd_schemas import subjects
from opd_schemas.event import Event
from opd_schemas.refusal import Reason
from opd_sdk.connection import Message
from opd_sdk.uuid7 import Uuid7


class Fault(StrEnum):
    """What an application may suffer from."""

    SILENT = "silent"  # not heard for a while, not even a heartbeat; what happens meanwhile is sent afterwards
    LATE = "late"  # whole cases are held back and sent with their true times, 20 minutes to 3 days ago
    TWICE = "twice"  # an event is sent again: same bytes, same id
    GARBAGE = "garbage"  # something is sent that the hub must refuse
    VOID = "void"  # an event was a mistake of the clerk and is taken back; every application does it


@dataclass(frozen=True)
class Extent:
    """How far a fault goes: the share of applications that have it, and of their events (late: cases) it strikes."""

    applications: float
    events: float


FAULTS: dict[Fault, Extent] = {
    Fault.SILENT: Extent(applications=0.10, events=1.0),
    Fault.LATE: Extent(applications=0.4, events=0.04),
    Fault.TWICE: Extent(applications=0.4, events=0.05),
    Fault.GARBAGE: Extent(applications=0.4, events=0.03),
    Fault.VOID: Extent(applications=1.0, events=0.004),
}

#: A silence lasts so many times the application's `expected_every`, in real time: the hub judges by the real clock.
SILENCE_LASTS = (4.0, 8.0)
#: A late case ended between these times ago.
LATE_FROM, LATE_TO = timedelta(minutes=20), timedelta(days=3)
#: Seconds until an event is sent again, or taken back.
AFTERTHOUGHT = (0.5, 5.0)


@dataclass(frozen=True)
class Garbage:
    """One kind of garbage: made from a good event, and the `reason` for which the hub has to refuse it."""

    name: str
    reason: Reason
    make: Callable[[Random, Event], Message]


_new_id = Uuid7()


def _as_sent(event: Event, body: bytes | None = None) -> Message:
    subject = subjects.publish_subject(opd=event.opd, app=event.app, kind=event.kind, state=event.state)
    return Message(subject, event.to_json() if body is None else body)


def _fresh(event: Event, **changes: object) -> Event:
    return replace(event, id=str(_new_id()), **changes)  # type: ignore[arg-type]


def _nik(rng: Random) -> str:
    """Sixteen digits in the form of a NIK; nobody's, for the date of birth lies in the future."""
    area = f"{rng.choice((1371, 7371))}{rng.randint(1, 20):02}"
    born = f"{rng.randint(1, 28):02}{rng.randint(1, 12):02}99"
    return f"{area}{born}{rng.randint(1, 9999):04}"


def _wrong_opd(_: Random, event: Event) -> Message:
    return Message(_as_sent(event).subject, _fresh(event, opd="dinas-lain").to_json())


GARBAGE: tuple[Garbage, ...] = (
    Garbage("not JSON", Reason.MALFORMED_JSON, lambda _, e: _as_sent(e, _fresh(e).to_json()[:-12])),
    Garbage("unknown unit", Reason.UNKNOWN_UNIT, lambda _, e: _as_sent(_fresh(e, unit="loket-tak-terdaftar"))),
    Garbage("missing field", Reason.INVALID_DATA, lambda _, e: _as_sent(_fresh(e, channel=None))),
    Garbage("a NIK", Reason.PERSONAL_DATA, lambda rng, e: _as_sent(_fresh(e, case=_nik(rng)))),
    Garbage("time ahead", Reason.TIME_AHEAD, lambda _, e: _as_sent(_fresh(e, time=e.time + timedelta(days=2)))),
    Garbage("another OPD", Reason.SUBJECT_MISMATCH, _wrong_opd),
    Garbage("unknown state", Reason.UNKNOWN_STATE, lambda _, e: _as_sent(_fresh(e, state="dipanggil"))),
    Garbage(
        "same id, other content", Reason.CONFLICT, lambda _, e: _as_sent(replace(e, time=e.time - timedelta(seconds=1)))
    ),
)
