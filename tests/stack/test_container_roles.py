"""The roles that a container's empty database is given: by psql as the image runs it, with the mounts of compose."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from ruamel.yaml import YAML

from deploy.local import postgres
from deploy.local.postgres import ROLES, rootfs
from deploy.local.stack import Endpoints
from deploy.local.state import Memory
from services.sql.runner import migrate
from tests.databases import Database

DEPLOY = Path("deploy")
COMPOSE = YAML(typ="safe", pure=True).load(DEPLOY / "compose.yaml")["services"]["timescaledb"]
INIT = "/docker-entrypoint-initdb.d/"
PASSWORDS = {
    "warroom_owner": "WARROOM_OWNER_PASSWORD",
    "hub_ingest": "WARROOM_INGEST_PASSWORD",
    "hub_aggregator": "WARROOM_AGGREGATOR_PASSWORD",
    "grafana_reader": "WARROOM_GRAFANA_DB_PASSWORD",
}
#: What the roles are and may; CREATEDB is the tests' own need.
RIGHTS = {
    "roles": """
        SELECT r.rolname::text, r.rolcanlogin, r.rolsuper, r.rolcreaterole, r.rolreplication, r.rolbypassrls,
               r.rolinherit, r.rolconnlimit, r.rolpassword ~ '^SCRAM-SHA-256', s.setconfig
        FROM pg_authid r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0
        WHERE r.rolname = ANY (%(roles)s::text[]) ORDER BY 1""",
    "members": """
        SELECT m.roleid::regrole::text, m.member::regrole::text, m.admin_option, m.inherit_option, m.set_option
        FROM pg_auth_members m WHERE m.roleid::regrole::text = ANY (%(roles)s::text[]) ORDER BY 1, 2""",
    "functions": """
        SELECT r, p.oid::regprocedure::text, has_function_privilege(r, p.oid, 'EXECUTE')
        FROM pg_proc p CROSS JOIN unnest(%(roles)s::text[]) r
        WHERE p.pronamespace IN ('pg_catalog'::regnamespace, 'hub'::regnamespace, 'wall'::regnamespace)
        ORDER BY 1, 2""",
    "languages": """
        SELECT r, l.lanname::text, has_language_privilege(r, l.oid, 'USAGE')
        FROM pg_language l CROSS JOIN unnest(%(roles)s::text[]) r ORDER BY 1, 2""",
    "databases": """
        SELECT r, CASE WHEN d.datname = current_database() THEN 'hub' ELSE d.datname END, p,
               has_database_privilege(r, d.oid, p)
        FROM pg_database d CROSS JOIN unnest(%(roles)s::text[]) r
        CROSS JOIN unnest(ARRAY['CONNECT', 'CREATE', 'TEMPORARY']) p
        WHERE d.datname IN (current_database(), 'postgres', 'template1') ORDER BY 1, 2, 3""",
    "tables": """
        SELECT r, c.oid::regclass::text, p, has_table_privilege(r, c.oid, p)
        FROM pg_class c CROSS JOIN unnest(%(roles)s::text[]) r
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
        WHERE c.relnamespace IN ('hub'::regnamespace, 'wall'::regnamespace) AND c.relkind IN ('r', 'v')
        ORDER BY 1, 2, 3""",
    "extensions": "SELECT extname::text FROM pg_extension ORDER BY 1",
}


def rights(url: str, what: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(RIGHTS[what], {"roles": list(ROLES)}).fetchall()


class Container:
    """An empty server, and what its image does with the files that compose mounts."""

    def __init__(self, folder: Path) -> None:
        self.memory = Memory(folder / "memory.json")
        self.memory.choose_ports([postgres.NAME])
        postgres.configure(folder, self.memory)
        self.log = folder / "log"
        with self.log.open("w") as log:
            command = [str(part) for part in postgres.program(folder).command]
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not postgres.answers(self.memory):
            assert time.monotonic() < deadline, self.log.read_text("utf-8")
            time.sleep(0.1)

    def prepare(self) -> subprocess.CompletedProcess[str]:
        """As `docker_process_init_files` of the image: psql, in the order of names."""
        mounts = [volume.split(":") for volume in COMPOSE["volumes"] if volume.startswith(".")]
        (script,) = [target for _, target, _ in mounts if target.startswith(INIT)]
        environment = {variable: self.password(role) for role, variable in PASSWORDS.items()}
        environment |= {"PGPASSWORD": self.memory.password(f"database/{postgres.SUPERUSER}")}
        assert set(PASSWORDS.values()) <= COMPOSE["environment"].keys()
        return subprocess.run(
            [
                *("bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev", "/dev", "--clearenv"),
                *("--ro-bind", str(rootfs() / "usr"), "/usr"),
                *(part for name in ("bin", "lib", "lib64") for part in ("--symlink", f"usr/{name}", f"/{name}")),
                *(part for name, value in environment.items() for part in ("--setenv", name, value)),
                *(part for source, target, _ in mounts for part in ("--ro-bind", str(DEPLOY / source), target)),
                *("--", "/usr/lib/postgresql/17/bin/psql", "-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc"),
                *("--username", postgres.SUPERUSER, "--dbname", "postgres", "--host", "127.0.0.1"),
                *("--port", str(self.memory.ports[postgres.NAME]), "--file", script),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    def password(self, role: str) -> str:
        return self.memory.password(f"database/{role}")

    def url(self, role: str) -> str:
        return postgres.url(self.memory, role)

    def stop(self) -> None:
        self._server.kill()
        self._server.wait()


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    container = Container(tmp_path_factory.mktemp("container"))
    try:
        done = container.prepare()
        assert done.returncode == 0, done.stderr
        migrate(container.url("warroom_owner"))
        yield container
    finally:
        container.stop()


@pytest.mark.parametrize("what", RIGHTS)
def test_roles_are_and_may_what_they_are_and_may_where_everything_is_tested(
    container: Container, endpoints: Endpoints, database: Database, what: str
) -> None:
    assert endpoints.superuser_url
    given = rights(container.url(postgres.SUPERUSER), what)
    assert given
    assert given == rights(make_conninfo(endpoints.superuser_url, dbname=database.name), what)


def test_each_role_has_the_password_of_its_variable(container: Container) -> None:
    for role in ROLES:
        psycopg.connect(container.url(role)).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(make_conninfo(container.url(role), password="another")).close()


def test_no_password_reaches_the_servers_log(container: Container) -> None:
    with psycopg.connect(container.url("grafana_reader")) as reader, pytest.raises(psycopg.errors.UndefinedTable):
        reader.execute("SELECT * FROM wall.nothing")
    # What fails is logged with its statement, were it not for the file.
    again = container.prepare()
    log = container.log.read_text("utf-8")
    assert "already exists" in again.stderr
    assert "wall.nothing" in log
    assert [role for role in ROLES if container.password(role) in log + again.stderr] == []
