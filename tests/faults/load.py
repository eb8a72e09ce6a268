"""A city that publishes while the hub breaks: ordinary events, repeats, conflicts, late ones, voids and garbage.

What JetStream did not confirm is published again, the same bytes, until it is: the first may have been stored or not.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

import nats
import nats.errors
from nats.js import JetStreamContext

from bench.city import City
from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from opd_schemas.event import Event
from opd_schemas.lifecycle import VOIDED
from opd_schemas.refusal import Reason
from simulator.faults import GARBAGE

_AT_ONCE = 64
_CONFIRM_S = 2.0
#: Of a hundred messages, how many are out of the ordinary.
_TWICE, _GARBAGE, _CONFLICT, _VOID, _LATE, _HEARTBEAT = 6, 4, 2, 1, 2, 1
_REFUSED_AT_THE_EDGE = [garbage for garbage in GARBAGE if garbage.reason is not Reason.CONFLICT]

#: What no application should ever send.
_MALFORMED = (
    b"",
    b"\x00",
    b"\xff\xfe{}",
    b"null",
    b"[" * 10_000,
    b'{"a":' * 3_000,
    b'{"specversion":NaN}',
    b'{"id":"\\ud800"}',
)
_MISDIRECTED = ("opd.nobody", "opd.a.b.c.d.e.f", "opd.A.b.queue.issued", "import.nobody")


class Sent(NamedTuple):
    """One message; `reason` is why the hub has to refuse it, None if it has to count (unless its id was used)."""

    subject: str
    body: bytes
    event: Event | None
    reason: Reason | None
    headers: dict[str, str] | None = None


class Load:
    """Publishes `rate` messages a second until it is stopped; `confirmed` are INBOX's numbers of what it stored."""

    def __init__(self, js: JetStreamContext, catalogue: Catalogue, rng: Random, *, conflicts: bool = True) -> None:
        self.rate = 0.0
        self.confirmed: dict[int, Sent] = {}
        self.retries = 0
        self.js = js
        self._random = rng
        self._city = City(catalogue, rng.randrange(2**32))
        self._conflicts = conflicts
        self._recent: deque[Event] = deque(maxlen=2000)
        self._queue: asyncio.Queue[Sent] = asyncio.Queue(_AT_ONCE)

    async def publish(self, sent: Sent) -> None:
        """Publish until JetStream confirms it."""
        while True:
            try:
                ack = await self.js.publish(sent.subject, sent.body, timeout=_CONFIRM_S, headers=sent.headers)
            except nats.errors.Error:
                self.retries += 1
                await asyncio.sleep(0.1)
            else:
                self.confirmed[ack.seq] = sent
                return

    async def publish_at_once(self, count: int) -> None:
        """Publish `count` messages as fast as they are confirmed, without `running`."""

        async def work() -> None:
            nonlocal count
            while count > 0:
                count -= 1
                await self.publish(self.next())

        async with asyncio.TaskGroup() as workers:
            for _ in range(_AT_ONCE):
                workers.create_task(work())

    def poison(self) -> list[Sent]:
        """One of each kind that cannot be an event, and an event with a header that the broker itself also uses."""
        good = _as_sent(self._city.live(datetime.now(UTC)))
        malformed = [Sent(good.subject, body, None, Reason.MALFORMED_JSON) for body in _MALFORMED]
        misdirected = [Sent(subject, good.body, None, Reason.BAD_SUBJECT) for subject in _MISDIRECTED]
        too_large = Sent(good.subject, b"x" * 200_000, None, Reason.TOO_LARGE)
        return [*malformed, *misdirected, too_large, good._replace(headers={"Status": "404"})]

    def next(self) -> Sent:
        """The next message of the city."""
        now = datetime.now(UTC)
        event = self._city.live(now)
        lot = self._random.uniform(0, 100)
        if len(self._recent) > 100:
            for share, make in (
                (_TWICE, self._twice),
                (_GARBAGE, self._garbage),
                (_CONFLICT if self._conflicts else 0, self._conflict),
                (_VOID, self._void),
                (_LATE, self._late),
                (_HEARTBEAT, self._heartbeat),
            ):
                if lot < share:
                    return make(event)
                lot -= share
        self._recent.append(event)
        return _as_sent(event)

    def _old(self) -> Event:
        return self._recent[self._random.randrange(len(self._recent))]

    def _twice(self, _: Event) -> Sent:
        return _as_sent(self._old())

    def _garbage(self, event: Event) -> Sent:
        garbage = self._random.choice(_REFUSED_AT_THE_EDGE)
        subject, body = garbage.make(self._random, event)
        return Sent(subject, body, None, garbage.reason)

    def _conflict(self, _: Event) -> Sent:
        old = self._old()
        return _as_sent(replace(old, time=old.time - timedelta(minutes=self._random.randrange(1, 90))))

    def _void(self, event: Event) -> Sent:
        old = self._old()
        return _as_sent(replace(old, id=event.id, state=VOIDED, voids=old.id, time=event.time))

    def _late(self, event: Event) -> Sent:
        return _as_sent(replace(event, time=event.time - timedelta(seconds=self._random.randrange(3 * 86_400))))

    def _heartbeat(self, event: Event) -> Sent:
        return _as_sent(Event(event.opd, event.app, "app", "heartbeat", event.id, event.time))

    async def _pace(self) -> None:
        due = time.monotonic()
        while True:
            if not self.rate:
                await asyncio.sleep(0.01)
                due = time.monotonic()
                continue
            # What could not be published in time is not caught up with: the pace is a ceiling.
            due = max(due + 1 / self.rate, time.monotonic() - 0.1)
            if (early := due - time.monotonic()) > 0.001:
                await asyncio.sleep(early)
            await self._queue.put(self.next())

    async def _work(self) -> None:
        while True:
            await self.publish(await self._queue.get())
            self._queue.task_done()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publishes meanwhile; at the end everything is confirmed."""
        workers = [asyncio.create_task(self._work()) for _ in range(_AT_ONCE)]
        pace = asyncio.create_task(self._pace())
        try:
            yield
            pace.cancel()
            await asyncio.wait_for(self._queue.join(), 60)
        finally:
            for task in (pace, *workers):
                task.cancel()
            ended = await asyncio.gather(pace, *workers, return_exceptions=True)
        for problem in ended:
            if isinstance(problem, Exception):
                raise problem


def _as_sent(event: Event) -> Sent:
    subject = subjects.publish_subject(opd=event.opd, app=event.app, kind=event.kind, state=event.state)
    return Sent(subject, event.to_json(), event, None)


@asynccontextmanager
async def loaded(url: str, catalogue: Catalogue, seed: int, *, conflicts: bool = True) -> AsyncIterator[Load]:
    """A load, not yet running, on a connection of its own that waits for a broker that is away."""
    client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=_quiet)
    try:
        load = Load(client.jetstream(), catalogue, Random(seed), conflicts=conflicts)
        yield load
    finally:
        await client.close()


async def _quiet(_: Exception) -> None:
    """A broker that is killed breaks connections; each publish that fails is tried again."""
