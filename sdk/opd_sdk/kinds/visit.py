"""Visits: a patient's way through a community health centre (Puskesmas)."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from opd_schemas.event import Channel, Event
from opd_schemas.events.visit import LIFECYCLE
from opd_sdk.author import Author

R = TypeVar("R")


class Visit(Generic[R]):
    """What happens in the visit `case`, at the Puskesmas `unit`, in the clinic `service`, at `time` (aware, or now).

    `case` numbers the visit, never the patient, and is unique for ever.
    """

    def __init__(self, author: Author, send: Callable[[Event], R]) -> None:
        self._author = author
        self._send = send

    def registered(
        self, *, case: str, unit: str, service: str, channel: Channel = "onsite", time: datetime | None = None
    ) -> R:
        """The patient is registered: the wait begins."""
        return self._tell("registered", case, unit, service, channel, time)

    def examined(
        self, *, case: str, unit: str, service: str, channel: Channel = "onsite", time: datetime | None = None
    ) -> R:
        """The examination begins: the wait ends."""
        return self._tell("examined", case, unit, service, channel, time)

    def completed(
        self, *, case: str, unit: str, service: str, channel: Channel = "onsite", time: datetime | None = None
    ) -> R:
        """The visit is over."""
        return self._tell("completed", case, unit, service, channel, time)

    def referred(
        self, *, case: str, unit: str, service: str, channel: Channel = "onsite", time: datetime | None = None
    ) -> R:
        """The patient is sent on to a hospital."""
        return self._tell("referred", case, unit, service, channel, time)

    def cancelled(
        self, *, case: str, unit: str, service: str, channel: Channel = "onsite", time: datetime | None = None
    ) -> R:
        """The patient left before the end."""
        return self._tell("cancelled", case, unit, service, channel, time)

    def _tell(self, state: str, case: str, unit: str, service: str, channel: Channel, time: datetime | None) -> R:
        return self._send(
            self._author.event(LIFECYCLE.kind, state, unit=unit, service=service, channel=channel, case=case, time=time)
        )
