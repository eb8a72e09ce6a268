"""A new catalogue comes into force although its hint was lost, and after a time in which it could not be read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from opd_schemas.event import parse
from opd_schemas.refusal import Refusal
from services import catalogue_store
from services.catalogue import Register
from services.ingest.app import Ingest
from services.settings import Settings
from tests.databases import Database
from tests.ingest.town import body, catalogue


@asynccontextmanager
async def keeping(database_url: str, reconnected: asyncio.Event, every_s: float) -> AsyncIterator[Ingest]:
    ingest = Ingest(Settings(nats_url="", database_url=database_url), CollectorRegistry())
    task = asyncio.create_task(ingest.keep_catalogue(reconnected, every_s))
    try:
        yield ingest
    finally:
        task.cancel()
        await asyncio.wait([task])


def knows(register: Register | None, unit: str) -> bool:
    try:
        if register is not None:
            register.check(parse(body("e-1", {"unit": unit})))
    except Refusal:
        return False
    return register is not None


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not reached():  # noqa: ASYNC110 - a register tells nobody
            await asyncio.sleep(0.01)


async def test_it_is_read_again_and_again(database: Database) -> None:
    catalogue_store.apply(database.owner_url, catalogue())
    async with keeping(database.url_for("hub_ingest"), asyncio.Event(), 0.05) as ingest:
        await until(lambda: knows(ingest.register, "puskesmas-1"))
        assert not knows(ingest.register, "puskesmas-9")
        catalogue_store.apply(database.owner_url, catalogue("puskesmas-9"))
        await until(lambda: knows(ingest.register, "puskesmas-9"))


async def test_it_is_read_after_a_reconnect(database: Database) -> None:
    catalogue_store.apply(database.owner_url, catalogue())
    reconnected = asyncio.Event()
    async with keeping(database.url_for("hub_ingest"), reconnected, 3600) as ingest:
        reconnected.set()
        await until(lambda: knows(ingest.register, "puskesmas-1"))


async def test_a_read_that_fails_is_not_the_last(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue_store.apply(database.owner_url, catalogue())
    failed = 0

    def fail_once(_: object) -> object:
        nonlocal failed
        failed += 1
        monkeypatch.undo()
        raise ValueError

    monkeypatch.setattr("services.ingest.app.Register", fail_once)
    async with keeping(database.url_for("hub_ingest"), asyncio.Event(), 0.05) as ingest:
        await until(lambda: knows(ingest.register, "puskesmas-1"))
    assert failed == 1
