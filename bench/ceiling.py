"""The raw ceiling: nats-py batch pull and binary COPY into a bare hypertable; no validation, no ledger, no rollup.

Runs as a process of its own (`python -m bench.ceiling`), with nats-py's own `fetch` or, for comparison, with the hub's
faster one. It shares no code with the services but that `fetch`.
"""

import json
import sys
import time
from datetime import datetime
from typing import Any

import nats
import orjson
import psycopg
import uvloop
from nats.aio.msg import Msg

_TABLE = """
CREATE TABLE public.bare (
    at timestamptz NOT NULL, opd text, app text, kind text, state text, event_id text, unit text, service text,
    channel text, case_id text, received_at timestamptz, inbox_seq bigint
);
SELECT create_hypertable('public.bare', 'at', chunk_time_interval => interval '30 days');
"""
_TYPES = ("timestamptz", *["text"] * 9, "timestamptz", "int8")


def _row(message: Msg) -> tuple[Any, ...]:
    # Nothing is checked; a column has to come from somewhere, so the JSON is read.
    document = orjson.loads(message.data)
    _, _, opd, app = document["source"].split("/")
    _, kind, state, _ = document["type"].split(".")
    data = document["data"]
    metadata = message.metadata
    return (
        datetime.fromisoformat(document["time"]),
        *(opd, app, kind, state, document["id"]),
        *(data["unit"], data["service"], data["channel"], data["case"]),
        metadata.timestamp,
        metadata.sequence.stream,
    )


async def drain(nats_url: str, database_url: str, *, stream: str, durable: str, batch: int, count: int) -> float:
    """Seconds from the first request to the last acknowledgement of `count` messages."""
    client = await nats.connect(nats_url)
    connection = await psycopg.AsyncConnection.connect(database_url)
    await connection.execute(_TABLE)
    await connection.commit()
    subscription = await client.jetstream().pull_subscribe_bind(durable, stream)
    stored = 0
    began = time.perf_counter()
    while stored < count:
        messages = await subscription.fetch(batch)
        async with connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for message in messages:
                await copy.write_row(_row(message))
        await connection.commit()
        for message in messages:
            await message.ack()
        stored += len(messages)
    await client.flush()
    took = time.perf_counter() - began
    await connection.close()
    await client.close()
    return took


def main() -> None:
    """Settings as JSON on standard input, the seconds on standard output."""
    settings = json.load(sys.stdin)
    if settings.pop("hub_fetch"):
        import services.broker  # noqa: F401 - replaces PullSubscription.fetch
    print(uvloop.run(drain(**settings)))


if __name__ == "__main__":
    main()
