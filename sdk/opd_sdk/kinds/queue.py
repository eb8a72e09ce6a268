"""Queue tickets. Kiosks print A-001 every day, so the case is named by ticket, issuing unit and local day."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Generic, TypeVar

from opd_schemas.event import Channel, Event
from opd_schemas.events.queue import LIFECYCLE, case_id
from opd_sdk.author import Author

R = TypeVar("R")


class Queue(Generic[R]):
    """What happens to a ticket, each at `unit` (the counter group), for `service`, at `time` (aware, or now).

    Name `issued_by` where another unit issued the ticket (after a transfer), and `issued_on`, its local day, where
    that is not the day of `time`.
    """

    def __init__(self, author: Author, send: Callable[[Event], R]) -> None:
        self._author = author
        self._send = send

    def issued(
        self,
        *,
        ticket: str,
        unit: str,
        service: str,
        channel: Channel = "onsite",
        time: datetime | None = None,
        issued_by: str | None = None,
        issued_on: date | None = None,
    ) -> R:
        """The ticket is drawn or booked: the wait begins."""
        return self._tell("issued", ticket, unit, service, channel, time, issued_by, issued_on)

    def called(
        self,
        *,
        ticket: str,
        unit: str,
        service: str,
        channel: Channel = "onsite",
        time: datetime | None = None,
        issued_by: str | None = None,
        issued_on: date | None = None,
    ) -> R:
        """The ticket is called to a counter: the wait ends, the service begins."""
        return self._tell("called", ticket, unit, service, channel, time, issued_by, issued_on)

    def transferred(
        self,
        *,
        ticket: str,
        unit: str,
        issued_by: str,
        service: str,
        channel: Channel = "onsite",
        time: datetime | None = None,
        issued_on: date | None = None,
    ) -> R:
        """The ticket goes on at `unit`, the one that receives it; `issued_by` issued it."""
        return self._tell("transferred", ticket, unit, service, channel, time, issued_by, issued_on)

    def served(
        self,
        *,
        ticket: str,
        unit: str,
        service: str,
        channel: Channel = "onsite",
        time: datetime | None = None,
        issued_by: str | None = None,
        issued_on: date | None = None,
    ) -> R:
        """The citizen is served."""
        return self._tell("served", ticket, unit, service, channel, time, issued_by, issued_on)

    def abandoned(
        self,
        *,
        ticket: str,
        unit: str,
        service: str,
        channel: Channel = "onsite",
        time: datetime | None = None,
        issued_by: str | None = None,
        issued_on: date | None = None,
    ) -> R:
        """The citizen gave up waiting."""
        return self._tell("abandoned", ticket, unit, service, channel, time, issued_by, issued_on)

    def no_show(
        self,
        *,
        ticket: str,
        unit: str,
        service: str,
        channel: Channel = "onsite",
        time: datetime | None = None,
        issued_by: str | None = None,
        issued_on: date | None = None,
    ) -> R:
        """The ticket was called and nobody came."""
        return self._tell("no_show", ticket, unit, service, channel, time, issued_by, issued_on)

    def _tell(
        self,
        state: str,
        ticket: str,
        unit: str,
        service: str,
        channel: Channel,
        time: datetime | None,
        issued_by: str | None,
        issued_on: date | None,
    ) -> R:
        moment = self._author.moment(time)
        case = case_id(unit=issued_by or unit, day=issued_on or self._author.local_day(moment), ticket=ticket)
        return self._send(
            self._author.event(
                LIFECYCLE.kind, state, unit=unit, service=service, channel=channel, case=case, time=moment
            )
        )
