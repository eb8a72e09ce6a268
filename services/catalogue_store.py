"""Puts a catalogue into force: a new version in the database, the city's row, the limits that are counted exactly.

A limit that is new is counted over all that is stored, in the same transaction in which it begins to be counted.
Public holidays are stored as the dates that they are now known to be.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from opd_schemas.calendars import Calendar
from opd_schemas.catalogue import Catalogue
from services import holidays_source
from services.db import load
from services.errors import NotMigrated, TimeZoneFixed

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
        document = _with_holidays(connection, catalogue, newest[1] if newest else {}).model_dump(mode="json")
        if newest is not None and newest[1] == document:
            return Applied(newest[0], changed=False, new_limits=0)
        fixed = connection.execute(SQL["other_zone_in_use"], (city.timezone,)).fetchone()
        if fixed is not None:
            raise TimeZoneFixed(fixed[0], city.timezone)
        connection.execute(SQL["set_city"], (city.name, city.code, city.timezone, city.late_after))
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
    return Applied(row[0], changed=True, new_limits=len(added))


def _with_holidays(connection: psycopg.Connection, catalogue: Catalogue, in_force: dict[str, Any]) -> Catalogue:
    row = connection.execute(SQL["local_day"], (catalogue.city.timezone,)).fetchone()
    assert row is not None  # noqa: S101 - SELECT without FROM
    former = [Calendar.model_validate(each) for each in in_force.get("calendars", ())]
    return holidays_source.expand(catalogue, today=row[0], in_force=former)
