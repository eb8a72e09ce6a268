"""Writes the events of one application: an event gets its id once, here, and keeps it however often it is sent."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from opd_schemas.event import Channel, Event
from opd_schemas.events import app as app_kind
from opd_schemas.lifecycle import VOIDED
from opd_sdk.errors import InvalidEvent
from opd_sdk.uuid7 import Uuid7


def _present() -> datetime:
    return datetime.now(UTC)


class Author:
    """Knows the application, the city's time zone and the clock; sends nothing."""

    def __init__(self, *, opd: str, app: str, zone: ZoneInfo, now: Callable[[], datetime] = _present) -> None:
        self.opd = opd
        self.app = app
        self._zone = zone
        self._now = now
        self._new_id = Uuid7()

    def moment(self, time: datetime | None) -> datetime:
        """`time` in UTC, by default the present; raises `InvalidEvent` for a time without an offset."""
        if time is None:
            return self._now()
        if time.utcoffset() is None:
            raise InvalidEvent("time", "needs an offset, such as datetime.now(UTC)")
        return time.astimezone(UTC)

    def local_day(self, time: datetime) -> date:
        """The city's day in which `time` lies."""
        return time.astimezone(self._zone).date()

    def event(
        self,
        kind: str,
        state: str,
        *,
        unit: str,
        service: str,
        channel: Channel,
        case: str,
        time: datetime | None = None,
    ) -> Event:
        """A case entered a state; checked when it is published."""
        return Event(
            opd=self.opd,
            app=self.app,
            kind=kind,
            state=state,
            id=str(self._new_id()),
            time=self.moment(time),
            unit=unit,
            service=service,
            channel=channel,
            case=case,
        )

    def heartbeat(self) -> Event:
        """The application lives."""
        kind = app_kind.LIFECYCLE.kind
        state = app_kind.LIFECYCLE.event_states[0]
        return Event(opd=self.opd, app=self.app, kind=kind, state=state, id=str(self._new_id()), time=self._now())

    def void(self, event: Event, *, time: datetime | None = None) -> Event:
        """`event` is taken back; raises `InvalidEvent` for a heartbeat or a void, which cannot be."""
        if event.case is None or event.state == VOIDED:
            raise InvalidEvent("voids", "must name an event about a case; heartbeats and voids are not taken back")
        return Event(
            opd=self.opd,
            app=self.app,
            kind=event.kind,
            state=VOIDED,
            id=str(self._new_id()),
            time=self.moment(time),
            unit=event.unit,
            service=event.service,
            channel=event.channel,
            case=event.case,
            voids=event.id,
        )
