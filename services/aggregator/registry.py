"""The small numbers of sources, series and measures, remembered by a worker and created when first met.

They are created in a transaction of their own, so that a rolled-back batch never leaves a remembered number that the
database does not know.
"""

from collections.abc import Iterable, Set
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from opd_schemas.catalogue import Catalogue
from opd_schemas.events import KINDS
from services.aggregator.merge import Series, SeriesKey
from services.aggregator.rules import City, Rules
from services.db import Pool, load
from services.errors import NotMigrated

SQL = load(__file__)


class Registry:
    """Numbers by name and names by number; call `refresh` once before use."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.source_ids: dict[tuple[str, str], int] = {}
        self.app_of: dict[int, str] = {}
        self.series_ids: dict[SeriesKey, int] = {}
        self.series_of: dict[int, Series] = {}
        self.rules: dict[str, Rules] = {}
        self.timezone: str | None = None
        self.city: City | None = None
        #: Numbers of the measures that are levels.
        self.levels: list[int] = []
        self._in_force: tuple[str, int | None] | None = None
        self._measures: dict[tuple[str, str, str], int] = {}

    async def refresh(self) -> None:
        """Read everything; raises NotMigrated if the database lacks the hub's tables."""
        async with self._pool.connection() as connection:
            found = await (await connection.execute(SQL["measures"])).fetchall()
            if not found:
                raise NotMigrated("The list of measures")
            self._measures = {(kind, role, name): number for kind, role, name, number in found}
            self.levels = [number for (_, role, _), number in self._measures.items() if role == "level"]
            await self._read_sources(connection)
            await self._read_series(connection)

    @property
    def version(self) -> int | None:
        """Of the catalogue whose rules were taken."""
        return self._in_force[1] if self._in_force else None

    async def take_rules(self, connection: AsyncConnection[TupleRow]) -> None:
        """Make the rules of the catalogue in force ours, as the connection's transaction sees it.

        Raises NotMigrated if no city is set.
        """
        row = await (await connection.execute(SQL["city"])).fetchone()
        if row is None:
            raise NotMigrated("The city's catalogue")
        timezone, version = row
        if self._in_force == (timezone, version):
            return
        document = await (await connection.execute(SQL["catalogue"], (version,))).fetchone()
        catalogue = Catalogue.model_validate(document[0]) if document else None
        self.city = City(ZoneInfo(timezone), catalogue)
        self.rules = {
            kind: Rules(lifecycle, self._measures, self.city)
            for kind, lifecycle in KINDS.items()
            if lifecycle.has_cases
        }
        self.timezone = timezone
        self._in_force = (timezone, version)

    async def ensure(self, sources: Iterable[tuple[str, str]], series: Iterable[Series]) -> None:
        """Create and learn the numbers of those not yet known."""
        new_sources = sorted({s for s in sources if s not in self.source_ids})
        new_series = sorted({s for s in series if s not in self.series_ids})
        if not new_sources and not new_series:
            return
        async with self._pool.connection() as connection:
            if new_sources:
                await connection.execute(
                    SQL["add_sources"], [list(column) for column in zip(*new_sources, strict=True)]
                )
            if new_series:
                # Whoever adds a figure waits for this, or this for it: no pair of the two is left out.
                await connection.execute(SQL["hold_terms"])
                await connection.execute(SQL["add_series"], [list(column) for column in zip(*new_series, strict=True)])
                await connection.execute(SQL["add_terms"], [list(column) for column in zip(*new_series, strict=True)])
        # Only now that they are committed: a database that dies at its COMMIT forgets the numbers, and so must we.
        async with self._pool.connection() as connection:
            if new_sources:
                await self._read_sources(connection)
            if new_series:
                await self._read_series(connection)

    async def meet(self, sources: Set[int], series: Set[int]) -> None:
        """Learn what another worker created since: a case may hold numbers that this one has not met."""
        if sources <= self.app_of.keys() and series <= self.series_of.keys():
            return
        async with self._pool.connection() as connection:
            await self._read_sources(connection)
            await self._read_series(connection)

    async def _read_sources(self, connection: AsyncConnection[TupleRow]) -> None:
        async for source_id, opd, app in await connection.execute(SQL["sources"]):
            self.source_ids[opd, app] = source_id
            self.app_of[source_id] = app

    async def _read_series(self, connection: AsyncConnection[TupleRow]) -> None:
        # Numbers are given before they are committed, so a smaller one may appear later: read all that are new to us.
        async for series_id, *names in await connection.execute(SQL["series"]):
            if series_id not in self.series_of:
                series = Series(*names)
                self.series_ids[series] = series_id
                self.series_of[series_id] = series
