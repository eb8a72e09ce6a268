"""One city for each time zone, for all tests of this folder."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.databases import Database
from tests.properties.city import City, open_city
from tests.properties.strategies import ZONES


@pytest.fixture(scope="session", params=ZONES)
async def a_city(request: pytest.FixtureRequest, fresh_database: Callable[..., Database]) -> AsyncIterator[City]:
    """A city in each of the zones."""
    async with open_city(fresh_database(timezone=request.param), request.param) as city:
        yield city
