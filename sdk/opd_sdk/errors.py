"""Everything that can go wrong between an application and the hub, each with the next step in one line.

HubError                  carries `event`, the event that it concerns, ready to be published again
├── BadSettings           the Hub was made with settings that cannot work
├── InvalidEvent          the event breaks the contract; it never left the application
│   └── TooLarge          it has too many bytes
├── NotConnected          the hub is not reached; nothing was sent
├── BadCredentials        the hub does not know this user and password
├── PermissionDenied      the user may not publish as this application
├── StreamRefused         the hub's stream said no
│   ├── StreamFull        it is full
│   └── StreamMissing     it is not there
├── NotConfirmed          sent, but no answer came: it may or may not have arrived
└── NotAllConfirmed       some events of `publish_many` failed; `failures` holds one of the above for each
"""

from collections.abc import Sequence
from typing import Any, Self

from opd_schemas.event import Event
from opd_schemas.subjects import INBOX


class HubError(Exception):
    """What is wrong, where, and the next step, never a value; `event` is None where no one event is meant."""

    event: Event | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def about(self, event: Event) -> Self:
        """A copy of this error that concerns `event`; one trouble may strike many events."""
        error: Self = _revive(type(self), self.args, self.__dict__)
        error.event = event
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions whose constructor takes more than a message do not survive pickling, as task queues need.
        return _revive, (type(self), self.args, self.__dict__)


def _revive(cls: Any, args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class BadSettings(HubError, ValueError):
    """The Hub was made with settings that cannot work."""


class InvalidEvent(HubError):
    """The event breaks the contract at `field` (dotted path, "" for the whole); `detail` says how to mend it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field or 'the event'} {detail}")
        self.field = field
        self.detail = detail


class TooLarge(InvalidEvent):
    """The event has too many bytes for the contract or for the broker."""


class NotConnected(HubError):
    """The hub is not reached; nothing was sent."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"no connection to the hub at {where} ({why}); check address and network, then publish again")


class BadCredentials(HubError):
    """The hub refuses the user or the password."""

    def __init__(self, where: str) -> None:
        super().__init__(f"the hub at {where} refuses this user or password; ask the hub's maintainer for new ones")


class PermissionDenied(HubError):
    """The user may not use `subject`; trying again does not help."""

    def __init__(self, subject: str, *, opd: str, app: str) -> None:
        super().__init__(
            f"this user may not use {subject}; a configuration error:"
            f" check that user, opd={opd} and app={app} belong together"
        )
        self.subject = subject


class StreamRefused(HubError):
    """The hub's stream said no for the reason `why`."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the hub's stream {INBOX} refuses the event ({why}); tell the hub's maintainer")


class StreamFull(StreamRefused):
    """The hub's stream has no room left; the event was not stored."""

    def __init__(self, why: str) -> None:
        HubError.__init__(self, f"the hub's stream {INBOX} is full ({why}); keep the event and publish it again later")


class StreamMissing(StreamRefused):
    """No stream takes the event: the hub is not set up, or still starting."""

    def __init__(self, where: str, why: str) -> None:
        HubError.__init__(
            self, f"no stream {INBOX} takes events at {where} ({why}); check the address, or ask the hub's maintainer"
        )


class NotConfirmed(HubError):
    """No answer came in time."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"the hub at {where} did not confirm ({why}): the event may or may not have arrived;"
            " publish the same event again, it is counted once"
        )


class NotAllConfirmed(HubError):
    """Some of the events of one `publish_many` are not confirmed: `failures`, each with its `event`, in their order."""

    def __init__(self, failures: Sequence[HubError], total: int) -> None:
        super().__init__(f"{len(failures):,} of {total:,} events are not confirmed; the first: {failures[0]}")
        self.failures = tuple(failures)
        self.total = total
