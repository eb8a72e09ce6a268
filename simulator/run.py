"""Runs the city against a hub: one connection for each application, sends confirmed, counts kept."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from opd_schemas.catalogue import Catalogue
from opd_schemas.event import Event
from opd_sdk import AsyncHub, InvalidEvent, NotAllConfirmed, PermissionDenied
from simulator.applications import Parcel, Purpose
from simulator.city import City
from simulator.places import AppKey

#: Seconds between two looks at the plan: events leave at most so much after their time.
_TICK = 0.05
_REPORT_EVERY = 1.0
_BATCH = 500
#: What one application keeps while the hub is away, at most; beyond that the oldest fail.
_MOST_KEPT = 100_000
#: Seconds before an application tries again after the hub failed it, and for the last attempts when the run ends.
_PAUSE = 1.0
_GRACE = 20.0

Urls = Mapping[AppKey, str] | Callable[[str, str], str]


@dataclass
class Counts:
    """What was sent and confirmed; the inbox holds `published` + `duplicates_sent` + `garbage_sent`, and retries.

    `published` counts distinct good events, those that were late, voids and heartbeats included; `late_sent` those
    that left later than the city's `late_after`. `failed` were never confirmed. `by_app` is `published` by (opd, app).
    """

    published: int = 0
    failed: int = 0
    duplicates_sent: int = 0
    garbage_sent: int = 0
    late_sent: int = 0
    voids_sent: int = 0
    heartbeats_sent: int = 0
    by_app: dict[AppKey, int] = field(default_factory=dict)


async def run(
    catalogue: Catalogue,
    urls: Urls,
    *,
    seed: int = 1,
    rate: float = 250.0,
    duration: float | None = None,
    speed: float = 60.0,
    report: Callable[[Counts], None] | None = None,
) -> Counts:
    """Publish as all applications of the catalogue for `duration` seconds, or until cancelled.

    `urls` gives each (opd, app) its NATS URL with user and password. `rate` is the mean of case events a second,
    `speed` divides the durations within cases. What was begun is confirmed in any end; then `report`, called every
    second, is called for the last time. Raises the SDK's HubError if an application cannot connect at the start.
    """
    city = City(catalogue, seed=seed, rate=rate, speed=speed, duration=duration, start=datetime.now(UTC))
    counts = Counts(by_app=dict.fromkeys(city.applications, 0))
    async with AsyncExitStack() as hubs:
        senders: dict[AppKey, _Sender] = {}
        for opd, app in city.applications:
            url = urls(opd, app) if callable(urls) else urls[opd, app]
            hub = AsyncHub(url, opd=opd, app=app, timezone=catalogue.city.timezone)
            senders[opd, app] = _Sender(
                await hubs.enter_async_context(hub), counts, late_after=catalogue.city.late_after
            )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sender.work()) for sender in senders.values()]
            try:
                await _drive(city, senders, counts, duration=duration, report=report)
            finally:
                _hand_over(city.finish(), senders)
                for sender in senders.values():
                    sender.finish()
                _, late = await asyncio.wait(tasks, timeout=_GRACE)
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late)
                counts.failed += sum(len(sender.outbox) for sender in senders.values())
                if report:
                    report(counts)
    return counts


async def _drive(
    city: City,
    senders: Mapping[AppKey, "_Sender"],
    counts: Counts,
    *,
    duration: float | None,
    report: Callable[[Counts], None] | None,
) -> None:
    clock = asyncio.get_running_loop().time
    start = reported = clock()
    while True:
        now = clock()
        elapsed = now - start
        _hand_over(city.advance(elapsed if duration is None else min(elapsed, duration)), senders)
        if report and now - reported >= _REPORT_EVERY:
            reported = now
            report(counts)
        if duration is not None and elapsed >= duration:
            return
        await asyncio.sleep(_TICK)


def _hand_over(parcels: list[Parcel], senders: Mapping[AppKey, "_Sender"]) -> None:
    for parcel in parcels:
        senders[parcel.app].take(parcel)


class _Sender:
    """One application's way out: what the hub does not confirm is kept in order and sent again."""

    def __init__(self, hub: AsyncHub, counts: Counts, *, late_after: timedelta) -> None:
        self.outbox: deque[Parcel] = deque()
        self._hub = hub
        self._counts = counts
        self._late_after = late_after
        self._wake = asyncio.Event()
        self._finishing = False

    def take(self, parcel: Parcel) -> None:
        """Send this, soon."""
        if len(self.outbox) >= _MOST_KEPT:
            self.outbox.popleft()
            self._counts.failed += 1
        self.outbox.append(parcel)
        self._wake.set()

    def finish(self) -> None:
        """End once all is confirmed."""
        self._finishing = True
        self._wake.set()

    async def work(self) -> None:
        """Send what is taken, until `finish`."""
        while True:
            if not self.outbox:
                if self._finishing:
                    return
                self._wake.clear()
                await self._wake.wait()
            batch = [self.outbox.popleft() for _ in range(min(_BATCH, len(self.outbox)))]
            # Repetitions and garbage go after what they were made of.
            steps = [
                (self._publish, [p for p in batch if p.purpose not in {Purpose.DUPLICATE, Purpose.GARBAGE}]),
                (self._publish, [p for p in batch if p.purpose is Purpose.DUPLICATE]),
                (self._litter, [p for p in batch if p.purpose is Purpose.GARBAGE]),
            ]
            again: list[Parcel] = []
            try:
                while steps:
                    send, parcels = steps[0]
                    again += await send(parcels)
                    del steps[0]
            finally:
                # Also when cancelled: what is not known to be confirmed stays, and in the end counts as failed.
                self.outbox.extendleft(reversed([*again, *(parcel for _, parcels in steps for parcel in parcels)]))
            if again:
                await asyncio.sleep(_PAUSE)

    async def _litter(self, parcels: list[Parcel]) -> list[Parcel]:
        outcomes = await self._hub.link.deliver([parcel.raw for parcel in parcels if parcel.raw])
        self._counts.garbage_sent += outcomes.count(None)
        return [parcel for parcel, error in zip(parcels, outcomes, strict=True) if error]

    async def _publish(self, parcels: list[Parcel]) -> list[Parcel]:
        """Send and count; returns what has to be sent again."""
        if not parcels:
            return []
        errors: dict[int, Exception] = {}
        try:
            await self._hub.publish_many(parcel.event for parcel in parcels)
        except NotAllConfirmed as error:
            errors = {id(failure.event): failure for failure in error.failures}
        now = datetime.now(UTC)
        again: list[Parcel] = []
        for parcel in parcels:
            match errors.get(id(parcel.event)):
                case None:
                    self._count(parcel, now)
                case InvalidEvent() | PermissionDenied():
                    self._counts.failed += 1
                case _:
                    again.append(parcel)
        return again

    def _count(self, parcel: Parcel, now: datetime) -> None:
        counts = self._counts
        event: Event = parcel.event
        if parcel.purpose is Purpose.DUPLICATE:
            counts.duplicates_sent += 1
            return
        counts.published += 1
        counts.by_app[parcel.app] += 1
        counts.voids_sent += parcel.purpose is Purpose.VOID
        counts.heartbeats_sent += parcel.purpose is Purpose.HEARTBEAT
        counts.late_sent += now - event.time > self._late_after
