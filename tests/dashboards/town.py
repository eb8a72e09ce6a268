"""The city in a database, as the tests of panels look at it: as Grafana, through the commands, as its owner."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg.rows import dict_row

from opd_schemas.event import Event
from services import catalogue_store, db
from services.aggregator import transaction
from services.aggregator.arrival import Arrival, Refused
from services.aggregator.registry import Registry
from services.aggregator.rewrite import rewrite
from services.aggregator.worker import Worker
from services.operator import kpi, measure
from services.operator.kpi import Asked, Board
from services.operator.measure import Filter
from tests.dashboards import city
from tests.dashboards.committed import Panel
from tests.dashboards.replay import Case, cases_of
from tests.dashboards.view import View, asked, hours
from tests.databases import Database

Row = dict[str, Any]
_BATCH = 4_000
#: As if the hub had not counted everything within a few seconds.
_APART = (
    "UPDATE hub.commit_log SET committed_at = committed_at"
    " - ((SELECT max(commit_no) FROM hub.commit_log) - commit_no) * interval '7 minutes'"
)
_BEAT = (
    "INSERT INTO hub.pulse (at, waiting_since) VALUES (%(at)s, %(since)s)"
    " ON CONFLICT (only_one) DO UPDATE SET (at, waiting_since) = (excluded.at, excluded.waiting_since)"
)


class Answer(NamedTuple):
    """What a panel got, and the database's clock at that moment."""

    now: datetime
    columns: list[psycopg.Column]
    rows: list[Row]


class Town:
    """A database with the city's catalogue and all that happened in it until `now`."""

    def __init__(self, database: Database) -> None:
        self.catalogue = city.catalogue()
        self.zone = self.catalogue.city.zone
        self.now = city.now()
        self.reader_url = database.url_for("grafana_reader")
        self.grafana = psycopg.connect(self.reader_url, autocommit=True)
        self._owner = psycopg.connect(database.owner_url, autocommit=True, row_factory=dict_row)
        self._database = database
        self._measured: dict[object, dict[str, Any]] = {}
        self._boards: dict[object, Board] = {}
        self._sent = 0
        agencies = self.catalogue.agencies
        self.unit_names = {(a.opd, u.unit): u.name.id for a in agencies for u in a.units}
        self.service_names = {(a.opd, s.service): s.name.id for a in agencies for s in a.services}

    def close(self) -> None:
        self.grafana.close()
        self._owner.close()

    def build(self) -> None:
        """Put the catalogue in force and count everything."""
        catalogue_store.apply(self._database.owner_url, self.catalogue)
        log = [city.Sent(self.now, message) for message in city.log_messages(self.catalogue)] if city.has_log() else []
        asyncio.run(self._build([*log, *city.simulated(self.catalogue, self.now)]))

    async def _build(self, sent: Sequence[city.Sent]) -> None:
        async with db.pool(self._database.owner_url, size=3, name="rewrite") as pool:
            await rewrite(pool)
        for first in range(0, len(sent), _BATCH):
            await self._commit(*self._judge(sent[first : first + _BATCH]))
        self._owner.execute(_APART)

    def _judge(self, sent: Sequence[city.Sent]) -> tuple[list[Arrival], list[Refused]]:
        judged = city.judged(sent, self.catalogue, first=self._sent + 1)
        self._sent += len(sent)
        return judged

    async def _commit(self, arrivals: Sequence[Arrival], refused: Sequence[Refused]) -> None:
        url = self._database.url_for("hub_aggregator")
        async with db.pool(url, size=3, name="aggregator", configure=transaction.prepare) as pool:
            await Worker(pool, Registry(pool)).commit(arrivals, refused)

    def beat(self) -> None:
        """The present: a heartbeat of every application but those that fell silent, a few citizens who have just come,
        one of whom the hub hears late, and the hub's pulse, a little behind.
        """
        at = datetime.now(UTC)
        beats = [
            Event(opd, app, "app", "heartbeat", f"beat-{self._sent}", at)
            for opd, app in self.catalogue.applications()
            if (opd, app) not in city.FALLEN_SILENT and opd != city.OF_LOG
        ]
        late = self.catalogue.city.late_after + timedelta(seconds=1)
        come = [_comes("visit", f"now-{self._sent}-{number}", at) for number in range(5)]
        come += [_comes("queue", f"now-{self._sent}-5", at), _comes("queue", f"now-{self._sent}-6", at - late)]
        arrivals, refused = self._judge([city.Sent(at, city.as_sent(event)) for event in (*beats, *come)])
        assert not refused
        asyncio.run(self._commit(arrivals, refused))
        self._owner.execute(_BEAT, {"at": at, "since": at - timedelta(seconds=12)})
        with psycopg.connect(self._database.url_for("hub_aggregator")) as aggregator:
            aggregator.execute("SELECT hub.note_statuses()")

    def ask(self, panel: Panel, view: View) -> Answer:
        """A panel's own SQL, as Grafana's role."""
        sql = asked(panel, view)
        with self.grafana.transaction():
            # The clock of a transaction stands still.
            (now,) = self.grafana.execute("SELECT now()").fetchone() or ()
            cursor = self.grafana.execute(sql.encode())
            columns = list(cursor.description or [])
            rows = [dict(zip((column.name for column in columns), row, strict=True)) for row in cursor]
        return Answer(now, columns, rows)

    def owner(self, statement: LiteralString, **values: object) -> list[Row]:
        """Rows of the store itself."""
        return self._owner.execute(statement, values).fetchall()

    def measure(self, kind: str, view: View, **changed: Any) -> dict[str, Any]:
        """`warroom measure KIND --json` over the view's window and choices, or with some of these changed."""
        view = replace(view, **changed)
        key = (kind, view.start, view.end, view.opd, view.unit, view.service, view.limit)
        if (found := self._measured.get(key)) is None:
            lists = [None if chosen is None else list(chosen) for chosen in (view.opd, view.unit, view.service)]
            chosen = Filter(view.start, view.end, view.end, *lists)
            limits = [] if view.limit is None else [view.limit]
            found = self._measured[key] = measure.measure_on(self.grafana, kind, chosen, limits)
        return found

    def board(
        self, at: datetime, window: tuple[datetime, datetime] | None = None, *, of_days: bool | None = None
    ) -> dict[str, Row]:
        """`warroom kpi --json` at a moment, or over a window: each KPI under its id."""
        key = (at, window, of_days)
        if (found := self._boards.get(key)) is None:
            found = self._boards[key] = kpi.read(self.reader_url, Asked(at, window, of_days))
        return {row["kpi"]: row for row in found.kpis}

    def places(self, kind: str, view: View) -> list[tuple[str, str]]:
        """(opd, unit) of all that serve a kind and are chosen."""
        return [
            (agency.opd, unit.unit)
            for agency in self.catalogue.agencies
            for unit in agency.units
            if kind in unit.kinds and takes(view.opd, agency.opd) and takes(view.unit, unit.unit)
        ]

    def services(self, kind: str, view: View) -> list[tuple[str, str]]:
        """(opd, service) of all of a kind that are chosen."""
        return [
            (agency.opd, service.service)
            for agency in self.catalogue.agencies
            for service in agency.services
            if kind in service.kinds and takes(view.opd, agency.opd) and takes(view.service, service.service)
        ]

    def steps(self, view: View, *, by_hour: bool) -> list[tuple[datetime, datetime]]:
        """Whole hours, or whole local days, that the view touches."""
        return hours(view.start, view.end) if by_hour else self.days(view.start, view.end)

    def days(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        day, found = start.astimezone(self.zone).date(), []
        while (at := datetime.combine(day, time(), self.zone)) < end:
            day += timedelta(days=1)
            found.append((at, datetime.combine(day, time(), self.zone)))
        return found

    def local(self, days: int, clock: str) -> datetime:
        """A time by the city's clock, so many days ago."""
        return city.local(self.catalogue, self.now, days, clock)

    @cached_property
    def cases(self) -> list[Case]:
        """All cases, told anew from the raw events."""
        return cases_of(self.owner, self.zone)

    @cached_property
    def due(self) -> dict[tuple[str, str, str], tuple[datetime, datetime | None]]:
        """When cases are due, and when what the limit is of had ended."""
        rows = self.owner("SELECT opd, kind, case_id, due_at, due_done_at FROM hub.cases WHERE due_at IS NOT NULL")
        return {(row["opd"], row["kind"], row["case_id"]): (row["due_at"], row["due_done_at"]) for row in rows}


def _comes(kind: str, name: str, at: datetime) -> Event:
    """A patient is registered, or a ticket is issued."""
    if kind == "queue":
        place = ("loket-ktp", "ktp-el", "onsite")
        return Event("disdukcapil", "antrean", kind, "issued", name, at, *place, case=f"loket-ktp:{name}")
    return Event("dinkes", "simpus", "visit", "registered", name, at, "pkm-andalas", "poli-umum", "onsite", name)


def takes(chosen: tuple[str, ...] | None, value: str) -> bool:
    """Whether a choice takes a value; None takes all."""
    return chosen is None or value in chosen
