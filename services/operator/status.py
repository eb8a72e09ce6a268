"""The state of the hub at a glance: streams and their fill, lag, books, quarantine, and who was last heard when."""

import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from nats.js import JetStreamContext
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from services.db import load
from services.health import Progress, look
from services.operator.books import Books, read_books
from services.streams import CONSUMERS, STREAMS

SQL = load(__file__)
#: A stream this full is about to refuse events.
FILL_ALARM = 0.6
#: Figures older than this are not live.
LAG_ALARM_S = 60.0


@dataclass(frozen=True)
class Stream:
    """`fill` is the share of the stream's bytes in use, `lag` what its consumer has not confirmed."""

    name: str
    messages: int
    bytes: int
    fill: float
    lag: int
    redelivered: int


@dataclass(frozen=True)
class Application:
    """When an application was last heard; `silent` if longer ago than it promised, or never."""

    opd: str
    app: str
    name_id: str
    name_en: str
    heard_at: datetime | None
    silent: bool


@dataclass(frozen=True)
class Status:
    """All of it, with `alarms` as codes: full:STREAM, lag, stale, missing:CONSUMER."""

    commit_no: int
    committed_at: datetime | None
    streams: list[Stream]
    books: Books
    quarantine: dict[str, int]
    quarantine_counted: int
    applications: list[Application]
    alarms: list[str]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "books": self.books.as_dict()}


async def read_status(js: JetStreamContext, connection: AsyncConnection[TupleRow], *, now: datetime) -> Status:
    """Ask broker and database. Raises nats and psycopg errors as they come."""
    durable = {stream: consumer.durable_name for stream, consumer in CONSUMERS}
    streams: list[Stream] = []
    alarms: list[str] = []
    for config in STREAMS:
        assert config.name is not None and config.max_bytes is not None  # noqa: S101, PT018 - our own constants
        state = (await js.stream_info(config.name)).state
        name = durable[config.name] or ""
        health = await look(js, config.name, name, Progress(), started=time.monotonic())
        redelivered = 0
        if health.problem is None:
            redelivered = (await js.consumer_info(config.name, name)).num_redelivered or 0
        else:
            alarms.append(f"missing:{config.name}")
        fill = state.bytes / config.max_bytes
        if fill > FILL_ALARM:
            alarms.append(f"full:{config.name}")
        streams.append(Stream(config.name, state.messages, state.bytes, fill, health.lag, redelivered))

    row = await (await connection.execute(SQL["commit_no"])).fetchone()
    assert row is not None  # noqa: S101 - the counter's one row
    commit_no, committed_at = row
    waiting = sum(stream.lag for stream in streams)
    if waiting and (committed_at is None or (now - committed_at).total_seconds() > LAG_ALARM_S):
        alarms.append("lag")
    quarantine: dict[str, int] = {}
    counted = 0
    async for reason, standing, n in await connection.execute(SQL["quarantine"]):
        if standing == "open":
            quarantine[reason] = n
        else:
            counted += n
    applications = [
        Application(opd, app, name_id, name_en, heard, heard is None or now - heard > (expected or timedelta.max))
        async for opd, app, name_id, name_en, heard, expected in await connection.execute(SQL["apps"])
    ]
    books = await read_books(js, connection)
    return Status(commit_no, committed_at, streams, books, quarantine, counted, applications, alarms)
