"""One connection to the broker: nats-py, with everything bounded in time that it leaves open.

nats-py tells refusals only to a callback, may wait for ever, and gives up for good on some errors. Here each publish
waits for its own answer, a refusal reaches the publish that it concerns, and a connection that is over says so.
"""

import asyncio
import contextlib
import os
import re
import secrets
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from opd_schemas.subjects import INBOX
from opd_sdk.address import Address
from opd_sdk.errors import BadCredentials, HubError, NotConfirmed, NotConnected, PermissionDenied, TooLarge
from opd_sdk.verdict import Verdict, read_verdict

_HEADERS = {"Nats-Expected-Stream": INBOX}
_HEADER_BYTES = 64
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')
_REFUSED = re.compile(r"authorization violation|authentication (?:expired|revoked|required)")
#: Seconds between pings; a broker that froze is given up after two unanswered ones.
_PING_EVERY = 10
_RECONNECT_EVERY = 0.5


class Identity(NamedTuple):
    """Which application connects, and the inbox in which only it may hear answers."""

    opd: str
    app: str
    inbox: str


class Message(NamedTuple):
    """Bytes for a subject."""

    subject: str
    body: bytes


class _Waiting(NamedTuple):
    subject: str
    verdict: asyncio.Future[Verdict]


class _Client(Client):
    """nats-py sends the password in clear to a server that offers no TLS, whatever the URL says; this one does not."""

    def __init__(self, *, only_tls: bool) -> None:
        super().__init__()
        self._only_tls = only_tls

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # The server speaks first; the password follows only after this.
        if initial_connection and self._only_tls and not info.get("tls_required"):
            raise nats.errors.SecureConnWantedError
        await super()._process_info(info, initial_connection)


class Connection:
    """Connects in the background from its creation on, and again whenever the connection breaks, until it `is_over`."""

    def __init__(self, address: Address, identity: Identity, *, timeout: float, tls: ssl.SSLContext | None) -> None:
        self._where = address.where
        self._identity = identity
        self._timeout = timeout
        # A random part, so that an answer to an earlier connection is not taken for one to this.
        self._replies = f"{identity.inbox}.{secrets.token_hex(8)}"
        self._client = _Client(only_tls=tls is not None or address.is_tls)
        self._waiting: dict[str, _Waiting] = {}
        self._trouble = "no answer"
        # Pending: not connected now. None: connected. An error: over.
        self._state: asyncio.Future[HubError | None] = asyncio.get_running_loop().create_future()
        self._dialling = asyncio.create_task(self._dial(address, tls))
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good; make another."""
        return self._closing is not None

    async def ready(self) -> None:
        """Wait until connected; raises `NotConnected`, `BadCredentials` or `PermissionDenied`."""
        state = self._state
        if not state.done():
            await asyncio.wait({state}, timeout=self._timeout)
        if not state.done():
            raise NotConnected(self._where, self._trouble)
        if error := state.result():
            raise error

    async def confirm(self, messages: Mapping[str, Message]) -> dict[str, Verdict]:
        """Send each message once, under its token (one word), and wait for the answers, at most the time-out.

        A token that is used again also takes the late answer to its earlier message.
        """
        loop = asyncio.get_running_loop()
        verdicts: dict[str, asyncio.Future[Verdict]] = {}
        try:
            for token, message in messages.items():
                verdicts[token] = verdict = loop.create_future()
                self._waiting[token] = _Waiting(message.subject.lower(), verdict)
                await self._send(token, message, verdict)
            await asyncio.wait(verdicts.values(), timeout=self._timeout)
        finally:
            for token in verdicts:
                del self._waiting[token]
        silence = self._lost(f"no answer within {self._timeout:g} s")
        return {token: verdict.result() if verdict.done() else silence for token, verdict in verdicts.items()}

    async def close(self) -> None:
        """Let what is in flight be answered, then disconnect; never raises, never hangs."""
        if self._waiting and not self.is_over:
            await asyncio.wait([waiting.verdict for waiting in self._waiting.values()], timeout=self._timeout)
        self._end(NotConnected(self._where, "closed"))
        if self._closing:
            await asyncio.wait({self._closing})

    async def _send(self, token: str, message: Message, verdict: asyncio.Future[Verdict]) -> None:
        # nats-py leaves the header out of account, and the server hangs up on what is too large.
        if len(message.body) + _HEADER_BYTES > self._client.max_payload:
            why = f"has {len(message.body):,} bytes; the broker takes {self._client.max_payload - _HEADER_BYTES:,}"
            verdict.set_result(Verdict(TooLarge("", why)))
            return
        try:
            await self._client.publish(
                message.subject, message.body, reply=f"{self._replies}.{token}", headers=_HEADERS
            )
        except nats.errors.Error:
            # Disconnected or closed a moment ago; nothing was sent.
            if not verdict.done():
                verdict.set_result(Verdict(NotConnected(self._where, self._trouble), again=True))

    async def _dial(self, address: Address, tls: ssl.SSLContext | None) -> None:
        options: dict[str, Any] = {
            "servers": list(address.servers),
            "user": address.user,
            "password": address.password,
            "name": f"{self._identity.opd}/{self._identity.app}",
            "inbox_prefix": self._identity.inbox,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnected,
            "reconnected_cb": self._on_reconnected,
            "closed_cb": self._on_closed,
            "connect_timeout": min(2.0, self._timeout),
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _RECONNECT_EVERY,
            "ping_interval": _PING_EVERY,
            # Nothing is kept back for a later connection; what is not confirmed is sent again by `Link`.
            "pending_size": 0,
            "flush_timeout": self._timeout,
            "tls": tls,
        }
        try:
            await self._client.connect(**options)
            await self._client.subscribe(f"{self._replies}.*", cb=self._on_answer)
            # The answer to the flush comes after a refusal of the subscription.
            await asyncio.wait_for(self._client.flush(), self._timeout)
        except Exception as error:
            # Whatever nats-py raises here, it does not try again by itself.
            self._end(NotConnected(self._where, _said(error)))
        else:
            # False where the connection broke in between: then it is being made again, and `_on_reconnected` follows.
            if self._client.is_connected:
                await self._on_reconnected()

    def _lost(self, why: str) -> Verdict:
        return Verdict(NotConfirmed(self._where, why), again=True, doubt=True)

    def _settle(self, verdict: Verdict, subject: str | None = None) -> None:
        for waiting in self._waiting.values():
            if not waiting.verdict.done() and subject in {None, waiting.subject}:
                waiting.verdict.set_result(verdict)

    def _end(self, error: HubError) -> None:
        """The connection is over: all who wait are told why."""
        if self.is_over:
            return
        if self._state.done():
            self._state = asyncio.get_running_loop().create_future()
        self._state.set_result(error)
        if isinstance(error, PermissionDenied):
            self._settle(Verdict(error))
        self._settle(self._lost("the connection ended"))
        self._closing = asyncio.create_task(self._hang_up())

    async def _hang_up(self) -> None:
        self._dialling.cancel()
        await asyncio.wait({self._dialling}, timeout=self._timeout)
        # nats-py may fail in many ways while it closes what was never whole; the connection is over all the same.
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._client.close(), self._timeout)
        # It forgets its socket where it was interrupted while it closed by itself.
        if self._client._transport:
            self._client._transport.close()  # type: ignore[no-untyped-call]

    async def _on_answer(self, answer: Msg) -> None:
        waiting = self._waiting.get(answer.subject.rpartition(".")[2])
        if waiting and not waiting.verdict.done():
            waiting.verdict.set_result(read_verdict(answer, where=self._where))

    async def _on_error(self, error: Exception) -> None:
        said = _said(error)
        if denied := _DENIED.search(said.lower()):
            refusal = PermissionDenied(denied[2], opd=self._identity.opd, app=self._identity.app)
            if denied[1] == "publish":
                self._settle(Verdict(refusal), denied[2])
            else:
                # Without its inbox the application would wait in vain for every answer.
                self._end(refusal)
        elif _REFUSED.search(said.lower()):
            self._end(BadCredentials(self._where))
        else:
            self._trouble = said

    async def _on_disconnected(self) -> None:
        if not self.is_over and self._state.done():
            self._state = asyncio.get_running_loop().create_future()
            self._settle(self._lost("the connection broke"))

    async def _on_reconnected(self) -> None:
        if not self._state.done():
            self._state.set_result(None)

    async def _on_closed(self) -> None:
        # nats-py closes by itself on an error of the server, such as one connection too many.
        error = self._client.last_error
        if isinstance(error, nats.errors.AuthorizationError):
            self._end(BadCredentials(self._where))
        else:
            self._end(NotConnected(self._where, _said(error) if error else self._trouble))


def _said(error: Exception) -> str:
    """An error of the network or the broker in a few words."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.strerror:
        # asyncio puts the address into its text; the plain words are the system's.
        return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return str(error).removeprefix("nats: ") or "no answer in time"
