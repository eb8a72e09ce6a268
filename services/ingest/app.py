"""Ingest: pulls INBOX in batches, judges each message singly, publishes it onward, and acknowledges what is stored.

One bad message costs nobody else; a message is acknowledged only after EVENTS or REJECTS confirmed it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
import psycopg
import structlog
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from nats.aio.client import Client
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_asgi_app

from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from opd_schemas.refusal import Reason, Refusal
from services import broker as nats_broker
from services import watchdog
from services.broker import ConfirmedPublisher
from services.catalogue import Register
from services.db import load
from services.health import Progress, look
from services.ingest.judge import judge
from services.ingest.onward import Onward, Origin, accepted, not_judged, refused
from services.settings import Settings

SQL = load(__file__)
_RETRY_S = 1.0
#: The hint that the catalogue changed may be lost.
_CATALOGUE_S = 60.0
#: Other tasks, such as the one that shows that this process lives, wait no longer for a batch.
_YIELD_S = 0.05
log = structlog.get_logger("ingest")


def decide(subject: str, body: bytes, origin: Origin, register: Register) -> tuple[Onward, str]:
    """What to publish onward for one message, and its outcome: "accepted" or the reason of its refusal."""
    try:
        try:
            event, history = judge(subject, body, received_us=origin.received_us, register=register)
        except Refusal as refusal:
            return refused(refusal, subject, body, origin), refusal.reason
        return accepted(event, body, origin, history=history), "accepted"
    except Exception as fault:
        # Not foreseen: left alone, this one message would bring its whole batch back for ever.
        log.error("a fault of the hub", seq=origin.seq, error=type(fault).__name__)
        return not_judged(type(fault).__name__, origin), Reason.HUB_FAULT


class Ingest:
    """The state of one ingest process: the register in force, where INBOX began, and its counts."""

    def __init__(self, settings: Settings, metrics: CollectorRegistry) -> None:
        self._settings = settings
        self.register: Register | None = None
        self.progress = Progress()
        self._catalogue_version = 0
        self._catalogue_lock = asyncio.Lock()
        # INBOX may be created anew while this process runs; messages of the one before may still be in hand then.
        self._created_us: int | None = None
        self._created_before_us: int | None = None
        self._is_stale = True
        self._highest_seq = 0
        self._reconnects = 0
        self._publisher: ConfirmedPublisher | None = None
        self._judged = Counter("warroom_ingest_events", "Messages judged, by outcome", ["outcome"], registry=metrics)
        self._batch = Histogram(
            "warroom_ingest_batch_seconds", "Time from fetch to acknowledgement of a batch", registry=metrics
        )
        self.lag = Gauge("warroom_ingest_lag", "Messages in INBOX not yet acknowledged", registry=metrics)

    async def read_catalogue(self) -> None:
        """Take the newest catalogue; keep the last good one if there is none or it cannot be read."""
        url = self._settings.database_url
        async with self._catalogue_lock:
            async with await psycopg.AsyncConnection.connect(url, connect_timeout=5) as connection:
                row = await (await connection.execute(SQL["newest_catalogue"])).fetchone()
            if row is not None and row[0] != self._catalogue_version:
                self.register = Register(Catalogue.model_validate(row[1]))
                self._catalogue_version = row[0]
                log.info("catalogue in force", version=row[0])

    async def renew_catalogue(self) -> None:
        """The same, where a failure may wait for the next time."""
        try:
            await self.read_catalogue()
        except (psycopg.Error, ValueError) as error:
            log.warning("the newest catalogue cannot be read; the last good one stays", error=type(error).__name__)

    async def keep_catalogue(self, reconnected: asyncio.Event, every_s: float = _CATALOGUE_S) -> None:
        """Read the catalogue again and again, and when a hint may have been lost with the connection."""
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reconnected.wait(), every_s)
            reconnected.clear()
            await self.renew_catalogue()

    async def _wait_for_catalogue(self) -> Register:
        while self.register is None:
            try:
                await self.read_catalogue()
            except (psycopg.Error, ValueError) as error:
                log.warning("no catalogue yet", error=type(error).__name__)
            if self.register is None:
                await asyncio.sleep(_RETRY_S)
        return self.register

    async def _origins(self, client: Client, messages: Sequence[Msg]) -> list[Origin]:
        """Where each message came from, by the INBOX that there is now, or for older messages by the one before."""
        places = [nats_broker.sequence_and_time(message) for message in messages]
        reconnects = client.stats["reconnects"]
        if reconnects != self._reconnects:
            self._reconnects, self._is_stale = reconnects, True
        for message, (seq, _) in zip(messages, places, strict=True):
            if nats_broker.is_first_delivery(message):
                # Sequences that begin anew are those of another stream.
                self._is_stale |= seq <= self._highest_seq
                self._highest_seq = seq
        if self._created_us is None or self._is_stale:
            created_us = nats_broker.created_us(await client.jetstream().stream_info(subjects.INBOX))
            if created_us != self._created_us:
                self._created_before_us, self._created_us = self._created_us, created_us
            self._is_stale = False
        now, before = self._created_us, self._created_before_us
        return [
            Origin(before if before is not None and received_us < now else now, seq, received_us)
            for seq, received_us in places
        ]

    async def handle(self, messages: Sequence[Msg]) -> None:
        """Judge a batch, publish it onward, erase personal data, acknowledge what is safe elsewhere."""
        began = time.monotonic()
        self.progress.begin(nats_broker.sequence_and_time(messages[0])[1])
        register = await self._wait_for_catalogue()
        client = messages[0]._client
        if self._publisher is None:
            publisher = ConfirmedPublisher(client)
            await publisher.open()
            self._publisher = publisher
        origins = await self._origins(client, messages)
        onward: list[Onward] = []
        outcomes: dict[str, int] = {}
        yielded = began
        for message, origin in zip(messages, origins, strict=True):
            if time.monotonic() - yielded > _YIELD_S:
                await asyncio.sleep(0)
                yielded = time.monotonic()
            decided, outcome = decide(message.subject, message.data, origin, register)
            onward.append(decided)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        confirmed = await self._publisher.publish(
            [(o.subject, o.payload, origin.id) for o, origin in zip(onward, origins, strict=True)]
        )
        missing = 0
        personal: list[tuple[Msg, Origin]] = []
        for message, o, origin, stored in zip(messages, onward, origins, confirmed, strict=True):
            if not stored:
                missing += 1
                await message.nak(delay=_RETRY_S)
            elif origin.created_us != self._created_us:
                # Its stream is gone; an acknowledgement would go to another message of the same sequence.
                continue
            elif o.erase:
                personal.append((message, origin))
            else:
                await message.ack()
        for message, origin in personal:
            # Before the acknowledgement: should we die here, the redelivery finds it gone or erases it then.
            if await nats_broker.erase(client.jetstream(), subjects.INBOX, origin.seq):
                await message.ack()
            else:
                missing += 1
                await message.nak(delay=_RETRY_S)
        for outcome, n in outcomes.items():
            self._judged.labels(outcome).inc(n)
        if missing:
            log.warning("not confirmed, will be tried again", messages=missing)
        if missing < len(messages):
            self.progress.finish()
        self._batch.observe(time.monotonic() - began)


def create_app(settings: Settings) -> AsgiFastStream:
    """Wire the service: INBOX subscriber, catalogue hint, health and metrics."""
    metrics = CollectorRegistry()
    ingest = Ingest(settings, metrics)
    reconnected = asyncio.Event()

    async def note_reconnect() -> None:
        reconnected.set()

    broker = nats_broker.connect(settings.nats_url, name="ingest", reconnected_cb=note_reconnect)

    nats_broker.on_batches(
        broker, "ingest", subjects.INBOX, subjects.INGEST_DURABLE, batch=settings.batch, handle=ingest.handle
    )

    @broker.subscriber(subjects.CATALOGUE_CHANGED, no_reply=True)
    async def catalogue_changed(_: object) -> None:
        await ingest.renew_catalogue()

    @get
    async def health(_: object) -> AsgiResponse:
        state = await look(broker.connection.jetstream(), subjects.INBOX, subjects.INGEST_DURABLE, ingest.progress)
        ingest.lag.set(state.lag)
        return AsgiResponse(
            orjson.dumps(state.as_dict()), 200 if state.problem is None else 503, {"content-type": "application/json"}
        )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        tasks = [asyncio.create_task(watchdog.watch()), asyncio.create_task(ingest.keep_catalogue(reconnected))]
        yield
        for task in tasks:
            task.cancel()

    return AsgiFastStream(
        broker,
        lifespan=lifespan,
        asgi_routes=[("/healthz", health), ("/metrics", make_asgi_app(metrics))],
        logger=None,
    )
