"""The database: named statements from `.sql` files, and connections that notice a dead server.

No SQL stands in Python: `SQL = load(__file__)` reads the `queries.sql` beside a module into a mapping by name.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import LiteralString, cast

import orjson
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

set_json_loads(orjson.loads)

_CONNECT = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "application_name": "warroom",
}


def load(module_file: str, name: str = "queries.sql") -> Mapping[str, LiteralString]:
    """Statements of the `.sql` file beside `module_file`: `-- name: x` begins the statement x."""
    text = Path(module_file).with_name(name).read_text(encoding="utf-8")
    statements: dict[str, str] = {}
    for block in text.split("-- name: ")[1:]:
        title, _, body = block.partition("\n")
        statements[title.strip()] = body.strip()
    # Our own files are literals in all but the type checker's eyes.
    return cast(Mapping[str, LiteralString], statements)


def pool(
    url: str, *, size: int, name: str, configure: Callable[[AsyncConnection[TupleRow]], Awaitable[None]] | None = None
) -> Pool:
    """A pool that checks a connection before it hands it out; open it with `async with`.

    `configure` is run once on each new connection.
    """
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        name=name,
        configure=configure,
        timeout=10,
        # Its waits between two attempts double, up to this: a database that is back is found within seconds.
        reconnect_timeout=5,
        check=AsyncConnectionPool.check_connection,
        kwargs={**_CONNECT, "application_name": f"warroom-{name}"},
    )
