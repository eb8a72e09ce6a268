"""An application of the city as a sender: its heartbeat, its silences, and what it sends twice, wrongly or in error."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from random import Random

from opd_schemas.catalogue import App
from opd_schemas.event import Event
from opd_sdk.author import Author
from opd_sdk.connection import Message
from simulator.agenda import Agenda
from simulator.faults import AFTERTHOUGHT, FAULTS, GARBAGE, SILENCE_LASTS, Fault
from simulator.places import AppKey


class Purpose(StrEnum):
    """Why something is sent."""

    EVENT = "event"
    HEARTBEAT = "heartbeat"
    VOID = "void"
    DUPLICATE = "duplicate"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing that an application sends: `event`, or for garbage the bytes `raw` that were made from it."""

    app: AppKey
    purpose: Purpose
    event: Event
    raw: Message | None = None


class Application:
    """Hands its parcels to `send`; while it is silent it keeps them."""

    def __init__(
        self,
        app: App,
        author: Author,
        faults: frozenset[Fault],
        *,
        agenda: Agenda,
        rng: Random,
        send: Callable[[Parcel], None],
    ) -> None:
        self.author = author
        self._key: AppKey = (author.opd, author.app)
        self._expected_every = app.expected_every.total_seconds()
        self._faults = faults
        self._agenda = agenda
        self._rng = rng
        self._send = send
        self._kept: list[Parcel] | None = None

    def begin(self, *, speed: float, duration: float | None) -> None:
        """Enter its first heartbeat, and its first silence if it has any, into the agenda; durations in seconds."""
        every = max(1.0, self._expected_every / speed)
        self._agenda.at(self._rng.uniform(0, every), partial(self._beat, every))
        if Fault.SILENT in self._faults:
            begins = self._rng.uniform(0.2, 0.5) * (duration or 20 * 60)
            self._agenda.at(begins, partial(self._fall_silent, duration))

    def suffers(self, fault: Fault) -> bool:
        """Whether the fault strikes now."""
        return fault in self._faults and self._rng.random() < FAULTS[fault].events

    def publish(self, event: Event) -> None:
        """Send an event of a case, and perhaps some trouble with it."""
        self._dispatch(Purpose.EVENT, event)
        for fault, trouble in ((Fault.TWICE, self._repeat), (Fault.GARBAGE, self._litter), (Fault.VOID, self._void)):
            if self.suffers(fault):
                self._agenda.at(self._agenda.now + self._rng.uniform(*AFTERTHOUGHT), partial(trouble, event))

    def end_silence(self, _: float = 0.0) -> None:
        """Send what was kept."""
        kept, self._kept = self._kept or [], None
        for parcel in kept:
            self._send(parcel)

    def _dispatch(self, purpose: Purpose, event: Event, raw: Message | None = None) -> None:
        parcel = Parcel(self._key, purpose, event, raw)
        if self._kept is None:
            self._send(parcel)
        else:
            self._kept.append(parcel)

    def _beat(self, every: float, now: float) -> None:
        if self._kept is None:
            self._dispatch(Purpose.HEARTBEAT, self.author.heartbeat())
        self._agenda.at(now + every, partial(self._beat, every))

    def _fall_silent(self, duration: float | None, now: float) -> None:
        lasts = self._rng.uniform(*SILENCE_LASTS) * self._expected_every
        if duration is not None:
            # A short run has to see its end.
            lasts = min(lasts, duration / 4)
        self._kept = []
        self._agenda.at(now + lasts, self.end_silence)
        self._agenda.at(now + lasts * self._rng.uniform(6, 12), partial(self._fall_silent, duration))

    def _repeat(self, event: Event, _: float) -> None:
        self._dispatch(Purpose.DUPLICATE, event)

    def _litter(self, event: Event, _: float) -> None:
        self._dispatch(Purpose.GARBAGE, event, self._rng.choice(GARBAGE).make(self._rng, event))

    def _void(self, event: Event, _: float) -> None:
        self._dispatch(Purpose.VOID, self.author.void(event))
