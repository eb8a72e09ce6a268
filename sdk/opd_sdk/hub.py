"""The hub as an application sees it: helpers per kind, judged by the contract before and confirmed after."""

import os
import re
import ssl
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opd_schemas import subjects
from opd_schemas.event import Event, parse
from opd_schemas.refusal import Reason, Refusal
from opd_sdk.address import read_address
from opd_sdk.author import Author
from opd_sdk.connection import Identity, Message
from opd_sdk.errors import BadSettings, HubError, InvalidEvent, NotAllConfirmed, TooLarge
from opd_sdk.kinds import Kinds
from opd_sdk.link import Link

R = TypeVar("R")


class BaseHub(Kinds[R]):
    """What both clients share: settings, helpers, the check, and the work itself as coroutines.

    `url` is `nats://USER:PASSWORD@HOST:4222` (or `tls://`; several with commas), `opd` and `app` the codes from the
    catalogue, `timezone` the city's. With `tls://` or `tls` (for a city's own authority) nothing is sent without TLS.
    Each of `attempts` waits `timeout` seconds. Nothing is connected yet. Raises `BadSettings`.
    """

    def __init__(
        self,
        url: str,
        *,
        opd: str,
        app: str,
        timezone: str,
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 5.0,
        attempts: int = 3,
    ) -> None:
        for name, code in (("opd", opd), ("app", app)):
            if not re.fullmatch(subjects.CODE_PATTERN, code):
                raise BadSettings(
                    f"{name} is no code of the catalogue; codes are lower-case letters, digits and hyphens"
                )
        if timeout <= 0 or attempts < 1:
            raise BadSettings("timeout must be over 0 seconds and attempts at least 1")
        self.opd = opd
        self.app = app
        author = Author(opd=opd, app=app, zone=_zone(timezone))
        super().__init__(author, self._send_one)
        #: The same helpers, but the event is returned unsent, for `publish_many`.
        self.draft: Kinds[Event] = Kinds(author, lambda event: event)
        #: The way to the hub beneath the contract's check: for tools that must send what an application may not.
        self.link = Link(
            read_address(url, user=user, password=password),
            Identity(opd, app, subjects.reply_prefix(opd=opd, app=app)),
            timeout=timeout,
            attempts=attempts,
            tls=tls,
        )
        self._prepare()

    @classmethod
    def from_env(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """From OPD_HUB_URL (with user and password), OPD_HUB_OPD, OPD_HUB_APP and OPD_HUB_TIMEZONE."""

        def read(name: str) -> str:
            if not environment.get(name):
                raise BadSettings(f"the environment variable {name} is not set; the onboarding letter names its value")
            return environment[name]

        return cls(
            read("OPD_HUB_URL"),
            opd=read("OPD_HUB_OPD"),
            app=read("OPD_HUB_APP"),
            timezone=read("OPD_HUB_TIMEZONE"),
        )

    def _prepare(self) -> None:
        """What a client keeps beyond this, so that the settings are spelled only once."""

    def _send_one(self, event: Event) -> R:
        raise NotImplementedError

    def _message(self, event: Event) -> Message:
        """The event as it travels; raises `InvalidEvent`, so that what breaks the contract never leaves."""
        try:
            body = event.to_json()
            known = parse(body)
        except Refusal as refusal:
            kind = TooLarge if refusal.reason is Reason.TOO_LARGE else InvalidEvent
            raise kind(refusal.field, refusal.detail) from None
        except KeyError:
            raise InvalidEvent("type", "names no known kind") from None
        except (TypeError, AttributeError):
            raise InvalidEvent("", "holds a value that JSON cannot carry") from None
        if (known.opd, known.app) != (self.opd, self.app):
            raise InvalidEvent("source", f"is not this application, /opd/{self.opd}/{self.app}")
        subject = subjects.publish_subject(opd=known.opd, app=known.app, kind=known.kind, state=known.state)
        return Message(subject, body)

    async def _publish(self, event: Event) -> Event:
        try:
            message = self._message(event)
        except InvalidEvent as refusal:
            raise refusal.about(event) from None
        (error,) = await self.link.deliver([message])
        if error:
            raise error.about(event)
        return event

    async def _publish_many(self, events: Sequence[Event]) -> None:
        errors: dict[int, HubError] = {}
        messages: dict[int, Message] = {}
        for index, event in enumerate(events):
            try:
                messages[index] = self._message(event)
            except InvalidEvent as refusal:
                errors[index] = refusal
        outcomes = await self.link.deliver(list(messages.values()))
        errors |= {index: error for index, error in zip(messages, outcomes, strict=True) if error}
        if errors:
            raise NotAllConfirmed([errors[index].about(events[index]) for index in sorted(errors)], len(events))


class AsyncHub(BaseHub[Coroutine[Any, Any, Event]]):
    """The hub for asyncio: `async with AsyncHub(…) as hub: await hub.queue.called(…)`; each helper gives the event.

    All but `draft` raise the errors of `opd_sdk.errors`; it is used from one event loop.
    """

    async def publish(self, event: Event) -> Event:
        """Send an event, or send it again after an error; returns it once the hub has stored it."""
        return await self._publish(event)

    async def publish_many(self, events: Iterable[Event]) -> None:
        """Send many at once; returns when all are stored, or raises `NotAllConfirmed`, which lists the others."""
        await self._publish_many(list(events))

    async def close(self) -> None:
        """Let what is in flight be answered, then disconnect for good."""
        await self.link.close()

    async def __aenter__(self) -> Self:
        try:
            await self.link.open()
        except BaseException:
            await self.link.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _send_one(self, event: Event) -> Coroutine[Any, Any, Event]:
        return self._publish(event)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSettings(
            "timezone is not known here; write Asia/Jakarta, Asia/Makassar or Asia/Jayapura, and install tzdata"
        ) from None
