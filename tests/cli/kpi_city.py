"""A small city whose KPIs stand in every status at noon of one day, and the command line that looks at it."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from opd_schemas.catalogue import Catalogue
from opd_schemas.event import Event
from services import catalogue_store, db
from services.aggregator import transaction
from services.aggregator.arrival import Arrival
from services.aggregator.registry import Registry
from services.aggregator.rewrite import rewrite
from services.micros import to_us
from tests.arrivals import arrive
from tests.cli.conftest import Warroom
from tests.databases import Database
from tests.kpi.blocks import build

AT = "2025-11-17T12:00"
NOON = datetime.fromisoformat("2025-11-17T12:00+07:00")
_ALWAYS = {"since": "2025-01-01"}
_MINUTES = {"warning": {"at": 30, "clear": 20}, "critical": {"at": 60, "clear": 45}}


def _name(text: str) -> dict[str, str]:
    return {"id": text, "en": f"{text} (en)"}


def _agency(opd: str, app: str, unit: str, *kinds: str, calendar: str | None = None) -> dict[str, Any]:
    return {
        "opd": opd,
        "name": _name(f"Dinas {opd}"),
        "apps": [{"app": app, "name": _name(app), "expected_every": "PT30M"}],
        "units": [{"unit": unit, "name": _name(unit), "kinds": kinds, "calendar": calendar}],
        "services": [{"service": "layanan", "name": _name("Layanan"), "kinds": kinds}],
    }


def _block(kpi: str, name: str, **block: Any) -> Any:
    block = {"window": {"rolling": "PT4H"}, "minimum_sample": 2, "thresholds": _MINUTES, "effective": _ALWAYS, **block}
    block["programme"] = {
        "programme": "cepat", "name": _name("Cepat"), "start": "2025-01-01", "end": "2026-12-31",
        "owner": "Kepala Dinas", "reviews": ["2026-06-01"],
    }  # fmt: skip
    return build(
        kpi=kpi, name=_name(name), baseline={
            "value": block.pop("worst", 90), "as_of": "2024-12-31", "source": {"text": "Ukur", "verified": True},
        }, **block,
    ).model_dump(mode="json")  # fmt: skip


def _queue(opd: str) -> dict[str, Any]:
    return {"kind": "queue", "opds": [opd]}


KPIS = [
    _block("tunggu", "Waktu tunggu", filter=_queue("dukcapil"), measure={"type": "mean", "duration": "wait"}),
    _block(
        "tepat", "Dilayani dalam 30 menit", filter=_queue("dukcapil"), window={"local": "day"}, unit="percent",
        measure={"type": "share_within", "duration": "wait", "limit": "PT30M"}, direction="higher", worst=10,
        thresholds={"warning": {"at": 75, "clear": 80}, "critical": {"at": 65, "clear": 70}},
    ),
    _block("jarang", "Jarang terjadi", filter=_queue("dukcapil"), minimum_sample=500,
           measure={"type": "median", "duration": "service"}, dimension="economy"),
    _block("diam", "Aplikasi diam", filter=_queue("dishub"), measure={"type": "p90", "duration": "wait"}),
    _block("kosong", "Tanpa perkara", filter=_queue("dukcapil") | {"channels": ["online"]}, dimension="society",
           measure={"type": "mean", "duration": "wait"}),
    _block("rahasia", "Kunjungan puskesmas", filter={"kind": "visit", "opds": ["dinkes"]}, unit="count",
           measure={"type": "count", "state": "registered"}, window={"rolling": "P7D"}, minimum_sample=None,
           direction="higher", worst=0,
           thresholds={"warning": {"at": 2000, "clear": 2500}, "critical": {"at": 1000, "clear": 1500}}),
    _block("izin", "Izin yang menunggu", filter={"kind": "permit"}, unit="count", measure={"type": "open"},
           window=None, minimum_sample=None, dimension="economy", worst=9,
           thresholds={"warning": {"at": 2, "clear": 1}, "critical": {"at": 4, "clear": 3}}),
    _block("nanti", "Baru berlaku nanti", filter=_queue("dukcapil"), measure={"type": "mean", "duration": "wait"},
           effective={"since": "2025-11-18"}),
]  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "city": {"name": "Kota Uji", "timezone": "Asia/Jakarta"},
    "calendars": [
        {"code": "kantor", "name": _name("Kantor"), "working_day": "PT7H", "hours": {"mon": ["08:00-15:00"]}}
    ],
    "agencies": [
        _agency("dukcapil", "antrean", "loket", "queue"),
        _agency("dishub", "uji", "balai", "queue"),
        _agency("dinkes", "simpus", "pkm", "visit"),
        _agency("dpmptsp", "izin", "bidang", "permit", calendar="kantor"),
    ],
    "kpis": KPIS,
}
_APPS = {"dukcapil": ("antrean", "loket"), "dishub": ("uji", "balai"), "dinkes": ("simpus", "pkm"),
         "dpmptsp": ("izin", "bidang")}  # fmt: skip


def _events() -> Iterator[tuple[str, str, str, str, timedelta]]:
    """(opd, kind, case, state, time before noon)."""
    minute = timedelta(minutes=1)
    for number, waited in enumerate((10, 20, 45, 70, 17)):
        yield "dukcapil", "queue", f"A-{number}", "issued", 100 * minute
        yield "dukcapil", "queue", f"A-{number}", "called", (100 - waited) * minute
        yield "dukcapil", "queue", f"A-{number}", "served", 5 * minute
    # A day earlier: two, one of them late.
    for number, waited in enumerate((10, 40)):
        yield "dukcapil", "queue", f"B-{number}", "issued", timedelta(days=1, minutes=60)
        yield "dukcapil", "queue", f"B-{number}", "called", timedelta(days=1, minutes=60 - waited)
    for number in range(3):
        yield "dishub", "queue", f"C-{number}", "issued", 150 * minute
        yield "dishub", "queue", f"C-{number}", "called", 130 * minute
        yield "dinkes", "visit", f"D-{number}", "registered", 20 * minute
    for number in range(5):
        yield "dpmptsp", "permit", f"E-{number}", "submitted", timedelta(days=number)


def arrivals() -> list[Arrival]:
    """All that happened, each received as it happened."""
    found = []
    for seq, (opd, kind, case, state, before) in enumerate(_events(), start=1):
        app, unit = _APPS[opd]
        event = Event(kind=kind, state=state, time=NOON - before, case=case, id=f"e{seq}", opd=opd, app=app, unit=unit,
                      service="layanan", channel="onsite")  # fmt: skip
        found.append(arrive(event, seq, received_us=to_us(NOON - before)))
    return found


@dataclass(frozen=True)
class City:
    """A database with that city's catalogue and events, every figure counted."""

    database: Database
    state: Path

    def __call__(self, *words: str, lang: str = "en", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `warroom`, in a database that it may only read as Grafana does."""
        reader = {"WARROOM_DATABASE_URL": self.database.url_for("grafana_reader")}
        # A command that does not need the broker must not ask for it.
        nowhere = {"WARROOM_NATS_URL": "nats://127.0.0.1:9"}
        return Warroom(self.state)(*words, lang=lang, **{**nowhere, **reader, **environment})

    def json(self, *words: str, **environment: str) -> Any:
        """What a command with --json prints; it must have gone well."""
        done = self(*words, "--json", **environment)
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def query(self, statement: str, *values: object, role: str = "warroom_owner") -> list[dict[str, Any]]:
        """The rows of one statement."""
        with psycopg.connect(self.database.url_for(role), row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


def settled(database: Database, document: dict[str, Any] = DOCUMENT) -> None:
    """Apply the catalogue, commit the events, and count what there is to count."""
    catalogue_store.apply(database.owner_url, Catalogue.model_validate(document))

    async def commit() -> None:
        worker = db.pool(database.url_for("hub_aggregator"), size=3, name="aggregator", configure=transaction.prepare)
        async with worker as pool:
            registry = Registry(pool)
            await registry.refresh()
            async with pool.connection() as connection:
                await transaction.apply(connection, registry, arrivals())
        async with db.pool(database.owner_url, size=3, name="rewrite") as pool:
            await rewrite(pool)

    asyncio.run(commit())
