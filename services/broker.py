"""NATS as the hub needs it: a broker that reconnects for ever, pulls that return what is there, publishes that are
confirmed or known not to be.
"""

import asyncio
import contextlib
import logging
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import nats.errors
import orjson
import structlog
from faststream import AckPolicy, Context
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.message import NatsBatchMessage
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import APIError
from nats.protocol import parser

from services.micros import to_us

#: Seconds a pull request stands at the server, a publish waits for its confirmation, and a refused request rests.
_STANDING_S = 5.0
_CONFIRM_S = 5.0
#: Of the broker's answers to a deletion: deleted before; and not deleted, for a reason that its description names.
_DELETED_BEFORE, _NOT_DELETED = 10043, 10057
_REFUSED_PAUSE_S = 1.0
_NO_RESPONDERS = "503"


def connect(url: str, *, name: str, **options: Any) -> NatsBroker:
    """A FastStream broker for the service `name`; its replies come to `_INBOX_<name>`, as its permissions say."""
    return NatsBroker(
        url,
        # Batches come and go all day; only what is out of the ordinary is worth a line.
        logger=structlog.get_logger(name),
        log_level=logging.DEBUG,
        name=f"warroom-{name}",
        inbox_prefix=f"_INBOX_{name}",
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=5,
        **options,
    )


_process_headers = Client._process_headers


async def _safe_headers(self: Client, headers: bytes | None) -> dict[str, str] | None:
    """The headers of a message, or None if they are broken: nats-py would stop reading for good."""
    try:
        return await _process_headers(self, headers)
    except Exception:
        # What a publisher may write into headers is not foreseen; the hub needs none of them.
        return None


def _safe_message(
    self: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
) -> Msg:
    """A message whatever its subject, which need not be UTF-8: nats-py would stop reading for good."""
    return self.msg_class(
        subject=subject.decode("utf-8", "backslashreplace"),
        reply=reply.decode("utf-8", "backslashreplace"),
        data=data,
        headers=headers,
        _client=self,
        _sid=sid,
    )


Client._process_headers = _safe_headers  # type: ignore[method-assign]
Client._build_message = _safe_message  # type: ignore[method-assign]
# To the broker only space and tab end a word; nats-py takes a vertical tab or form feed in a subject for the end of it,
# then the line for a fault of the protocol, and connects anew, for ever.
_WORD, _GAP = rb"([^ \t\r\n]+)", rb"[ \t]+"
_ADDRESS = _GAP + _WORD + _GAP + _WORD + _GAP + rb"(" + _WORD + _GAP + rb")?"
parser.MSG_RE = re.compile(rb"\AMSG" + _ADDRESS + rb"(\d+)\r\n")
parser.HMSG_RE = re.compile(rb"\AHMSG" + _ADDRESS + rb"(\d+)" + _GAP + rb"(\d+)\r\n")


def _reads_no_more(client: Client) -> bool:
    return client.is_connected and client._reading_task is not None and client._reading_task.done()


def _end_process() -> None:
    print("the client stopped reading from the broker; ending the process", file=sys.stderr, flush=True)
    os._exit(70)


@dataclass
class _Standing:
    """A pull subscription's request at the server: how many messages it may still send, and until when."""

    full: int = 0
    left: int = 0
    until: float = 0.0
    reconnects: int = 0
    refused: bool = False


_standing: WeakKeyDictionary[JetStreamContext.PullSubscription, _Standing] = WeakKeyDictionary()


async def _fetch(
    self: JetStreamContext.PullSubscription,
    batch: int = 1,
    timeout: float | None = 5,  # noqa: ASYNC109 - the signature is nats-py's
    heartbeat: float | None = None,
) -> list[Msg]:
    """What is there, up to `batch`, as soon as anything is there; nats.errors.TimeoutError after `timeout` seconds.

    Replaces nats-py's `fetch`, which spends a timer on each message, and raises a bare TimeoutError that ends
    FastStream's loop with the messages in hand. A standing request lets the server send the next batch while this one
    is being worked on.
    """
    client: Client = self._nc
    subscription = self._sub
    queue = subscription._pending_queue
    standing = _standing.setdefault(self, _Standing())
    if client.is_closed:
        # FastStream's loop would come straight back and starve everything else.
        await asyncio.sleep(1)
        raise nats.errors.ConnectionClosedError
    if _reads_no_more(client):
        await asyncio.sleep(1)
        # A client that reconnects has a new task by now, or says that it is not connected.
        if _reads_no_more(client):
            _end_process()
    standing.full = max(standing.full, batch)
    follow_up = batch < standing.full
    deadline = time.monotonic() + (timeout or 0)
    messages: list[Msg] = []

    def take(message: Msg) -> None:
        subscription._pending_size -= len(message.data)
        queue.task_done()
        # A publisher may send a header of that name, too; only what the stream delivers wants an acknowledgement.
        if not message.reply and (status := JetStreamContext.is_status_msg(message)):
            # The request ended (expired, or its batch was full); a new one is made below.
            standing.left = 0
            standing.refused = status == _NO_RESPONDERS
        else:
            standing.left -= 1
            messages.append(message)

    while True:
        while len(messages) < batch and not queue.empty():
            take(queue.get_nowait())
        if standing.refused and not messages:
            # The consumer is gone: to ask again at once would keep this process and the broker busy with nothing.
            standing.refused = False
            await asyncio.sleep(_REFUSED_PAUSE_S)
        now = time.monotonic()
        if standing.reconnects != client.stats["reconnects"]:
            standing.reconnects, standing.left = client.stats["reconnects"], 0
        if standing.left <= standing.full // 2 or now >= standing.until:
            request = {"batch": standing.full, "expires": int(_STANDING_S * 1e9)}
            standing.left = max(standing.left, 0) + standing.full
            standing.until = now + _STANDING_S
            await client.publish(self._nms, orjson.dumps(request), self._deliver)
        if messages:
            return messages
        if follow_up or now >= deadline:
            # FastStream asks again to fill the batch; what is in hand should not wait for what may never come.
            raise nats.errors.TimeoutError
        with contextlib.suppress(asyncio.TimeoutError):
            take(await asyncio.wait_for(queue.get(), min(deadline, standing.until) - now))


JetStreamContext.PullSubscription.fetch = _fetch  # type: ignore[method-assign]


async def _raw(message: NatsBatchMessage) -> object:
    return message.body


def on_batches(
    broker: NatsBroker,
    name: str,
    stream: str,
    durable: str,
    *,
    batch: int,
    handle: Callable[[Sequence[Msg]], Awaitable[None]],
) -> None:
    """Let `handle` have the messages of a durable consumer in batches; it acknowledges each message itself.

    `name` is the service's, as for `connect`.

    Bodies are not decoded: FastStream would drop a whole batch for one that is no JSON.
    """

    @broker.subscriber(
        ">",
        stream=JStream(stream, declare=False),
        durable=durable,
        inbox_prefix=f"_INBOX_{name}.".encode(),
        pull_sub=PullSub(batch_size=batch, timeout=0.5, batch=True),
        decoder=_raw,
        ack_policy=AckPolicy.MANUAL,
    )
    async def deliver(_: object, message: Annotated[NatsBatchMessage, Context("message")]) -> None:
        await handle(message.raw_message)


class ConfirmedPublisher:
    """Publishes batches and tells of each message whether JetStream stored it.

    nats-py's own asynchronous publish keeps a slot for ever when an answer is lost; here a batch ends after a time-out
    and forgets what did not come.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prefix = client.new_inbox()
        self._next = 0
        self._waiting: dict[str, int] = {}
        self._confirmed: list[bool] = []
        self._left = 0
        self._all_answered = asyncio.Event()
        #: What the broker answered, instead of a confirmation, to a message of the last batch.
        self.refusal: bytes | None = None

    async def open(self) -> None:
        """Listen for confirmations; call once."""
        await self._client.subscribe(f"{self._prefix}.*", cb=self._answer)

    async def publish(self, messages: Sequence[tuple[str, bytes, str | None]]) -> list[bool]:
        """Publish (subject, payload, message id or None) each; returns which of them are stored for certain.

        False means "unknown or refused": publish it again under the same id. One batch at a time.
        """
        self._confirmed = [False] * len(messages)
        self._left = len(messages)
        self._all_answered.clear()
        self.refusal = None
        try:
            for index, (subject, payload, message_id) in enumerate(messages):
                self._next += 1
                reply = f"{self._prefix}.{self._next}"
                self._waiting[reply] = index
                headers = None if message_id is None else {"Nats-Msg-Id": message_id}
                await self._client.publish(subject, payload, reply, headers=headers)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._all_answered.wait(), _CONFIRM_S)
        finally:
            # Also when publishing fails midway: a late answer must not be taken for one to the next batch.
            self._waiting.clear()
        return self._confirmed

    async def _answer(self, message: Msg) -> None:
        index = self._waiting.pop(message.subject, None)
        if index is None:
            return
        # {"stream":"EVENTS","seq":7} or {"error":{…}}; an empty body says that no stream takes the subject.
        if message.data.startswith(b'{"stream"'):
            self._confirmed[index] = True
        else:
            self.refusal = message.data
        self._left -= 1
        if self._left == 0:
            self._all_answered.set()


async def erase(js: JetStreamContext, stream: str, seq: int) -> bool:
    """Take message `seq` out of a stream; whether it is gone (a redelivery may find it gone already)."""
    try:
        await js.delete_msg(stream, seq)
    except APIError as error:
        return error.err_code == _DELETED_BEFORE or (
            error.err_code == _NOT_DELETED and error.description == "no message found"
        )
    except nats.errors.Error:
        # The broker is away.
        return False
    return True


def sequence_and_time(message: Msg) -> tuple[int, int]:
    """The stream sequence of a delivered message, and when the stream received it in microseconds since 1970.

    From the reply subject, without nats-py's rounding through floating point:
    $JS.ACK.[domain.account.]stream.consumer.delivered.sequence.consumer-sequence.time.pending[.random]
    """
    tokens = message.reply.split(".")
    at = 5 if len(tokens) == 9 else 7
    return int(tokens[at]), int(tokens[at + 2]) // 1000


def is_first_delivery(message: Msg) -> bool:
    """Whether the stream delivers it for the first time; first deliveries come in the order of their sequences."""
    tokens = message.reply.split(".")
    return tokens[4 if len(tokens) == 9 else 6] == "1"


def created_us(info: StreamInfo) -> int:
    """When a stream was created, in microseconds since 1970: tells a stream from its successor of the same name."""
    assert info.created is not None  # noqa: S101 - every stream has it
    return to_us(info.created)
