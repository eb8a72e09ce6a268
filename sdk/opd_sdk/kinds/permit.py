"""Permits: what the licensing office does with an application, and what the applicant does."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from opd_schemas.event import Channel, Event
from opd_schemas.events.permit import LIFECYCLE
from opd_sdk.author import Author

R = TypeVar("R")


class Permit(Generic[R]):
    """What happens to the permit application `case`, at the office `unit`, for `service`, at `time` (aware, or now).

    `case` is the licensing system's own number, unique for ever and naming nobody.
    """

    def __init__(self, author: Author, send: Callable[[Event], R]) -> None:
        self._author = author
        self._send = send

    def submitted(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The application is in: the office's clock starts."""
        return self._tell("submitted", case, unit, service, channel, time)

    def returned(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """It went back to the applicant for correction: the clock pauses."""
        return self._tell("returned", case, unit, service, channel, time)

    def resubmitted(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The applicant sent it again: the clock goes on."""
        return self._tell("resubmitted", case, unit, service, channel, time)

    def verified(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The documents are found complete."""
        return self._tell("verified", case, unit, service, channel, time)

    def approved(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The decision is yes."""
        return self._tell("approved", case, unit, service, channel, time)

    def issued(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The permit is issued."""
        return self._tell("issued", case, unit, service, channel, time)

    def rejected(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The decision is no."""
        return self._tell("rejected", case, unit, service, channel, time)

    def withdrawn(
        self, *, case: str, unit: str, service: str, channel: Channel = "online", time: datetime | None = None
    ) -> R:
        """The applicant took it back."""
        return self._tell("withdrawn", case, unit, service, channel, time)

    def _tell(self, state: str, case: str, unit: str, service: str, channel: Channel, time: datetime | None) -> R:
        return self._send(
            self._author.event(LIFECYCLE.kind, state, unit=unit, service=service, channel=channel, case=case, time=time)
        )
