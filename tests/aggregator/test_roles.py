"""Each role may do its work and nothing else: the reader sees the wall, the workers only add to what was received."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import nats.errors
import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from opd_schemas.catalogue import Agency, Catalogue, City
from opd_schemas.fields import Name
from services import catalogue_store, db
from services.aggregator import pulse, transaction
from services.aggregator.registry import Registry
from services.aggregator.worker import Worker
from services.sql.runner import migrate
from tests.aggregator.store import Owner, ticket
from tests.databases import Database, Databases

Reader = psycopg.Connection[tuple[Any, ...]]
_RELATIONS = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S') ORDER BY 1, 2
"""
_READERS = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'grafana_reader'"
_FUNCTIONS = """
SELECT p.oid::regprocedure::text, has_function_privilege(p.oid, 'EXECUTE')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s
"""


@pytest.fixture(scope="module")
async def database(databases: Databases) -> AsyncIterator[Database]:
    """One database for all of these tests, with an agency and a few events in it; none of them may change it."""
    database = databases.create()
    city = City(name="Kota Uji", timezone="Asia/Jakarta")
    agency = Agency(opd="dukcapil", name=Name(id="Dukcapil", en="Civil registry"))
    catalogue_store.apply(database.owner_url, Catalogue(city=city, agencies=(agency,)))
    url = database.url_for("hub_aggregator")
    async with db.pool(url, size=2, name="aggregator", configure=transaction.prepare) as pool:
        await Worker(pool, Registry(pool)).commit(
            [ticket(1, "issued", "08:00"), ticket(2, "called", "08:10"), ticket(3, "called", "08:00", id="e1")]
        )
    yield database
    databases.drop(database)


@pytest.fixture
def reader(database: Database) -> Iterator[Reader]:
    """Grafana's own connection."""
    with psycopg.connect(database.url_for("grafana_reader"), autocommit=True) as connection:
        yield connection


def test_the_reader_reads_the_wall(reader: Reader) -> None:
    views = reader.execute(_RELATIONS, ("wall",)).fetchall()
    assert ("wall", "agency") in views
    for schema, view in views:
        reader.execute(sql.SQL("SELECT * FROM {}.{}").format(sql.Identifier(str(schema)), sql.Identifier(str(view))))
    assert reader.execute("SELECT opd FROM wall.agency").fetchall() == [("dukcapil",)]

    day = "'2025-11-17+07', '2025-11-18+07'"
    assert set(reader.execute(f"SELECT state, events FROM wall.states('queue', {day})").fetchall()) == {
        ("issued", 1),
        ("called", 1),
    }
    assert reader.execute(f"SELECT n, within FROM wall.duration('queue', 'wait', {day}, '5 min')").fetchall() == [
        (1, 0)
    ]
    assert reader.execute(f"SELECT * FROM wall.channel_share('queue', 'issued', 'onsite', {day})").fetchall() == [
        (1, 1, 1.0)
    ]
    noon = "'2025-11-17 12:00+07'"
    assert reader.execute(f"SELECT open, waiting FROM wall.open('queue', {noon})").fetchall() == [(1, 0)]
    assert reader.execute(f"SELECT state, open FROM wall.open_by_state('queue', {noon})").fetchall() == [("called", 1)]
    may: dict[str, bool] = dict(reader.execute(_FUNCTIONS, ("wall",)).fetchall())
    assert may
    assert all(may.values())


def test_the_reader_sees_nothing_behind_the_wall(reader: Reader, owner: Owner) -> None:
    # Chunks of the hypertable of raw events are tables too.
    tables = owner.query(_RELATIONS, "hub") + owner.query(
        "SELECT chunk_schema, chunk_name FROM timescaledb_information.chunks WHERE hypertable_schema = 'hub'"
    )
    assert {("hub", "event"), ("hub", "ledger"), ("hub", "reject"), ("hub", "cases")} <= set(tables)
    assert any(schema == "_timescaledb_internal" for schema, _ in tables)
    for schema, table in tables:
        with pytest.raises(InsufficientPrivilege):
            reader.execute(sql.SQL("SELECT 1 FROM {}.{}").format(sql.Identifier(schema), sql.Identifier(table)))
    may: dict[str, bool] = dict(reader.execute(_FUNCTIONS, ("hub",)).fetchall())
    assert may
    assert not any(may.values())
    assert reader.execute(
        "SELECT has_schema_privilege('hub', 'USAGE'), has_schema_privilege('public', 'USAGE, CREATE'),"
        " has_database_privilege(current_database(), 'TEMPORARY')"
    ).fetchone() == (False, False, False)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wall.city SET name = 'x'",
        "DELETE FROM wall.quarantine",
        "INSERT INTO hub.reject (reason) VALUES ('x')",
        "CREATE TEMPORARY TABLE t (a int)",
        "CREATE TABLE public.t (a int)",
        "CREATE TABLE wall.t (a int)",
        "CREATE SCHEMA s",
        "DROP VIEW wall.city",
        "COPY wall.city TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
        "SET ROLE hub_aggregator",
        # Held by a session that does nothing, this lock would stop all counting.
        "SELECT pg_advisory_lock(hashtextextended('warroom.rules', 0))",
        "SELECT pg_try_advisory_xact_lock_shared(1)",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_logical_emit_message(false, 'x', 'x')",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_cancel_backend(pg_backend_pid())",
        "DO 'BEGIN COMMIT; END'",
        "ALTER ROLE grafana_reader SET temp_file_limit = -1",
        "SET temp_file_limit = -1",
    ],
)
def test_the_reader_changes_nothing(reader: Reader, statement: str) -> None:
    with pytest.raises((ReadOnlySqlTransaction, InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
        reader.execute(statement.encode())
    # Read-only is a setting that a session may lift; what counts are the rights.
    reader.execute("SET default_transaction_read_only = off")
    with pytest.raises((InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
        reader.execute(statement.encode())


def test_the_reader_has_time_bucket_without_the_extensions_schema(reader: Reader) -> None:
    found = reader.execute("SELECT time_bucket('900.000s', '2026-11-24T10:17:30Z'::timestamptz)").fetchone()
    assert found == (datetime.fromisoformat("2026-11-24T10:15:00Z"),)
    with pytest.raises(InsufficientPrivilege):
        reader.execute("SELECT public.time_bucket('900.000s', now())")


def test_the_reader_ends_what_takes_long(reader: Reader, owner: Owner) -> None:
    assert reader.execute("SHOW statement_timeout").fetchone() == ("15s",)
    assert reader.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
    assert owner.query("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'grafana_reader'") == [(20,)]
    assert reader.execute("SHOW temp_file_limit").fetchone() == ("256MB",)
    for sleep in ("pg_sleep(1)", "pg_sleep_for('1 second')", "pg_sleep_until(now())"):
        with pytest.raises(InsufficientPrivilege):
            reader.execute(f"SELECT {sleep}".encode())


async def test_what_the_reader_asks_for_too_long_is_ended(database: Database) -> None:
    """The time-out is a setting that a session may lift; the hub ends its query all the same, and no other's."""
    with (
        psycopg.connect(database.url_for("grafana_reader"), autocommit=True) as patient,
        psycopg.connect(database.url_for("hub_aggregator"), autocommit=True) as aggregator,
    ):
        patient.execute("SET statement_timeout = 0")
        endless = asyncio.create_task(
            # In a SELECT list, where it makes no file of its rows.
            asyncio.to_thread(patient.execute, "SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) x")
        )
        assert aggregator.execute("SELECT hub.end_long_reads('1 hour')").fetchone() == (0,)
        async with asyncio.timeout(60):
            while aggregator.execute("SELECT hub.end_long_reads('0.2 seconds')").fetchone() == (0,):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            with pytest.raises(psycopg.errors.AdminShutdown):
                await endless
        assert aggregator.execute("SELECT 1").fetchone() == (1,)


async def test_the_hub_itself_ends_it_whether_or_not_the_broker_answers(database: Database) -> None:
    class Silent:
        async def consumer_info(self, *_: object) -> None:
            raise nats.errors.TimeoutError

    with psycopg.connect(database.url_for("grafana_reader"), autocommit=True) as idle:
        idle.execute("BEGIN")
        async with db.pool(database.url_for("hub_aggregator"), size=1, name="pulse") as pool:
            with pytest.raises(nats.errors.TimeoutError):
                await pulse.beat(Silent(), pool, longest_read=timedelta())  # type: ignore[arg-type]
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")


def test_the_reader_is_at_home_in_one_database_only(database: Database) -> None:
    url = database.url_for("grafana_reader")
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(url, dbname=other)


def _connect_more(stack: ExitStack, url: str, times: int) -> None:
    for _ in range(times):
        stack.enter_context(psycopg.connect(url))


def test_no_more_readers_than_the_limit(database: Database) -> None:
    """The limit is of the whole server: other databases' readers, and one that hung up a moment ago, count too."""
    url = database.url_for("grafana_reader")
    readers = 0
    with ExitStack() as stack:
        superuser = stack.enter_context(
            psycopg.connect(database.endpoints.superuser_url or database.owner_url, autocommit=True)
        )
        while readers != 20:
            with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
                _connect_more(stack, url, 21)
            ((readers,),) = superuser.execute(_READERS).fetchall()
            assert readers <= 20


def test_what_the_reader_did_to_itself_is_undone_by_the_next_migration(database: Database) -> None:
    with psycopg.connect(database.url_for("grafana_reader"), autocommit=True) as reader:
        reader.execute("SET default_transaction_read_only = off")
        reader.execute("ALTER ROLE grafana_reader RESET ALL")
        reader.execute(f"ALTER ROLE grafana_reader IN DATABASE {database.name} SET search_path = nowhere".encode())
        reader.execute("ALTER ROLE grafana_reader SET default_transaction_read_only = off")
    assert migrate(database.owner_url) == []
    with psycopg.connect(database.url_for("grafana_reader"), autocommit=True) as reader:
        shown = [reader.execute(f"SHOW {name}".encode()).fetchone() for name in ("search_path", "statement_timeout")]
        assert shown == [("wall",), ("15s",)]
        assert reader.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        assert reader.execute("SHOW temp_file_limit").fetchone() == ("256MB",)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM hub.ledger",
        "UPDATE hub.ledger SET digest = ''",
        "DELETE FROM hub.event",
        "UPDATE hub.event SET at = now()",
        "DELETE FROM hub.duplicate",
        "DELETE FROM hub.reject",
        "UPDATE hub.reject SET reason = 'x'",
        "DELETE FROM hub.commit_log",
        "DELETE FROM hub.commit_counter",
        "DELETE FROM hub.cases",
        "UPDATE hub.city SET timezone = 'UTC'",
        "INSERT INTO hub.catalogue (document) VALUES ('{}')",
        "INSERT INTO hub.duration_limit VALUES (1, 1)",
        "UPDATE hub.measure SET waiting = true",
        "TRUNCATE hub.rollup_hour",
        "CREATE TABLE hub.t (a int)",
    ],
)
def test_a_worker_only_adds_to_what_was_received(database: Database, statement: str) -> None:
    with (
        psycopg.connect(database.url_for("hub_aggregator"), autocommit=True) as worker,
        pytest.raises(InsufficientPrivilege),
    ):
        worker.execute(statement.encode())


def test_ingest_reads_the_catalogue_and_nothing_else(database: Database, owner: Owner) -> None:
    with psycopg.connect(database.url_for("hub_ingest"), autocommit=True) as ingest:
        for schema, table in owner.query(_RELATIONS, "hub") + owner.query(_RELATIONS, "wall"):
            read = sql.SQL("SELECT 1 FROM {}.{}").format(sql.Identifier(schema), sql.Identifier(table))
            if (schema, table) in {("hub", "city"), ("hub", "catalogue")}:
                ingest.execute(read)
            else:
                with pytest.raises(InsufficientPrivilege):
                    ingest.execute(read)
        with pytest.raises(InsufficientPrivilege):
            ingest.execute("INSERT INTO hub.catalogue (document) VALUES ('{}')")
