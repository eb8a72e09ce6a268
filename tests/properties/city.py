"""A city's database of one time zone, with two workers of the hub, and what stands in it afterwards.

Each example has an agency (OPD) of its own, so that none sees another's figures and none needs an empty database.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import NamedTuple

import psycopg

from opd_schemas.calendars import Calendar
from opd_schemas.catalogue import Agency, App, Catalogue, Limit, Service, Unit
from opd_schemas.catalogue import City as CityOfCatalogue
from opd_schemas.event import Event as Published
from opd_schemas.fields import Name
from opd_schemas.kpi import Kpi
from services import catalogue_store, db
from services.aggregator import transaction
from services.aggregator.arrival import Arrival
from services.aggregator.registry import Registry
from services.aggregator.rewrite import rewrite
from services.aggregator.transaction import Outcome
from tests.arrivals import arrive
from tests.databases import Database
from tests.kpi.blocks import build
from tests.properties.reference import CLOSED_DAYS, DUE, OPEN_HOURS, Event, moment
from tests.properties.strategies import APPS, CATALOGUED, SERVICES, Batch, Delivery, Message
from tests.properties.wall import Wall

SQL = db.load(__file__, "dump.sql")
#: More than the examples of all tests of one city take.
MOST_AGENCIES = 600


class Place(NamedTuple):
    """Where one INBOX message went: `counted`, `duplicate` or `reject`."""

    book: str
    seq: int
    app: str
    event_id: str
    commit_no: int
    reason: str | None


class Worker:
    """One worker of the hub with a pool and a memory of its own."""

    def __init__(self, pool: db.Pool) -> None:
        self.pool = pool
        self.registry = Registry(pool)

    async def apply(self, arrivals: Sequence[Arrival]) -> Outcome:
        """The service's own transaction."""
        async with self.pool.connection() as connection:
            return await transaction.apply(connection, self.registry, arrivals)


class City:
    """Two workers, the owner's view of the store, and the reader's view of the wall."""

    def __init__(
        self,
        zone: str,
        workers: tuple[Worker, Worker],
        owner: psycopg.Connection[tuple[object, ...]],
        wall: Wall,
        agencies: int,
    ) -> None:
        self.zone = zone
        self.wall = wall
        self.workers = workers
        self.owner = owner
        self._agencies = iter(range(1, agencies + 1))

    def new_agency(self) -> str:
        """The code of an agency that nothing was heard of."""
        number = next(self._agencies, None)
        assert number is not None, "the catalogue knows no more agencies; raise MOST_AGENCIES"
        return f"opd-{number}"

    async def deliver(self, opd: str, delivery: Delivery) -> None:
        """Let both workers work at once."""

        async def work(worker: Worker, batches: Iterable[Batch]) -> None:
            for batch in batches:
                await worker.apply([arrival(opd, message) for message in batch])

        async with asyncio.TaskGroup() as both:
            for worker, batches in zip(self.workers, delivery.workers, strict=True):
                both.create_task(work(worker, batches))

    async def deliver_at_once(self, opd: str, messages: Batch) -> None:
        """The plainest way: one worker, one batch, each message once."""
        await self.workers[0].apply([arrival(opd, message) for message in messages])

    def dump(self, opd: str) -> list[tuple[str, str]]:
        """All figures of an agency as (table, row as JSON), sorted."""
        return [(str(part), str(row)) for part, row in self.owner.execute(SQL["figures"], {"opd": opd})]

    def books(self, opd: str) -> list[Place]:
        """Where each message went."""
        return [Place(*row) for row in self.owner.execute(SQL["books"], {"opd": opd})]  # type: ignore[arg-type]


def arrival(opd: str, message: Message) -> Arrival:
    """The message as the aggregator reads it; each agency has an INBOX of its own, whose numbers begin at one."""
    event = message.event
    about = (event.unit, event.service, event.channel, event.case, event.voids)
    published = Published(opd, event.app, event.kind, event.state, event.id, moment(event.at), *about)
    return arrive(published, message.seq, created_us=int(opd.rpartition("-")[2]))


def of_agency(opd: str, events: Iterable[Event]) -> list[Event]:
    """The events with their agency's name."""
    return [Event(**{**vars(event), "opd": opd}) for event in events]


def catalogue(zone: str, agencies: int) -> Catalogue:
    """A city of many small agencies, with limits that are counted as events come and KPIs of every form."""
    return Catalogue(
        city=CityOfCatalogue(name="Kota Uji", timezone=zone),
        limits=tuple(
            Limit(kind=kind, duration=duration, limit=timedelta(microseconds=limit))
            for (kind, duration), limits in CATALOGUED.items()
            for limit in limits
        ),
        calendars=(CALENDAR,),
        agencies=tuple(_agency(f"opd-{number}") for number in range(1, agencies + 1)),
        kpis=KPIS,
    )


def _agency(opd: str) -> Agency:
    """Unit u1 has opening hours, u2 never closes."""
    name, kinds = Name(id="Dinas", en="Agency"), ("queue", "permit", "visit")
    return Agency(
        opd=opd,
        name=name,
        apps=tuple(App(app=app, name=name) for app in APPS),
        units=(Unit(unit="u1", name=name, kinds=kinds, calendar="jam-kerja"), Unit(unit="u2", name=name, kinds=kinds)),
        services=tuple(Service(service=service, name=name, kinds=kinds) for service in SERVICES),
    )


_HOURS = [f"{first:02}:00-{last:02}:00" for first, last in OPEN_HOURS]
CALENDAR = Calendar.model_validate(
    {
        "code": "jam-kerja",
        "name": {"id": "Jam kerja", "en": "Working hours"},
        "working_day": "PT7H",
        "hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), _HOURS),
        "holidays": [{"date": day, "name": "Libur"} for day in sorted(CLOSED_DAYS)],
    }
)


def _kpi(code: str, kind: str, measure: dict[str, object], *, unit: str = "percent", **more: object) -> Kpi:
    """A KPI of the whole city; its thresholds do not matter here."""
    window = {} if measure["type"] in ("open", "overdue") else {"window": {"rolling": "P1D"}}
    sample = {} if measure["type"] in ("open", "overdue", "count") else {"minimum_sample": 1}
    usual = {
        "kpi": code,
        "filter": {"kind": kind},
        "owner": "opd-1",
        "measure": measure,
        "unit": unit,
        "direction": "lower",
        "minimum_sample": None,
        "thresholds": {"warning": {"at": 50, "clear": 40}, "critical": {"at": 60, "clear": 50}},
        "effective": {"since": "2025-01-01"},
    }
    return build(**{"window": None, **usual, **window, **sample, **more})


KPIS = (
    _kpi(
        "izin-lewat",
        "permit",
        {"type": "overdue", "duration": "lead", "limit": {"working_days": 2}},
        unit="count",
        effective={"since": DUE["permit"][4]},
    ),
    _kpi("antre-lewat", "queue", {"type": "overdue", "duration": "wait", "limit": "PT15M"}, unit="count"),
    _kpi("izin-menunggu", "permit", {"type": "open", "waiting": True}, unit="count"),
    _kpi(
        "izin-terbuka", "permit", {"type": "open"}, unit="count", filter={"kind": "permit", "opds": ["opd-1", "opd-2"]}
    ),
    _kpi("antre-terbuka", "queue", {"type": "open"}, unit="count"),
    _kpi("izin-tempo", "permit", {"type": "p90", "duration": "lead", "clock": "net"}, unit="hours"),
    _kpi("izin-tepat", "permit", {"type": "share_within", "duration": "lead", "limit": {"working_days": 2}}),
    _kpi("antre-daring", "queue", {"type": "share_of_channel", "state": "issued", "channel": "online"}),
    _kpi("antre-batal", "queue", {"type": "share_of_states", "states": ["abandoned", "no_show"], "of": ["issued"]}),
    _kpi("antre-tunggu", "queue", {"type": "mean", "duration": "wait"}, unit="minutes"),
    _kpi("izin-masuk", "permit", {"type": "count", "state": "submitted", "counts": "events"}, unit="count"),
)


@asynccontextmanager
async def open_city(database: Database, zone: str, agencies: int = MOST_AGENCIES) -> AsyncIterator[City]:
    """Put the catalogue into force, and connect everybody in the role that they have in production."""
    catalogue_store.apply(database.owner_url, catalogue(zone, agencies))
    async with AsyncExitStack() as stack:
        workers = []
        for number in (1, 2):
            pool = db.pool(
                database.url_for("hub_aggregator"), size=2, name=f"worker-{number}", configure=transaction.prepare
            )
            worker = Worker(await stack.enter_async_context(pool))
            await worker.registry.refresh()
            workers.append(worker)
        async with db.pool(database.owner_url, size=2, name="rewrite") as pool:
            await rewrite(pool)
        owner = stack.enter_context(psycopg.connect(database.owner_url, autocommit=True))
        reader = stack.enter_context(psycopg.connect(database.url_for("grafana_reader"), autocommit=True))
        yield City(zone, (workers[0], workers[1]), owner, Wall(reader), agencies)
