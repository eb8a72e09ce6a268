"""A town for each test."""

from collections.abc import AsyncIterator

import pytest

from services import db
from services.aggregator import transaction
from tests.databases import Database
from tests.kpi.town import Town


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    async with db.pool(
        database.url_for("hub_aggregator"), size=3, name="aggregator", configure=transaction.prepare
    ) as pool:
        yield Town(database, pool)
