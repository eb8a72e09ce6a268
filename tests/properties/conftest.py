"""One city for each time zone, for all tests of this folder."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from opd_schemas.catalogue import Agency, Catalogue, City, Limit, Name
from services import catalogue_store
from tests.databases import Database
from tests.properties import city
from tests.properties.strategies import CATALOGUED, ZONES


def catalogue(zone: str) -> Catalogue:
    """The least catalogue, with limits that are counted as events come."""
    return Catalogue(
        city=City(name="Kota Uji", timezone=zone),
        limits=tuple(
            Limit(kind=kind, duration=duration, limit=timedelta(microseconds=limit))
            for (kind, duration), limits in CATALOGUED.items()
            for limit in limits
        ),
        agencies=(Agency(opd="dinas", name=Name(id="Dinas", en="Agency")),),
    )


@pytest.fixture(scope="session", params=ZONES)
async def a_city(
    request: pytest.FixtureRequest, fresh_database: Callable[..., Database]
) -> AsyncIterator[city.City]:
    """A city in each of the zones."""
    zone: str = request.param
    database = fresh_database(timezone=zone)
    catalogue_store.apply(database.owner_url, catalogue(zone))
    async with city.open_city(database, zone) as opened:
        yield opened
