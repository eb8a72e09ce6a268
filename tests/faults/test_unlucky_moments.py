"""Moments that random kills hit rarely, each brought about on purpose."""

from collections.abc import AsyncIterator

import nats
import psycopg
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from deploy.local.stack import Endpoints
from services import broker, db
from services.aggregator.registry import Registry
from tests.databases import Database

_DIES_AT_COMMIT = """
CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dies'; END $$;
CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON hub.source DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION public.die()
"""


async def test_a_number_that_was_never_committed_is_not_remembered(database: Database) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(_DIES_AT_COMMIT)
    async with db.pool(database.url_for("hub_aggregator"), size=2, name="unlucky") as pool:
        registry = Registry(pool)
        with pytest.raises(psycopg.errors.RaiseException):
            await registry.ensure({("disdukcapil", "antrean")}, ())
        assert not registry.source_ids
        assert not registry.app_of


@pytest.fixture
async def js(endpoints: Endpoints) -> AsyncIterator[JetStreamContext]:
    """JetStream with the stream UNLUCKY, gone afterwards."""
    client = await nats.connect(endpoints.nats_url_for("hub-admin"))
    js = client.jetstream()
    await js.add_stream(name="UNLUCKY", subjects=["unlucky"])
    yield js
    await js.delete_stream("UNLUCKY")
    await client.close()


async def test_erasing_again_what_is_gone_succeeds(js: JetStreamContext) -> None:
    for _ in range(3):
        await js.publish("unlucky", b"3171234567890123")
    assert await broker.erase(js, "UNLUCKY", 2)
    assert await broker.erase(js, "UNLUCKY", 2)
    await js.purge_stream("UNLUCKY", seq=2)
    assert await broker.erase(js, "UNLUCKY", 1)
    assert not await broker.erase(js, "UNLUCKY", 99)


async def test_a_publishers_header_is_not_taken_for_the_brokers_word(js: JetStreamContext) -> None:
    # services.broker has replaced nats-py's `fetch`.
    await js.add_consumer("UNLUCKY", ConsumerConfig(durable_name="reader"))
    for status in (None, "100", "404", "408"):
        await js.publish("unlucky", b"", headers={"Status": status} if status else None)
    subscription = await js.pull_subscribe_bind("reader", "UNLUCKY")
    received = 0
    while received < 4:
        received += len(await subscription.fetch(10, timeout=5))
