"""Puts a catalogue into force: a new version in the database, the city's row, the limits that are counted exactly.

A limit that is new is counted over all that is stored, in the same transaction in which it begins to be counted. New
figures of KPIs are only entered here; `services.aggregator.rewrite` brings what is stored in step, while events flow.
Public holidays are stored as the dates that they are now known to be.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from opd_schemas.calendars import Calendar
from opd_schemas.catalogue import Catalogue
from opd_schemas.events import KINDS
from opd_schemas.kpi import Kpi
from opd_schemas.worktime import WorkClock
from services import figures, holidays_source
from services.aggregator.rules import City
from services.db import load
from services.errors import NotMigrated, TimeZoneFixed
from services.micros import binary_timestamp, to_us

SQL = load(__file__, "catalogue.sql")


@dataclass(frozen=True)
class Applied:
    """Which version is in force now, and whether it is a new one (an equal catalogue makes none)."""

    version: int
    changed: bool
    new_limits: int


def apply(url: str, catalogue: Catalogue) -> Applied:
    """Apply to the database at `url` as its owner.

    Raises NotMigrated, or TimeZoneFixed if events are counted by local days of another zone.
    """
    city = catalogue.city
    with psycopg.connect(url, connect_timeout=5) as connection:
        try:
            # Alone: workers count by the old limits until this commits, and by the new ones from then on.
            connection.execute(SQL["hold_rules_alone"])
            newest = connection.execute(SQL["newest"]).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            raise NotMigrated("The hub's database schema") from None
        in_force = with_holidays(connection, catalogue, newest[1] if newest else {})
        document = in_force.model_dump(mode="json")
        if newest is not None and newest[1] == document:
            return Applied(newest[0], changed=False, new_limits=0)
        fixed = connection.execute(SQL["other_zone_in_use"], (city.timezone,)).fetchone()
        if fixed is not None:
            raise TimeZoneFixed(fixed[0], city.timezone)
        former = connection.execute(SQL["late_after"]).fetchone()
        connection.execute(SQL["set_city"], (city.name, city.code, city.timezone, city.late_after))
        if former is not None and former[0] != city.late_after:
            connection.execute(SQL["recount_arrivals"])
        wanted = {(limit.kind, limit.duration, limit.limit // timedelta(microseconds=1)) for limit in catalogue.limits}
        columns = [list(column) for column in zip(*sorted(wanted), strict=True)] or [[], [], []]
        connection.execute(SQL["drop_limits"], columns)
        connection.execute(SQL["drop_within_hour"])
        connection.execute(SQL["drop_within_day"])
        added = connection.execute(SQL["add_limits"], columns).fetchall()
        if added:
            keys = ([row[0] for row in added], [row[1] for row in added])
            connection.execute(SQL["count_within_hour"], keys)
            connection.execute(SQL["count_within_day"], (*keys, city.timezone))
        row = connection.execute(SQL["add"], (Jsonb(document),)).fetchone()
        assert row is not None  # noqa: S101 - INSERT … RETURNING of one row
        _forget_rewritten(connection, in_force)
        _store_openings(connection, in_force)
        _store_kpis(connection, in_force, row[0])
    return Applied(row[0], changed=True, new_limits=len(added))


def _forget_rewritten(connection: psycopg.Connection, catalogue: Catalogue) -> None:
    """From now on cases are merged by these rules, so what was rewritten by others no longer stands as such."""
    city = City(catalogue.city.zone, catalogue)
    rows = connection.execute(SQL["rewritten"]).fetchall()
    stale = [(kind, opd) for kind, opd, digest in rows if city.digest(KINDS[kind], opd) != digest]
    connection.execute(SQL["forget_rewritten"], ([kind for kind, _ in stale], [opd for _, opd in stale]))


def _store_openings(connection: psycopg.Connection, catalogue: Catalogue) -> None:
    """When each calendar is open, for the years for which its holidays are known, from two years ago on."""
    connection.execute(SQL["forget_openings"])
    year = datetime.now(UTC).year
    start, end = (to_us(datetime(y, 1, 1, tzinfo=UTC)) for y in (year - 2, year + holidays_source.YEARS_AHEAD + 1))
    with connection.cursor() as cursor, cursor.copy(SQL["copy_openings"]) as copy:
        copy.set_types(("text", "int8", "int8"))
        for calendar in catalogue.calendars:
            for first, last in WorkClock(calendar, catalogue.city.zone).openings(start, end):
                copy.write_row((calendar.code, binary_timestamp(first), binary_timestamp(last)))


def _store_kpis(connection: psycopg.Connection, catalogue: Catalogue, version: int) -> None:
    # After the rules, always: see Registry.ensure.
    connection.execute(SQL["hold_terms_alone"])
    for position, kpi in enumerate(catalogue.kpis):
        block = Jsonb(kpi.model_dump(mode="json"))
        row = figures.row_of(catalogue, kpi) | {"version": version, "position": position, "block": block}
        connection.execute(SQL["add_kpi"], row | {"figure": _figure_no(connection, catalogue, kpi)})
        for feed in figures.feeds(catalogue, kpi):
            connection.execute(SQL["add_kpi_feed"], (version, kpi.kpi, *feed))
    connection.execute(SQL["add_all_terms"])
    connection.execute(SQL["retire_figures"])


def _figure_no(connection: psycopg.Connection, catalogue: Catalogue, kpi: Kpi) -> int:
    """The number of the KPI's figure, which begins to be counted if it is new."""
    figure = figures.figure_of(catalogue, kpi)
    new = connection.execute(SQL["add_figure"], (figure.definition, figure.kind, figure.form, *figure.lists)).fetchone()
    if new is None:
        known = connection.execute(SQL["figure"], (figure.definition,)).fetchone()
        assert known is not None  # noqa: S101 - it was in the way of the new one
        return int(known[0])
    for part in figure.parts:
        connection.execute(SQL["add_figure_part"], {"figure": new[0], "kind": figure.kind, **part._asdict()})
    for limit in figure.limits:
        connection.execute(SQL["add_figure_limit"], (new[0], *limit))
    return int(new[0])


def with_holidays(connection: psycopg.Connection, catalogue: Catalogue, in_force: dict[str, Any]) -> Catalogue:
    """The catalogue as it would be stored after the document `in_force`: public holidays as dates."""
    row = connection.execute(SQL["local_day"], (catalogue.city.timezone,)).fetchone()
    assert row is not None  # noqa: S101 - SELECT without FROM
    former = [Calendar.model_validate(each) for each in in_force.get("calendars", ())]
    return holidays_source.expand(catalogue, today=row[0], in_force=former)
