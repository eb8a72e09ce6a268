"""Waits until everything that INBOX accepted has been committed."""

import asyncio
import time

from nats.js import JetStreamContext

from services.errors import NotSettled
from services.streams import CONSUMERS


async def settle(js: JetStreamContext, *, patience_s: float = 120.0) -> None:
    """Return once no consumer has anything left; raises NotSettled if the lag stands still for `patience_s`."""
    least, since = None, time.monotonic()
    while True:
        lag = 0
        for stream, consumer in CONSUMERS:
            info = await js.consumer_info(stream, consumer.durable_name or "")
            lag += (info.num_pending or 0) + (info.num_ack_pending or 0)
        if lag == 0:
            return
        if least is None or lag < least:
            least, since = lag, time.monotonic()
        if time.monotonic() - since > patience_s:
            raise NotSettled(lag)
        await asyncio.sleep(0.1)
