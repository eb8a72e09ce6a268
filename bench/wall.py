"""From a committed event to the tile that shows it: citizens draw tickets while browsers look at the city wall."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson
import psycopg

from bench.city import City, messages
from bench.machine import Machine
from bench.ranks import rank
from deploy.local import hub
from opd_schemas.event import Event

#: Tickets a second: about what a city of 23 Puskesmas and some busy counters has over a day, and far more than that.
RATES = (1.0, 20.0)
BROWSERS = 20
_WALL, _COLUMN = "warroom-city-wall", "queue_waiting"
_PATIENCE_S = 30.0
_LINE_LIMIT = 1 << 20
TARGET_MS = 500
_COMMITTED = """
SELECT c.committed_at FROM hub.ledger l JOIN hub.commit_log c USING (batch_id) ORDER BY c.commit_no, l.event_id
"""


@dataclass(frozen=True)
class Pushed:
    """Commit to pushed tile in milliseconds, of each ticket in each browser."""

    rate: float
    tickets: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    #: The part that was there within the target.
    in_time: float


class Browser:
    """One stream of the city wall; remembers when the tile first showed each number of people waiting."""

    def __init__(self, lines: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines, self._writer = lines, writer
        self.shown: dict[int, float] = {}
        self._task = asyncio.create_task(self._look())

    @property
    def waiting(self) -> int:
        """The most that the tile has shown; -1 before it showed anything."""
        return max(self.shown, default=-1)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()

    async def _look(self) -> None:
        # No client of HTTP: twenty of them would take the processor from what is measured. An event is one chunk.
        async for line in self._lines:
            if line.startswith(b"data:") and _COLUMN.encode() in line:
                heard_at = time.time()
                frame = orjson.loads(line.removeprefix(b"data:"))["results"][0]["frame"]
                column = [name for name, _ in frame["columns"]].index(_COLUMN)
                self.shown.setdefault(frame["rows"][0][column], heard_at)


@asynccontextmanager
async def _browsers(url: str, count: int) -> AsyncIterator[list[Browser]]:
    address = urlsplit(url)
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            lines, writer = await asyncio.open_connection(address.hostname, address.port, limit=_LINE_LIMIT)
            writer.write(f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            found.append(Browser(lines, writer))
            stack.push_async_callback(found[-1].close)
        yield found


async def pushed(machine: Machine, city: City, *, rate: float, seconds: float) -> Pushed:
    """Publish tickets at random moments, `rate` a second, and wait until every browser shows the last of them."""
    await machine.new_streams(keep_inbox=False)
    await asyncio.to_thread(machine.new_database)
    await machine.start_services()
    (preview,) = (p for p in hub.programs(machine.stack, machine.endpoints) if p.name == hub.PREVIEW)
    await asyncio.to_thread(machine.stack.add_programs, [preview])
    await asyncio.to_thread(hub.wait_until_up, machine.stack, preview)
    try:
        url = f"{hub.preview_url(machine.stack)}stream/{_WALL}"
        async with _browsers(url, BROWSERS) as browsers:
            await _shows(browsers, 0)
            tickets = await _draw_tickets(machine, city, rate, seconds)
            await _shows(browsers, tickets)
            shown = [browser.shown for browser in browsers]
    finally:
        await asyncio.to_thread(machine.stack.stop, hub.PREVIEW)
        await asyncio.to_thread(machine.stop_services)
    with psycopg.connect(machine.endpoints.database_url) as owner:
        committed = [row[0].timestamp() for row in owner.execute(_COMMITTED)]
    assert len(committed) == tickets, f"{len(committed)} of {tickets} tickets were committed"
    spans = sorted(
        # The first tile that shows as many as were committed by then, or more.
        (min(at for waiting, at in seen.items() if waiting >= number) - at_commit) * 1000
        for seen in shown
        for number, at_commit in enumerate(committed, 1)
    )
    in_time = sum(span < TARGET_MS for span in spans) / len(spans)
    return Pushed(rate, tickets, rank(spans, 0.5), rank(spans, 0.99), spans[-1], in_time)


async def _draw_tickets(machine: Machine, city: City, rate: float, seconds: float) -> int:
    gaps = random.Random(rate)
    async with machine.admin() as client:
        js = client.jetstream()
        began, due = time.monotonic(), 0.0
        for number in itertools.count():
            due += gaps.expovariate(rate)
            if due >= seconds:
                return number
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            ((subject, body),) = messages([_ticket(city)])
            await js.publish(subject, body)
    raise AssertionError("the count does not end")


def _ticket(city: City) -> Event:
    """The next ticket that somebody draws; what else happens in the city is left out, so that the tile only grows."""
    while True:
        event = city.live(datetime.now(UTC))
        if (event.kind, event.state) == ("queue", "issued"):
            return event


async def _shows(browsers: list[Browser], waiting: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while min(browser.waiting for browser in browsers) < waiting:
        if time.monotonic() > deadline:
            raise TimeoutError(f"a browser shows {min(b.waiting for b in browsers)} of {waiting} people waiting")
        await asyncio.sleep(0.05)
