"""The aggregator: pulls EVENTS and REJECTS in batches, commits each batch, acknowledges, announces what changed."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import nats.errors
import orjson
import psycopg
import structlog
from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.exceptions import IncorrectState
from nats.aio.msg import Msg
from nats.js.errors import Error as JetStreamError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_asgi_app
from psycopg_pool import PoolTimeout

from opd_schemas import subjects
from services import broker as nats_broker
from services import db, watchdog
from services.aggregator import pulse, transaction
from services.aggregator.arrival import Arrival, Refused, read_event, read_reject, unread
from services.aggregator.purge import Bounds
from services.aggregator.registry import Registry
from services.aggregator.worker import Worker
from services.health import Progress, look
from services.settings import Settings

log = structlog.get_logger("aggregator")
_PURGE_EVERY_S = 60.0


_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)


def read_events(messages: Sequence[Msg]) -> tuple[list[Arrival], list[Refused]]:
    """Read a batch of EVENTS; what bears ingest's stamps and cannot be read goes into quarantine."""
    arrivals: list[Arrival] = []
    refused: list[Refused] = []
    for message in messages:
        try:
            arrivals.append(read_event(message.data))
        except _UNREADABLE as error:
            log.error("cannot be read", subject=message.subject, error=type(error).__name__)
            if (reject := unread(message.data)) is not None:
                refused.append(reject)
    return arrivals, refused


def read_rejects(messages: Sequence[Msg]) -> list[Refused]:
    """Read a batch of REJECTS; what ingest cannot have written is left out."""
    found: list[Refused] = []
    for message in messages:
        try:
            found.append(read_reject(message.data))
        except _UNREADABLE as error:
            log.error("not written by ingest", subject=message.subject, error=type(error).__name__)
    return found


def announcement(outcome: transaction.Outcome) -> bytes:
    """`kpi.changed`: a hint with the commit number; whoever misses one reads again after 5 s of silence or a gap."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(outcome.commit_no),
            "source": "/hub/aggregator",
            "type": "hub.kpi.changed.v1",
            "time": datetime.now(UTC).isoformat(),
            "datacontenttype": "application/json",
            "data": {"commit": outcome.commit_no, "opds": sorted(outcome.opds), "kinds": sorted(outcome.kinds)},
        }
    )


def create_app(settings: Settings) -> AsgiFastStream:
    """Wire the service: the two subscribers, their pool, health and metrics."""
    metrics = CollectorRegistry()
    events = Counter("warroom_aggregator_events", "Events committed, by outcome", ["outcome"], registry=metrics)
    seconds = Histogram("warroom_aggregator_batch_seconds", "Time of one batch, read to acknowledged", registry=metrics)
    age = Histogram(
        "warroom_aggregator_latency_seconds",
        "INBOX to committed, of the oldest event of each batch",
        buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
        registry=metrics,
    )
    lag = Gauge("warroom_aggregator_lag", "Messages not yet acknowledged", ["stream"], registry=metrics)
    progress = {subjects.EVENTS: Progress(), subjects.REJECTS: Progress()}

    pool = db.pool(settings.database_url, size=3, name="aggregator", configure=transaction.prepare)
    worker = Worker(pool, Registry(pool))
    broker = nats_broker.connect(settings.nats_url, name="aggregator")

    async def commit(stream: str, messages: Sequence[Msg], arrivals: list[Arrival], refused: list[Refused]) -> None:
        began = time.monotonic()
        received = [a.received_us for a in arrivals] + [r.received_us for r in refused]
        progress[stream].begin(min(received, default=None))
        for outcome in await worker.commit(arrivals, refused):
            events.labels("counted").inc(outcome.counted)
            events.labels("duplicate").inc(outcome.duplicates)
            events.labels("quarantined").inc(outcome.rejected)
            await broker.connection.publish(subjects.KPI_CHANGED, announcement(outcome))
        for message in messages:
            await message.ack()
        progress[stream].finish()
        if received:
            age.observe(time.time() - min(received) / 1e6)
        seconds.observe(time.monotonic() - began)

    async def on_events(messages: Sequence[Msg]) -> None:
        await commit(subjects.EVENTS, messages, *read_events(messages))

    async def on_rejects(messages: Sequence[Msg]) -> None:
        await commit(subjects.REJECTS, messages, [], read_rejects(messages))

    durable = subjects.AGGREGATOR_DURABLE
    nats_broker.on_batches(broker, "aggregator", subjects.EVENTS, durable, batch=settings.batch, handle=on_events)
    nats_broker.on_batches(broker, "aggregator", subjects.REJECTS, durable, batch=settings.batch, handle=on_rejects)

    @get
    async def health(_: object) -> AsgiResponse:
        states = {
            stream: await look(broker.connection.jetstream(), stream, subjects.AGGREGATOR_DURABLE, progress[stream])
            for stream in progress
        }
        for stream, state in states.items():
            lag.labels(stream).set(state.lag)
        well = all(state.problem is None for state in states.values())
        return AsgiResponse(
            orjson.dumps({stream: state.as_dict() for stream, state in states.items()}),
            200 if well else 503,
            {"content-type": "application/json"},
        )

    async def keep_bounds() -> None:
        bounds = Bounds()
        while True:
            await asyncio.sleep(_PURGE_EVERY_S)
            try:
                await bounds.keep(broker.connection.jetstream())
            except (JetStreamError, nats.errors.Error) as error:
                log.warning("streams were not purged; tried again in a minute", error=type(error).__name__)

    async def keep_pulse() -> None:
        while True:
            try:
                await pulse.beat(broker.connection.jetstream(), pool)
                await asyncio.sleep(pulse.EVERY_S)
            except IncorrectState:
                # The broker is connected once the service has started, a moment from now.
                await asyncio.sleep(0.1)
            except (JetStreamError, nats.errors.Error, psycopg.Error, PoolTimeout) as error:
                # The wall goes grey by itself when no pulse comes.
                log.warning("no pulse; tried again in a few seconds", error=type(error).__name__)
                await asyncio.sleep(pulse.EVERY_S)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await pool.open()
        guards = [asyncio.create_task(task) for task in (watchdog.watch(), keep_bounds(), keep_pulse())]
        yield
        for guard in guards:
            guard.cancel()
        await pool.close()

    return AsgiFastStream(
        broker,
        lifespan=lifespan,
        asgi_routes=[("/healthz", health), ("/metrics", make_asgi_app(metrics))],
        logger=None,
    )
