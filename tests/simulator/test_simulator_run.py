"""The simulated city against a real broker, each application as its own user: the inbox holds what it counts."""

import asyncio
import json
import os
import signal
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy

from deploy.local.accounts import ADMIN, application_user
from deploy.local.stack import Endpoints, Stack
from opd_schemas import subjects
from opd_schemas.event import Event, parse
from opd_schemas.refusal import Refusal
from opd_schemas.subjects import parse_publish_subject
from opd_sdk import BadCredentials
from simulator.run import Counts, run
from tests.simulator.small_city import SMALL_CITY

APPLICATIONS = list(SMALL_CITY.applications())


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, endpoints: Endpoints) -> Iterator[Stack]:
    """A broker of its own with the users of the small city, since a test kills it."""
    stack = Stack(tmp_path_factory.mktemp("broker"), {"WARROOM_DATABASE_URL": endpoints.database_url})
    try:
        stack.up(applications=APPLICATIONS)
        yield stack
    finally:
        stack.down()


@pytest.fixture
def places(broker: Stack) -> Endpoints:
    endpoints = broker.endpoints()
    assert endpoints is not None
    return endpoints


@pytest.fixture
async def js(places: Endpoints) -> AsyncIterator[JetStreamContext]:
    """An empty inbox."""

    async def quiet(_: Exception) -> None:
        """The broker is killed on purpose."""

    client = await nats.connect(places.nats_url_for(ADMIN), error_cb=quiet, max_reconnect_attempts=-1)
    js = client.jetstream()
    for info in await js.streams_info():
        await js.delete_stream(info.config.name or "")
    await js.add_stream(name=subjects.INBOX, subjects=list(subjects.INBOX_SUBJECTS), discard=DiscardPolicy.NEW)
    yield js
    await client.close()


async def inbox(js: JetStreamContext) -> list[tuple[str, bytes]]:
    """(subject, body) of all that the inbox holds."""
    messages = (await js.stream_info(subjects.INBOX)).state.messages
    reader = await js.pull_subscribe("", stream=subjects.INBOX, config=ConsumerConfig(ack_policy=AckPolicy.NONE))
    stored: list[tuple[str, bytes]] = []
    while len(stored) < messages:
        stored += [(message.subject, message.data) for message in await reader.fetch(500, timeout=10)]
    return stored


def urls(places: Endpoints) -> dict[tuple[str, str], str]:
    return {(opd, app): places.nats_url_for(application_user(opd, app)) for opd, app in APPLICATIONS}


def good(stored: list[tuple[str, bytes]]) -> list[Event]:
    """What the contract reads, from its own subject."""
    events = []
    for subject, body in stored:
        try:
            event = parse(body)
        except Refusal:
            continue
        address = parse_publish_subject(subject)
        if address and (address.opd, address.app) == (event.opd, event.app):
            events.append(event)
    return events


async def test_the_counts_are_what_the_inbox_holds(js: JetStreamContext, places: Endpoints) -> None:
    reports: list[int] = []
    counts = await run(
        SMALL_CITY, urls(places), seed=3, rate=1500, duration=6, report=lambda counts: reports.append(counts.published)
    )
    stored = await inbox(js)
    assert counts.failed == 0
    assert len(stored) == counts.published + counts.duplicates_sent + counts.garbage_sent
    assert min(counts.duplicates_sent, counts.garbage_sent, counts.late_sent, counts.voids_sent) > 0
    assert counts.heartbeats_sent > 0
    assert sum(counts.by_app.values()) == counts.published
    assert set(counts.by_app) == set(APPLICATIONS)
    assert min(counts.by_app.values()) > 0
    assert reports == sorted(reports)
    assert reports[-1] == counts.published

    # Garbage that the contract can read: an unknown unit, a time ahead, or an id that was used before.
    events = good(stored)
    repeated = Counter((event.opd, event.app, event.id) for event in events)
    assert counts.published <= len(repeated) <= counts.published + counts.garbage_sent
    assert set(repeated.values()) <= {1, 2, 3}
    print(f"{len(stored) / 6:.0f} messages a second for 1,500 events asked")


async def test_one_connection_for_each_application(js: JetStreamContext, places: Endpoints) -> None:
    seen: list[int] = []

    def look(_: Counts) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{places.ports['nats_monitor']}/connz") as answer:
            names = [connection.get("name", "") for connection in json.load(answer)["connections"]]
        seen.append(sum("/" in name for name in names))

    await run(SMALL_CITY, lambda opd, app: urls(places)[opd, app], rate=20, duration=1.5, report=look)
    assert seen[0] == len(APPLICATIONS)


async def test_a_cancelled_run_confirms_what_it_began(js: JetStreamContext, places: Endpoints) -> None:
    last = Counts()
    begun = asyncio.Event()

    def report(counts: Counts) -> None:
        nonlocal last
        last = counts
        begun.set()

    running = asyncio.create_task(run(SMALL_CITY, urls(places), rate=500, report=report))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert last.failed == 0
    assert len(await inbox(js)) == last.published + last.duplicates_sent + last.garbage_sent > 0


async def test_nothing_is_lost_when_the_broker_dies(js: JetStreamContext, places: Endpoints, broker: Stack) -> None:
    running = asyncio.create_task(run(SMALL_CITY, urls(places), seed=4, rate=500, duration=6))
    for _ in range(2):
        await asyncio.sleep(1)
        pid = broker.pid("nats")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(broker.wait)
    counts = await running
    stored = await inbox(js)
    assert counts.failed == 0
    assert len(stored) >= counts.published + counts.duplicates_sent + counts.garbage_sent
    events = good(stored)
    ids = {(event.opd, event.app, event.id) for event in events}
    assert counts.published <= len(ids) <= counts.published + counts.garbage_sent
    # An id that came twice says the same each time, but for the garbage that is made to conflict.
    digests = {(event.opd, event.app, event.id, event.digest()) for event in events}
    assert len(digests) - len(ids) <= counts.garbage_sent


async def test_an_application_that_may_not_connect_is_told_at_once(js: JetStreamContext, places: Endpoints) -> None:
    wrong = urls(places) | {APPLICATIONS[0]: places.nats_url.replace("nats://", "nats://nobody:secret@")}
    with pytest.raises(BadCredentials):
        await run(SMALL_CITY, wrong, rate=10, duration=60)
