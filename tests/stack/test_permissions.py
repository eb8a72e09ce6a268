"""Least privilege on NATS: what each user needs works, and nothing beside it does."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig

from deploy.local.stack import Endpoints, Stack
from opd_schemas import subjects

Connect = Callable[[str], Awaitable[tuple[Client, asyncio.Queue[str]]]]


@pytest.fixture
async def connect(broker: Stack) -> AsyncIterator[Connect]:
    """Connect as a user; the queue receives what the server refuses."""
    clients = []

    async def connected(user: str) -> tuple[Client, asyncio.Queue[str]]:
        refused: asyncio.Queue[str] = asyncio.Queue()

        async def on_error(error: Exception) -> None:
            refused.put_nowait(str(error))

        endpoints = broker.endpoints()
        assert endpoints is not None
        prefix = "_INBOX_" + user.removeprefix("app-").replace("-", "_")
        client = await nats.connect(endpoints.nats_url_for(user), error_cb=on_error, inbox_prefix=prefix.encode())
        clients.append(client)
        return client, refused

    yield connected
    for client in clients:
        await client.close()


@pytest.fixture
async def streams(connect: Connect) -> None:
    """The three streams and their durables, as the hub has them."""
    admin, _ = await connect("hub-admin")
    js = admin.jetstream()
    for stream, of, durables in (
        (subjects.INBOX, subjects.INBOX_SUBJECTS, [subjects.INGEST_DURABLE]),
        (subjects.EVENTS, subjects.EVENTS_SUBJECTS, [subjects.AGGREGATOR_DURABLE]),
        (subjects.REJECTS, subjects.REJECTS_SUBJECTS, [subjects.AGGREGATOR_DURABLE]),
    ):
        await js.add_stream(StreamConfig(name=stream, subjects=list(of)))
        for durable in durables:
            await js.add_consumer(stream, ConsumerConfig(durable_name=durable, ack_policy=AckPolicy.EXPLICIT))


async def test_an_event_passes_from_application_to_aggregator(connect: Connect, streams: None) -> None:
    kiosk, kiosk_refused = await connect("app-dukcapil-kiosk")
    await kiosk.jetstream().publish("opd.dukcapil.kiosk.queue.issued", b"1")

    ingest, ingest_refused = await connect("ingest")
    js = ingest.jetstream()
    pull = await js.pull_subscribe_bind(subjects.INGEST_DURABLE, subjects.INBOX)
    (message,) = await pull.fetch(1, timeout=10)
    await js.publish("event.queue.issued.dukcapil.loket", message.data)
    await js.publish("reject.invalid.dukcapil", message.data)
    await message.ack_sync()
    assert (await pull.consumer_info()).num_ack_pending == 0
    assert await js.delete_msg(subjects.INBOX, message.metadata.sequence.stream)

    aggregator, aggregator_refused = await connect("aggregator")
    js = aggregator.jetstream()
    for stream in (subjects.EVENTS, subjects.REJECTS):
        pull = await js.pull_subscribe_bind(subjects.AGGREGATOR_DURABLE, stream)
        (message,) = await pull.fetch(1, timeout=10)
        await message.ack_sync()
        assert (await pull.consumer_info()).num_ack_pending == 0
    await js.consumer_info(subjects.INBOX, subjects.INGEST_DURABLE)
    for stream in (subjects.INBOX, subjects.EVENTS, subjects.REJECTS):
        assert await js.purge_stream(stream)
        assert (await js.stream_info(stream)).state.messages == 0

    viewer, viewer_refused = await connect("viewer")
    changes = await viewer.subscribe(subjects.KPI_CHANGED)
    await viewer.flush()  # nats-py 2.16 writes the PING at once, ahead of the SUBSCRIBE that waits in its buffer:
    await viewer.flush()  # only a second one is sure to come after it
    await aggregator.publish(subjects.KPI_CHANGED, b"7")
    assert (await changes.next_msg(timeout=10)).data == b"7"

    importer, importer_refused = await connect("importer")
    await importer.jetstream().publish("import.dpmptsp.izin.permit.issued", b"1")
    for refused in (kiosk_refused, ingest_refused, aggregator_refused, viewer_refused, importer_refused):
        assert refused.empty()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("app-dukcapil-kiosk", "opd.dinkes.simpus.visit.registered"),
        ("app-dukcapil-kiosk", "opd.dukcapil.other.queue.issued"),
        ("app-dukcapil-kiosk", "import.dukcapil.kiosk.queue.issued"),
        ("app-dukcapil-kiosk", "event.queue.issued.dukcapil.loket"),
        ("app-dukcapil-kiosk", "$JS.API.STREAM.INFO.INBOX"),
        ("app-dukcapil-kiosk", "$JS.API.STREAM.DELETE.INBOX"),
        ("app-dukcapil-kiosk", "_INBOX_dinkes_simpus.forged"),
        ("importer", "opd.dukcapil.kiosk.queue.issued"),
        ("importer", "$JS.API.STREAM.PURGE.INBOX"),
        ("ingest", "opd.dukcapil.kiosk.queue.issued"),
        ("ingest", "kpi.changed"),
        ("ingest", "$JS.API.STREAM.PURGE.INBOX"),
        ("ingest", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.aggregator"),
        ("aggregator", "event.queue.issued.dukcapil.loket"),
        ("aggregator", "$JS.API.CONSUMER.MSG.NEXT.INBOX.ingest"),
        ("aggregator", "$JS.API.STREAM.DELETE.EVENTS"),
        ("viewer", "kpi.changed"),
        ("viewer", "$JS.API.INFO"),
    ],
)
async def test_publishing_elsewhere_is_refused(connect: Connect, user: str, subject: str) -> None:
    client, refused = await connect(user)
    await client.publish(subject, b"1")
    await client.flush()
    assert "permissions violation" in (await asyncio.wait_for(refused.get(), 10)).lower()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("app-dukcapil-kiosk", ">"),
        ("app-dukcapil-kiosk", "opd.dukcapil.kiosk.>"),
        ("app-dukcapil-kiosk", "_INBOX_dinkes_simpus.>"),
        ("app-dukcapil-kiosk", "_INBOX.>"),
        ("importer", "import.>"),
        ("ingest", "opd.>"),
        ("ingest", "_INBOX_aggregator.>"),
        ("aggregator", "event.>"),
        ("viewer", "event.>"),
        ("viewer", "opd.>"),
    ],
)
async def test_listening_elsewhere_is_refused(connect: Connect, user: str, subject: str) -> None:
    client, refused = await connect(user)
    await client.subscribe(subject)
    await client.flush()
    assert "permissions violation" in (await asyncio.wait_for(refused.get(), 10)).lower()


async def test_a_new_application_disturbs_nobody_and_a_removed_one_is_out(
    broker: Stack, connect: Connect, streams: None
) -> None:
    before = broker.endpoints()
    kiosk, refused = await connect("app-dukcapil-kiosk")
    after = broker.reconfigure([("dukcapil", "kiosk"), ("dpmptsp", "izin")])
    assert before is not None
    assert after.nats_users["app-dukcapil-kiosk"] == before.nats_users["app-dukcapil-kiosk"]
    await kiosk.jetstream().publish("opd.dukcapil.kiosk.queue.issued", b"1")
    assert (kiosk.stats["reconnects"], refused.qsize()) == (0, 0)

    izin, _ = await connect("app-dpmptsp-izin")
    await izin.jetstream().publish("opd.dpmptsp.izin.permit.submitted", b"1")
    assert "Authorization Violation" in _greeting(before, "app-dinkes-simpus")
    assert "PONG" in _greeting(after, "app-dpmptsp-izin")

    again = broker.reconfigure([("dukcapil", "kiosk"), ("dinkes", "simpus")])
    assert again.nats_users["app-dinkes-simpus"] != before.nats_users["app-dinkes-simpus"]


def _greeting(endpoints: Endpoints, user: str) -> str:
    """What the server says to a user's CONNECT; by hand, for the client leaves its socket open after a refusal."""
    with socket.create_connection(("127.0.0.1", endpoints.ports["nats"]), timeout=10) as server:
        server.recv(65536)
        login = json.dumps({"user": user, "pass": endpoints.nats_users[user], "verbose": False})
        server.sendall(f"CONNECT {login}\r\nPING\r\n".encode())
        return server.recv(65536).decode()
