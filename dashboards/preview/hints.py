"""Hears `kpi.changed` on NATS and passes each hint on; without the broker the preview goes on reading every 5 s."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import StaleConnectionError

from dashboards.preview.outage import Outage
from opd_schemas import subjects

_RETRY_S = 1.0
log = structlog.get_logger("preview")


async def listen(url: str, hint: Callable[[], None]) -> None:
    """Run as a task for the life of the process; it connects for ever, from the first attempt on."""
    outage = Outage(f"the broker at {urlsplit(url).netloc.rpartition('@')[2]}")
    client: Client | None = None

    async def complain(error: Exception) -> None:
        # A connection that breaks is still called connected.
        if client is not None and client.is_connected and not isinstance(error, StaleConnectionError | OSError):
            log.warning("the broker refuses something", cause=str(error))
        else:
            outage.goes_on(str(error) or type(error).__name__)

    async def reconnected() -> None:
        outage.is_over()
        # Hints were lost in between.
        hint()

    async def heard(_: Msg) -> None:
        hint()

    while True:
        try:
            client = await nats.connect(
                url,
                name="warroom-preview",
                inbox_prefix=b"_INBOX_viewer",
                connect_timeout=5,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RETRY_S,
                error_cb=complain,
                reconnected_cb=reconnected,
            )
            break
        except (nats.errors.Error, OSError) as error:
            await complain(error)
            await asyncio.sleep(_RETRY_S)
    outage.is_over()
    try:
        await client.subscribe(subjects.KPI_CHANGED, cb=heard)
        await asyncio.Event().wait()
    finally:
        await client.close()
