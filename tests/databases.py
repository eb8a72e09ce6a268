"""Databases for tests: each one fresh, migrated and alone, copied from a template that is migrated once per run."""

import itertools
import secrets
from dataclasses import dataclass

import psycopg
from psycopg import sql

from deploy.local.stack import Endpoints
from services.sql.runner import migrate

# A copy leaves out the rights on the database itself, which are part of what is tested.
_RIGHTS = """
SELECT CASE WHEN a.grantee = 0 THEN NULL ELSE a.grantee::regrole::text END, a.privilege_type
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE d.datname = %s
"""
_CITY = "INSERT INTO hub.city (name, timezone, late_after) VALUES ('Kota Uji', %s, interval '10 minutes')"


@dataclass(frozen=True)
class Database:
    """A migrated database of its own; its city has a time zone and no catalogue yet."""

    name: str
    endpoints: Endpoints

    @property
    def owner_url(self) -> str:
        """As its owner, who migrates and applies catalogues."""
        return self.url_for("warroom_owner")

    def url_for(self, role: str) -> str:
        """As `hub_ingest`, `hub_aggregator` or `grafana_reader`."""
        return self.endpoints.database_url_for(role, self.name)


class Databases:
    """Makes databases on the server of this run, and drops them."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._prefix = f"warroom_test_{secrets.token_hex(4)}"
        self._template: Database | None = None
        self._made: list[Database] = []
        self._numbers = itertools.count(1)

    def create(self, timezone: str | None = "Asia/Jakarta") -> Database:
        """A fresh one; with `timezone` None no city is set, as before the first catalogue."""
        if self._template is None:
            self._template = self._new("template")
            migrate(self._template.owner_url)
        database = self._new(str(next(self._numbers)), self._template)
        if timezone is not None:
            with psycopg.connect(database.owner_url) as connection:
                connection.execute(_CITY, (timezone,))
        return database

    def drop(self, database: Database) -> None:
        """Drop it, whoever is still connected."""
        self._made.remove(database)
        # Only the server's superuser may end the sessions of other roles.
        url = self._endpoints.superuser_url or self._endpoints.database_url
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))

    def drop_all(self) -> None:
        """Drop every database that is left; a server that is the run's own takes them along when it ends."""
        if self._endpoints.superuser_url is not None:
            return
        for database in list(self._made):
            self.drop(database)

    def _server(self) -> psycopg.Connection[tuple[str | None, str]]:
        return psycopg.connect(self._endpoints.database_url, autocommit=True, connect_timeout=5)

    def _new(self, suffix: str, template: Database | None = None) -> Database:
        database = Database(f"{self._prefix}_{suffix}", self._endpoints)
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database.name))
        with self._server() as connection:
            if template is None:
                connection.execute(create)
            else:
                try:
                    connection.execute(create + sql.SQL(" TEMPLATE {}").format(sql.Identifier(template.name)))
                except psycopg.errors.ObjectInUse:
                    # Somebody looks into the template (a background worker of a server that is not ours).
                    connection.execute(create)
                    migrate(database.owner_url)
                else:
                    _copy_rights(connection, template, database)
        self._made.append(database)
        return database


def _copy_rights(
    connection: psycopg.Connection[tuple[str | None, str]], template: Database, database: Database
) -> None:
    name = sql.Identifier(database.name)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role, right in connection.execute(_RIGHTS, (template.name,)).fetchall():
        grantee = sql.SQL("PUBLIC") if role is None else sql.SQL(role)
        connection.execute(sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(right), name, grantee))
