"""Brings a database to the newest form: numbered `.sql` files, each once, all that are missing in
one transaction, never edited after.

Each time: `reader.sql`, and the `measure` table in step with the lifecycles that the contract declares.
"""

import hashlib
from pathlib import Path

import psycopg

from opd_schemas.events import KINDS
from services.aggregator.rules import measure_names
from services.db import load
from services.errors import MigrationChanged

SQL = load(__file__)
_READER = Path(__file__).with_name("reader.sql")


def _files() -> list[tuple[str, str]]:
    folder = Path(__file__).parent
    return sorted(
        (entry.name, entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql") and entry.name[:4].isdigit()
    )


def migrate(url: str) -> list[str]:
    """Apply what is missing to the database at `url` (its owner); returns the names of the files applied.

    Raises MigrationChanged if a file that was applied has been edited since.
    """
    applied: list[str] = []
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute(SQL["lock"])
        connection.execute(SQL["create_table"])
        done: dict[str, str] = dict(connection.execute(SQL["applied"]).fetchall())
        for name, text in _files():
            checksum = hashlib.sha256(text.encode()).hexdigest()
            if name in done:
                if done[name] != checksum:
                    raise MigrationChanged(name)
                continue
            connection.execute(text.encode())
            connection.execute(SQL["record"], (name, checksum))
            applied.append(name)
        connection.execute(_READER.read_bytes())
        for kind, lifecycle in KINDS.items():
            if lifecycle.has_cases:
                connection.execute(SQL["kind"], (kind, lifecycle.health, lifecycle.expires is not None))
                for measure in measure_names(lifecycle):
                    connection.execute(SQL["measure"], (kind, *measure))
    return applied
