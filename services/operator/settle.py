"""Waits until everything that INBOX has accepted so far is committed, however much comes in meanwhile."""

import asyncio
import time

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from opd_schemas import subjects
from services.errors import NotSettled


async def settle(js: JetStreamContext, *, patience_s: float = 120.0) -> None:
    """Return once it is so; raises NotSettled if nothing is confirmed for `patience_s`."""
    await _confirmed(js, subjects.INBOX, subjects.INGEST_DURABLE, patience_s)
    # What ingest has confirmed stands in these two; so what they hold now is all there is to wait for.
    for stream in (subjects.EVENTS, subjects.REJECTS):
        await _confirmed(js, stream, subjects.AGGREGATOR_DURABLE, patience_s)


async def _confirmed(js: JetStreamContext, stream: str, durable: str, patience_s: float) -> None:
    target = (await js.stream_info(stream)).state.last_seq
    floor, since = -1, time.monotonic()
    while True:
        info = await js.consumer_info(stream, durable)
        reached = _floor(info)
        if reached >= target or not _left(info):
            return
        if reached > floor:
            floor, since = reached, time.monotonic()
        if time.monotonic() - since > patience_s:
            raise NotSettled(_left(info))
        await asyncio.sleep(0.1)


def _floor(info: ConsumerInfo) -> int:
    return info.ack_floor.stream_seq if info.ack_floor else 0


def _left(info: ConsumerInfo) -> int:
    return (info.num_pending or 0) + (info.num_ack_pending or 0)
