"""A hub under load to which things are done; at the end the load stops, all comes to rest, and the books must close."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import TypeVar

import nats.errors

from opd_schemas import subjects
from opd_schemas.catalogue import Catalogue
from tests.faults import books
from tests.faults.load import Load, loaded
from tests.faults.victims import Pulse, Victim, in_flight, kill, pulse
from tests.hubs import RunningHub

_STEADY, _BURST = 300.0, 1500.0
_ATTEMPTS = 5
_PATIENCE_S = 60.0
Say = Callable[[str], None]
Answer = TypeVar("Answer")


class Experiment:
    """The hub, its load, and a random number generator that chooses the moments."""

    def __init__(self, hub: RunningHub, load: Load, rng: Random, say: Say) -> None:
        self.hub = hub
        self.load = load
        self._random = rng
        self._say = say

    async def strike(self, *victims: Victim) -> None:
        """Kill each at a random moment at which it has messages in hand; returns once all is committed.

        Tried again if nothing had to be delivered or committed a second time.
        """
        for _ in range(_ATTEMPTS):
            before: dict[Victim, Pulse] = {}
            self.load.rate = _BURST
            for victim in victims:
                await asyncio.sleep(self._random.uniform(0.3, 1.5))
                while not in_flight(now := await self._pulse(), victim):
                    pass
                before[victim] = now
                await asyncio.to_thread(kill, self.hub.stack, victim, self._random)
            killed = time.monotonic()
            # A broker that lost its newest notes tells so at once; redeliveries show when they have come.
            after = [await self._pulse()]
            self.load.rate = _STEADY
            await self.caught_up()
            after.append(await self._pulse())
            hit = all(any(now.shows(victim, then) for now in after) for victim, then in before.items())
            recovery = f"all committed {time.monotonic() - killed:.1f} s later"
            self._say(f"killed {', '.join(victims)}: {recovery}{'' if hit else '; nothing was in flight, once more'}")
            if hit:
                return
        raise AssertionError(f"in {_ATTEMPTS} attempts no kill of {victims} hit messages in flight")

    async def restart(self, program: str) -> None:
        """Stop and start a program as somebody who upgrades it would, in the middle of the load."""
        self.load.rate = _BURST
        await asyncio.sleep(self._random.uniform(1, 2))
        begun = time.monotonic()
        await asyncio.to_thread(self.hub.stack.restart, program)
        self.load.rate = _STEADY
        await self.caught_up()
        self._say(f"restarted {program}: all committed {time.monotonic() - begun:.1f} s later")

    async def caught_up(self) -> None:
        """Return once everything that INBOX holds by now is committed, while the load goes on."""
        js = self.load.js
        deadline = time.monotonic() + _PATIENCE_S
        for stream, durable in (
            (subjects.INBOX, subjects.INGEST_DURABLE),
            (subjects.EVENTS, subjects.AGGREGATOR_DURABLE),
            (subjects.REJECTS, subjects.AGGREGATOR_DURABLE),
        ):
            wanted = (await _insist(partial(js.stream_info, stream))).state.last_seq
            while True:
                info = await _insist(partial(js.consumer_info, stream, durable))
                assert info.ack_floor is not None
                if info.ack_floor.stream_seq >= wanted:
                    break
                assert time.monotonic() < deadline, f"{durable} of {stream} does not reach {wanted}: {info}"
                await asyncio.sleep(0.1)

    async def _pulse(self) -> Pulse:
        return await _insist(lambda: pulse(self.load.js, self.hub.stack))


async def _insist(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask a broker that may be getting up until it answers."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return await ask()
        except nats.errors.Error:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


@asynccontextmanager
async def under_load(hub: RunningHub, catalogue: Catalogue, seed: int, say: Say) -> AsyncIterator[Experiment]:
    """The experiment; what is asserted at its end is in `books.check`."""
    async with loaded(hub.endpoints.nats_url_for("hub-admin"), catalogue, seed) as load:
        load.rate = _STEADY
        async with load.running():
            yield Experiment(hub, load, Random(seed), say)
        await hub.settle()
        zone = catalogue.city.timezone
        found = await books.check(load.js, hub.endpoints.database_url, zone, load.confirmed)
        say(
            f"accepted {found.accepted} = counted {found.counted} + duplicates {found.duplicates} + quarantined "
            f"{found.quarantined}; the publisher tried again {load.retries} times"
        )
