"""Delivers bytes to the hub's inbox and brings back a confirmation or an error for each, whatever the network does.

A message without an answer is sent again, the same bytes; the hub counts an event id once.
"""

import asyncio
import itertools
import random
import ssl
from collections.abc import Sequence

from opd_sdk.address import Address
from opd_sdk.connection import Connection, Identity, Message
from opd_sdk.errors import BadCredentials, HubError, NotConfirmed, NotConnected, PermissionDenied, StreamMissing
from opd_sdk.verdict import Verdict

#: Messages in flight of one delivery: enough to fill the network, few enough to resend cheaply.
_WINDOW = 512
#: Seconds before the second attempt; doubled for each further one.
_PAUSE = 0.25
_RANDOM = random.SystemRandom()


class Link:
    """The application's way to the hub. It connects with the first delivery, and anew after every break.

    `timeout` is the seconds that each attempt waits; a delivery ends after `attempts` of them, or after one during
    which there was no connection at all.
    """

    def __init__(
        self, address: Address, identity: Identity, *, timeout: float, attempts: int, tls: ssl.SSLContext | None
    ) -> None:
        self.where = address.where
        self._address = address
        self._identity = identity
        self._timeout = timeout
        self._attempts = attempts
        self._tls = tls
        self._connection: Connection | None = None
        self._closed = False
        self._tokens = itertools.count()

    async def open(self) -> None:
        """Connect now; raises `NotConnected`, `BadCredentials` or `PermissionDenied`."""
        await self._ready()

    async def close(self) -> None:
        """Let what is in flight be answered, then disconnect for good."""
        self._closed = True
        if self._connection:
            await self._connection.close()

    async def deliver(self, messages: Sequence[Message]) -> list[HubError | None]:
        """Send all and wait for all; None for each message that is confirmed, in order. Raises nothing."""
        outcomes: list[HubError | None] = []
        for start in range(0, len(messages), _WINDOW):
            window = await self._deliver(messages[start : start + _WINDOW])
            outcomes += window
            if trouble := self._halts(window):
                # The rest would only wait for the same in vain.
                outcomes += [trouble] * (len(messages) - len(outcomes))
                break
        return outcomes

    async def _deliver(self, messages: Sequence[Message]) -> list[HubError | None]:
        left = {str(next(self._tokens)): index for index, message in enumerate(messages)}
        outcomes: list[HubError | None] = [None] * len(messages)
        doubtful: set[str] = set()
        for attempt in range(self._attempts):
            if attempt:
                await asyncio.sleep(_PAUSE * 2 ** (attempt - 1) * _RANDOM.uniform(0.5, 1.5))
            try:
                connection = await self._ready()
            except HubError as error:
                self._record(left, dict.fromkeys(left, Verdict(error)), outcomes, doubtful)
                break
            verdicts = await connection.confirm({token: messages[index] for token, index in left.items()})
            left = self._record(left, verdicts, outcomes, doubtful)
            if not left:
                break
        return outcomes

    def _record(
        self, left: dict[str, int], verdicts: dict[str, Verdict], outcomes: list[HubError | None], doubtful: set[str]
    ) -> dict[str, int]:
        """Keep each verdict as the outcome so far; returns those that deserve another attempt."""
        again = {}
        for token, index in left.items():
            verdict = verdicts[token]
            if verdict.again:
                again[token] = index
            if verdict.doubt:
                doubtful.add(token)
            error = verdict.error
            if error and token in doubtful and not isinstance(error, NotConfirmed):
                # An earlier attempt got no answer, so a later refusal does not mean that nothing was stored.
                error = NotConfirmed(self.where, f"an attempt got no answer, and then {error}")
            outcomes[index] = error
        return again

    def _halts(self, outcomes: Sequence[HubError | None]) -> HubError | None:
        for error in outcomes:
            if isinstance(error, NotConfirmed):
                return NotConnected(self.where, "it stopped answering; this one was not sent")
            if isinstance(error, NotConnected | BadCredentials | StreamMissing):
                return error
            if isinstance(error, PermissionDenied) and error.subject.startswith(self._identity.inbox.lower()):
                return error
        return None

    async def _ready(self) -> Connection:
        if self._closed:
            raise NotConnected(self.where, "this Hub was closed")
        connection, over = self._connection, None
        if connection is None or connection.is_over:
            over = connection
            connection = Connection(self._address, self._identity, timeout=self._timeout, tls=self._tls)
            self._connection = connection
        if over:
            await over.close()
        await connection.ready()
        return connection
