"""A town with an agency of each kind, and a morning's events: its figures are few enough to work out by hand."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from opd_schemas.calendars import Calendar
from opd_schemas.catalogue import Agency, App, Catalogue, City, Service, Unit
from opd_schemas.event import Event
from opd_schemas.fields import Name
from opd_schemas.kpi import Kpi
from services import catalogue_store, db
from services.aggregator import transaction
from services.aggregator.arrival import Arrival
from services.aggregator.registry import Registry
from services.aggregator.rewrite import Rewritten, rewrite
from services.micros import to_us
from tests.arrivals import arrive
from tests.databases import Database
from tests.kpi.blocks import build

NAME = Name(id="Uji", en="Test")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
THRESHOLDS = {"warning": {"at": 50, "clear": 40}, "critical": {"at": 60, "clear": 55}}


def kpi(code: str, kind: str, measure: dict[str, Any], **more: Any) -> Kpi:
    """A KPI of the whole town, a day back."""
    level = measure["type"] in ("open", "overdue")
    usual: dict[str, Any] = {
        "kpi": code,
        "filter": {"kind": kind},
        "owner": "dinas",
        "measure": measure,
        "unit": "percent",
        "direction": "lower",
        "minimum_sample": None if level or measure["type"] == "count" else 1,
        "window": None if level else {"rolling": "P1D"},
        "thresholds": THRESHOLDS,
        "effective": {"since": "2020-01-01"},
    }
    return build(**{**usual, **more})


def calendar(hours: str | dict[str, list[str]] = "08:00-16:00", **more: Any) -> Calendar:
    return Calendar.model_validate(
        {
            "code": "kantor",
            "name": NAME.model_dump(),
            "working_day": "PT8H",
            "hours": hours if isinstance(hours, dict) else {day: [hours] for day in WEEKDAYS},
            **more,
        }
    )


def catalogue(kpis: Sequence[Kpi], *, office: Calendar | None = None, **city: Any) -> Catalogue:
    """One agency: `kantor` with opening hours, `ugd` that never closes; two applications."""
    kinds = ("queue", "permit", "visit")
    return Catalogue(
        city=City(name="Kota Uji", timezone="Asia/Jakarta").model_copy(update=city),
        calendars=(office or calendar(),),
        agencies=(
            Agency(
                opd="dinas",
                name=NAME,
                apps=tuple(App(app=app, name=NAME) for app in ("a", "b")),
                units=(
                    Unit(unit="kantor", name=NAME, kinds=kinds, calendar="kantor"),
                    Unit(unit="ugd", name=NAME, kinds=kinds),
                ),
                services=(Service(service="s1", name=NAME, kinds=kinds),),
            ),
        ),
        kpis=tuple(kpis),
    )


class Town:
    """A database with this catalogue, asked as Grafana asks."""

    def __init__(self, database: Database, pool: db.Pool) -> None:
        self.database = database
        self.pool = pool
        self.registry = Registry(pool)
        self._seq = 0

    async def put_in_force(self, new: Catalogue) -> Rewritten:
        """Apply a catalogue, and bring what is stored in step."""
        catalogue_store.apply(self.database.owner_url, new)
        return await self.rewrite()

    async def rewrite(self) -> Rewritten:
        async with db.pool(self.database.owner_url, size=3, name="rewrite") as pool:
            return await rewrite(pool)

    def arrival(
        self, kind: str, state: str, at: datetime, case: str | None, *, late: timedelta = timedelta(), **about: Any
    ) -> Arrival:
        """An event that INBOX received `late` after its time."""
        self._seq += 1
        place = {} if case is None else {"unit": "kantor", "service": "s1", "channel": "onsite", "case": case}
        fields = {"opd": "dinas", "app": "a", "id": f"e{self._seq}", **place, **about}
        history = fields.pop("history", False)
        event = Event(kind=kind, state=state, time=at, **fields)
        return arrive(event, self._seq, received_us=to_us(at + late), history=history)

    async def commit(self, arrivals: Iterable[Arrival]) -> None:
        await self.registry.refresh()
        async with self.pool.connection() as connection:
            await transaction.apply(connection, self.registry, list(arrivals))

    def owner(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.owner_url) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def wall(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.url_for("grafana_reader")) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def beat(self, *, waiting_since: datetime | None = None, at: datetime | None = None) -> None:
        """The hub's pulse."""
        self.owner(
            "INSERT INTO hub.pulse (at, waiting_since) VALUES (%s, %s) ON CONFLICT (only_one)"
            " DO UPDATE SET (at, waiting_since) = (excluded.at, excluded.waiting_since)",
            at or datetime.now(UTC),
            waiting_since,
        )

    def figures(self) -> list[tuple[Any, ...]]:
        """Contributions, due dates and sums by natural keys, sorted."""
        return [
            *self.owner(
                "SELECT m.kind, m.role, m.name, c.case_id, s.unit, s.channel, x.at, x.value FROM hub.contribution x"
                " JOIN hub.measure m USING (measure_id) JOIN hub.series s USING (series_id)"
                " JOIN hub.cases c USING (case_no)"
                " ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
            ),
            *self.owner("SELECT kind, case_id, due_at, due_done_at FROM hub.cases ORDER BY 1, 2"),
            *self.owner(
                "SELECT f.definition, r.hour, r.bin, r.n, r.total, r.hits FROM hub.figure_hour r JOIN hub.figure f"
                " USING (figure_no) WHERE figure_no IN (SELECT figure_no FROM hub.kpi"
                " WHERE version = (SELECT max(version) FROM hub.catalogue)) ORDER BY 1, 2, 3"
            ),
            *self.owner(
                "SELECT f.definition, r.day, r.bin, r.n, r.total, r.hits FROM hub.figure_day r JOIN hub.figure f"
                " USING (figure_no) WHERE figure_no IN (SELECT figure_no FROM hub.kpi"
                " WHERE version = (SELECT max(version) FROM hub.catalogue)) ORDER BY 1, 2, 3"
            ),
        ]
