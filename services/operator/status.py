"""The state of the hub at a glance: streams and their fill, lag, books, quarantine, and who was last heard when."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from opd_schemas import subjects
from services.db import load
from services.operator.books import Books, read_books
from services.streams import CONSUMERS, STREAMS, waiting_since

SQL = load(__file__)
#: A stream this full is about to refuse events.
FILL_ALARM = 0.6
#: A message that waits longer than this makes the figures not live.
LAG_ALARM = timedelta(seconds=60)
#: The streams on the way to the figures.
_LIVE = (subjects.INBOX, subjects.EVENTS)


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
    """All of it, with `alarms` as codes: missing:STREAM/CONSUMER, full:STREAM, lag."""

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
    late = False
    for config in STREAMS:
        assert config.name is not None and config.max_bytes is not None  # noqa: S101, PT018 - our own constants
        state = (await js.stream_info(config.name)).state
        name = durable[config.name] or ""
        lag = redelivered = 0
        try:
            info = await js.consumer_info(config.name, name)
        except NotFoundError:
            alarms.append(f"missing:{config.name}/{name}")
        else:
            lag = (info.num_pending or 0) + (info.num_ack_pending or 0)
            redelivered = info.num_redelivered or 0
            if lag and config.name in _LIVE:
                since = await waiting_since(js, config.name, info)
                late = late or (since is not None and now - since > LAG_ALARM)
        fill = state.bytes / config.max_bytes
        if fill > FILL_ALARM:
            alarms.append(f"full:{config.name}")
        streams.append(Stream(config.name, state.messages, state.bytes, fill, lag, redelivered))

    row = await (await connection.execute(SQL["commit_no"])).fetchone()
    assert row is not None  # noqa: S101 - the counter's one row
    commit_no, committed_at = row
    if late:
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
