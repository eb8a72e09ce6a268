"""Ingest: pulls INBOX in batches, judges each message singly, publishes it onward, and acknowledges what is stored.

One bad message costs nobody else; a message is acknowledged only after EVENTS or REJECTS confirmed it.
"""

import asyncio
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
        self._created_us: int | None = None
        self._publisher: ConfirmedPublisher | None = None
        self._judged = Counter("warroom_ingest_events", "Messages judged, by outcome", ["outcome"], registry=metrics)
        self._batch = Histogram(
            "warroom_ingest_batch_seconds", "Time from fetch to acknowledgement of a batch", registry=metrics
        )
        self.lag = Gauge("warroom_ingest_lag", "Messages in INBOX not yet acknowledged", registry=metrics)

    async def read_catalogue(self) -> None:
        """Take the newest catalogue; keep the last good one if there is none or it cannot be read."""
        async with await psycopg.AsyncConnection.connect(self._settings.database_url, connect_timeout=5) as connection:
            row = await (await connection.execute(SQL["newest_catalogue"])).fetchone()
        if row is not None and row[0] != self._catalogue_version:
            self.register = Register(Catalogue.model_validate(row[1]))
            self._catalogue_version = row[0]
            log.info("catalogue in force", version=row[0])

    async def _wait_for_catalogue(self) -> Register:
        while self.register is None:
            try:
                await self.read_catalogue()
            except (psycopg.Error, ValueError) as error:
                log.warning("no catalogue yet", error=type(error).__name__)
            if self.register is None:
                await asyncio.sleep(_RETRY_S)
        return self.register

    async def _inbox_created(self, client: Client) -> int:
        if self._created_us is None:
            info = await client.jetstream().stream_info(subjects.INBOX)
            self._created_us = nats_broker.created_us(info)
        return self._created_us

    async def handle(self, messages: Sequence[Msg]) -> None:
        """Judge a batch, publish it onward, erase personal data, acknowledge what is safe elsewhere."""
        began = time.monotonic()
        register = await self._wait_for_catalogue()
        client = messages[0]._client
        if self._publisher is None:
            publisher = ConfirmedPublisher(client)
            await publisher.open()
            self._publisher = publisher
        created_us = await self._inbox_created(client)
        onward: list[Onward] = []
        origins: list[Origin] = []
        outcomes: dict[str, int] = {}
        for message in messages:
            seq, received_us = nats_broker.sequence_and_time(message)
            origin = Origin(created_us, seq, received_us)
            decided, outcome = decide(message.subject, message.data, origin, register)
            onward.append(decided)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            origins.append(origin)
        confirmed = await self._publisher.publish(
            [(o.subject, o.payload, origin.id) for o, origin in zip(onward, origins, strict=True)]
        )
        missing = 0
        personal: list[tuple[Msg, Origin]] = []
        for message, o, origin, stored in zip(messages, onward, origins, confirmed, strict=True):
            if not stored:
                missing += 1
                await message.nak(delay=_RETRY_S)
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
            self.progress.note(origins[-1].received_us)
        self._batch.observe(time.monotonic() - began)


def create_app(settings: Settings) -> AsgiFastStream:
    """Wire the service: INBOX subscriber, catalogue hint, health and metrics."""
    metrics = CollectorRegistry()
    ingest = Ingest(settings, metrics)
    started = time.monotonic()
    broker = nats_broker.connect(settings.nats_url, name="ingest")

    nats_broker.on_batches(
        broker, "ingest", subjects.INBOX, subjects.INGEST_DURABLE, batch=settings.batch, handle=ingest.handle
    )

    @broker.subscriber(subjects.CATALOGUE_CHANGED, no_reply=True)
    async def catalogue_changed(_: object) -> None:
        try:
            await ingest.read_catalogue()
        except (psycopg.Error, ValueError) as error:
            log.warning("the new catalogue cannot be read; the last good one stays", error=type(error).__name__)

    @get
    async def health(_: object) -> AsgiResponse:
        state = await look(
            broker.connection.jetstream(), subjects.INBOX, subjects.INGEST_DURABLE, ingest.progress, started=started
        )
        ingest.lag.set(state.lag)
        return AsgiResponse(
            orjson.dumps(state.as_dict()), 200 if state.problem is None else 503, {"content-type": "application/json"}
        )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        guard = asyncio.create_task(watchdog.watch())
        yield
        guard.cancel()

    return AsgiFastStream(
        broker,
        lifespan=lifespan,
        asgi_routes=[("/healthz", health), ("/metrics", make_asgi_app(metrics))],
        logger=None,
    )
