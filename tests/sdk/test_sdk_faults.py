"""The broker freezes, dies and changes its mind; every event is stored or reported, under the one id it was given."""

import asyncio
import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from opd_schemas.event import Event, parse
from opd_sdk import AsyncHub, BadCredentials, Hub, HubError, NotAllConfirmed, NotConfirmed, NotConnected
from tests.sdk.broker import APP, OPD, TIMEZONE, Broker, Inbox

TICKET: dict[str, Any] = {"ticket": "A-001", "unit": "loket", "service": "ktp"}


def drafts(hub: AsyncHub | Hub, count: int) -> list[Event]:
    return [hub.draft.queue.issued(ticket=f"A-{n:03}", unit="loket", service="ktp") for n in range(count)]


async def stored_ids(inbox: Inbox) -> Counter[str]:
    """How often each id stands in the stream; the same id always with the same bytes."""
    bodies = [body for _, body, _ in await inbox.messages()]
    ids = Counter(parse(body).id for body in bodies)
    assert len(ids) == len(set(bodies))
    return ids


def ids(events: Iterable[Event]) -> set[str]:
    return {event.id for event in events}


async def until_certain(hub: AsyncHub) -> None:
    """Publish until it fails; an event that was on its way when the connection broke may have arrived."""
    while True:
        with contextlib.suppress(NotConfirmed):
            await hub.heartbeat()


async def until_stored(hub: AsyncHub, event: Event) -> Event:
    """Publish the same event again for as long as the hub does not answer."""
    while True:
        with contextlib.suppress(NotConfirmed, NotConnected):
            return await hub.publish(event)


async def test_a_frozen_broker_is_no_confirmation(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.3, attempts=2) as hub:
        await hub.heartbeat()
        broker.freeze()
        with pytest.raises(NotConfirmed, match="publish the same event again") as error:
            await hub.queue.issued(**TICKET)
        broker.thaw()
        event = error.value.event
        assert event is not None
        assert await until_stored(hub, event) is event
    times = (await stored_ids(inbox))[event.id]
    assert times >= 2, "the frozen broker took the earlier attempts when it woke"


async def test_a_broker_that_thaws_confirms(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.3, attempts=100) as hub:
        await hub.heartbeat()
        broker.freeze()
        events = drafts(hub, 100)
        publishing = asyncio.create_task(hub.publish_many(events))
        await asyncio.sleep(1)
        assert not publishing.done()
        broker.thaw()
        await publishing
    assert ids(events) < set(await stored_ids(inbox))


async def test_a_frozen_broker_does_not_hang_a_newcomer(broker: Broker, inbox: Inbox) -> None:
    broker.freeze()
    with pytest.raises(NotConnected, match="no answer"):
        await AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.3).__aenter__()
    broker.thaw()


async def test_a_frozen_broker_fails_the_rest_of_a_batch_at_once(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.3, attempts=1) as hub:
        broker.freeze()
        events = drafts(hub, 5_000)
        with pytest.raises(NotAllConfirmed) as error:
            await hub.publish_many(events)
        broker.thaw()
    assert [failure.event for failure in error.value.failures] == events
    kinds = [type(failure) for failure in error.value.failures]
    assert set(kinds[:512]) == {NotConfirmed}
    assert set(kinds[512:]) == {NotConnected}, "these were never sent"


async def test_a_killed_broker_gets_the_same_ids_again(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=20, attempts=50) as hub:
        events = drafts(hub, 6_000)
        publishing = asyncio.create_task(hub.publish_many(events))
        for _ in range(3):
            await asyncio.sleep(0.1)
            broker.kill()
            broker.start()
            await broker.answers()
        await publishing
    assert set(await stored_ids(inbox)) == ids(events)


async def test_a_broker_that_is_down_is_told_after_one_time_out(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=0.3, attempts=1000) as hub:
        await hub.heartbeat()
        broker.kill()
        with pytest.raises(NotConnected):
            await until_certain(hub)
        broker.start()
        await broker.answers()
        await until_stored(hub, hub.draft.queue.issued(**TICKET))


async def test_a_changed_password_is_told_and_mended(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=20) as hub:
        await hub.heartbeat()
        broker.write(app="changed")
        broker.reload()
        with pytest.raises(BadCredentials):
            await until_certain(hub)
        broker.write()
        broker.reload()
        while True:
            try:
                await hub.heartbeat()
            except BadCredentials:
                continue
            break


async def test_closing_answers_what_is_in_flight(broker: Broker, inbox: Inbox) -> None:
    hub = AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=20)
    await hub.heartbeat()
    events = drafts(hub, 200)
    publishing = asyncio.create_task(hub.publish_many(events))
    await asyncio.sleep(0)
    await hub.close()
    await publishing
    assert ids(events) < set(await stored_ids(inbox))
    await hub.close()
    with pytest.raises(NotConnected, match="closed"):
        await hub.heartbeat()


async def test_cancelling_a_publish_harms_no_other(broker: Broker, inbox: Inbox) -> None:
    async with AsyncHub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE, timeout=20) as hub:
        await hub.heartbeat()
        broker.freeze()
        first = asyncio.create_task(hub.heartbeat())
        second = asyncio.create_task(hub.queue.issued(**TICKET))
        await asyncio.sleep(0.05)
        first.cancel()
        broker.thaw()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second


async def test_threads_share_one_hub_and_its_end_leaves_none(broker: Broker, inbox: Inbox) -> None:
    before = set(threading.enumerate())

    def work() -> set[str]:
        events: list[Event] = []
        with Hub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE) as hub:

            def clerk(number: int) -> None:
                for n in range(25):
                    events.append(hub.queue.issued(ticket=f"{number}-{n}", unit="loket", service="ktp"))
                many = drafts(hub, 100)
                hub.publish_many(many)
                events.extend(many)

            clerks = [threading.Thread(target=clerk, args=(number,)) for number in range(8)]
            for thread in clerks:
                thread.start()
            for thread in clerks:
                thread.join()
        assert not {thread for thread in threading.enumerate() if thread.name == "opd-sdk"}
        return ids(events)

    published = await asyncio.to_thread(work)
    counted = await stored_ids(inbox)
    assert set(counted) == published
    assert len(published) == 8 * 125
    assert {thread.name for thread in set(threading.enumerate()) - before} <= {"asyncio_0"}


async def test_closing_while_others_publish_hangs_nobody(broker: Broker, inbox: Inbox) -> None:
    def work() -> tuple[set[str], list[HubError]]:
        hub = Hub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE)
        published: list[Event] = []
        ends: list[HubError] = []

        def clerk() -> None:
            try:
                while True:
                    published.append(hub.heartbeat())
            except HubError as end:
                ends.append(end)

        clerks = [threading.Thread(target=clerk) for _ in range(4)]
        for thread in clerks:
            thread.start()
        while len(published) < 50:
            pass
        hub.close()
        for thread in clerks:
            thread.join()
        return ids(published), ends

    published, ends = await asyncio.to_thread(work)
    assert published <= set(await stored_ids(inbox))
    assert len(ends) == 4
    assert {type(end) for end in ends} <= {NotConnected, NotConfirmed}


async def test_a_hub_does_not_pass_a_fork(broker: Broker, inbox: Inbox) -> None:
    def work() -> bytes:
        with Hub(broker.url(), opd=OPD, app=APP, timezone=TIMEZONE) as hub:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    hub.heartbeat()
                except NotConnected as error:
                    os.write(write, str(error).encode())
                os._exit(0)
            os.waitpid(child, 0)
            hub.heartbeat()
            said = os.read(read, 1000)
            os.close(read)
            os.close(write)
            return said

    assert b"before the fork" in await asyncio.to_thread(work)
