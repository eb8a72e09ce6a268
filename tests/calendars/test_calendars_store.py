"""What is put into force holds the holidays as dates; ingest and aggregator need no package to read it."""

from datetime import date
from pathlib import Path

import psycopg

from opd_schemas.catalogue import Catalogue
from services import catalogue_store
from services.catalogue import load
from tests.databases import Database

ROOT = Path(__file__).parents[2]


def _in_force(database: Database) -> Catalogue:
    with psycopg.connect(database.owner_url) as connection:
        row = connection.execute("SELECT document FROM hub.catalogue ORDER BY version DESC LIMIT 1").fetchone()
    assert row is not None
    return Catalogue.model_validate(row[0])


def test_dates_are_stored_and_an_equal_catalogue_makes_no_version(database: Database) -> None:
    written = load(ROOT / "schemas" / "catalogue")
    first = catalogue_store.apply(database.owner_url, written)
    stored = _in_force(database)
    office = next(calendar for calendar in stored.calendars if calendar.code == "kantor")
    assert {date(2026, 8, 17), date(2026, 3, 20)} <= set(office.expanded)
    assert stored.model_copy(update={"calendars": written.calendars}) == written

    again = catalogue_store.apply(database.owner_url, written)
    assert (first.changed, again.changed, again.version) == (True, False, first.version)


def test_a_past_day_stays_as_it_was_stored(database: Database) -> None:
    written = load(ROOT / "schemas" / "catalogue")
    catalogue_store.apply(database.owner_url, written)
    # As an earlier release of the package would have had it.
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "UPDATE hub.catalogue SET document = jsonb_set(document, '{calendars,0,expanded}',"
            " (document #> '{calendars,0,expanded}') - '2025-08-18')"
        )
    catalogue_store.apply(database.owner_url, written)
    [office, counters, *_] = _in_force(database).calendars
    assert date(2025, 8, 18) not in office.expanded
    assert date(2025, 8, 18) in counters.expanded
