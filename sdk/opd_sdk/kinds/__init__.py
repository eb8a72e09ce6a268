"""One typed helper for each kind and state, written once for both clients: `R` is what sending an event gives.

That is a coroutine for `AsyncHub`, the event itself for `Hub`, and the unsent event for `draft`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from opd_schemas.event import Event
from opd_sdk.author import Author
from opd_sdk.kinds.permit import Permit
from opd_sdk.kinds.queue import Queue
from opd_sdk.kinds.visit import Visit

__all__ = ["Kinds", "Permit", "Queue", "Visit"]

R = TypeVar("R")


class Kinds(Generic[R]):
    """All helpers of one application."""

    def __init__(self, author: Author, send: Callable[[Event], R]) -> None:
        self.queue: Queue[R] = Queue(author, send)
        self.permit: Permit[R] = Permit(author, send)
        self.visit: Visit[R] = Visit(author, send)
        self._author = author
        self._send = send

    def heartbeat(self) -> R:
        """Say that the application lives; send one at least every `expected_every` of the catalogue."""
        return self._send(self._author.heartbeat())

    def void(self, event: Event, *, time: datetime | None = None) -> R:
        """Take back an event that was wrong; it wins whatever order they arrive in. `time` is by default now."""
        return self._send(self._author.void(event, time=time))
