"""Reads what schema `wall` says of the KPIs: words, value, status, trust and the last steps; it computes no figure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from opd_schemas.events import KINDS
from services.db import load
from services.errors import NotMigrated

SQL = load(__file__, "kpi.sql")
#: Steps of a series, the one under way included.
DAYS = 14
HOURS = 12
_DAY = timedelta(days=1)
#: Kinds whose cases stay open over midnight; of others a level by day says nothing.
_LASTING = [kind for kind, lifecycle in KINDS.items() if lifecycle.has_cases and lifecycle.expires is None]


@dataclass(frozen=True)
class Asked:
    """All KPIs, or one, at a moment: over their own windows, or all over `window`, which is one of days or of less;
    with `then` by the catalogue that was in force at the moment.
    """

    at: datetime
    window: tuple[datetime, datetime] | None = None
    of_days: bool | None = None
    then: bool = False
    kpi: str | None = None


@dataclass(frozen=True)
class Board:
    """What was found. Each KPI is plain data under the names of the columns of schema `wall`, with its `series` of
    `step` P1D or PT1H; percentages as such, shares of lateness and achievement as fractions, None where there is none.
    """

    city: str
    timezone: str
    at: datetime
    version: int
    window: tuple[datetime, datetime] | None
    kpis: list[dict[str, Any]]


def city(url: str) -> tuple[str, ZoneInfo]:
    """The city's name and zone. Raises NotMigrated if there is none yet."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(SQL["city"]).fetchone()
    if row is None:
        raise NotMigrated("The city's catalogue")
    return row[0], ZoneInfo(row[1])


def near(url: str, word: str) -> list[str]:
    """Ids of KPIs that a mistyped one may have meant: alike, or with the word in id or name."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        names = connection.execute(SQL["names"]).fetchall()
    alike = get_close_matches(word, [row[0] for row in names], n=4)
    holding = [row[0] for row in names if any(word.lower() in name.lower() for name in row)]
    return list(dict.fromkeys([*alike, *holding]))[:4]


def read(url: str, asked: Asked) -> Board:
    """The KPIs and their last steps. Raises NotMigrated if there is no catalogue yet."""
    name, zone = city(url)
    start, end = asked.window or (None, asked.at)
    parameters = {
        "at": asked.at,
        "then": asked.then,
        "from": start,
        "to": end,
        "kpi": asked.kpi,
        "daily": asked.of_days,
        "lasting": _LASTING,
        **_first_steps(end, zone),
    }
    with psycopg.connect(url, connect_timeout=5, row_factory=dict_row) as connection:
        found = connection.execute(SQL["version"], parameters).fetchone()
        version = next(iter(found.values())) if found else None
        if version is None:
            raise NotMigrated("The city's catalogue")
        parameters["version"] = version
        kpis = {row["kpi"]: row for row in connection.execute(SQL["kpis"], parameters)}
        for kpi in kpis.values():
            kpi |= {"step": None, "series": []}
        for step in connection.execute(SQL["series"], parameters):
            kpi = kpis[step.pop("kpi")]
            kpi["step"] = "P1D" if step.pop("daily") else "PT1H"
            kpi["series"].append(step)
    return Board(name, zone.key, asked.at, version, asked.window, list(kpis.values()))


def _first_steps(end: datetime, zone: ZoneInfo) -> dict[str, datetime]:
    """Where the series begin: so many local days, or hours, before the one that `end` closes."""
    last = end - timedelta(microseconds=1)
    day: date = last.astimezone(zone).date() - (DAYS - 1) * _DAY
    hour = last.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    return {"first_day": datetime.combine(day, time(), zone), "first_hour": hour}
