"""The embedded database: PostgreSQL with TimescaleDB out of Debian's own packages, in a bubblewrap sandbox.

The sandbox has its own process ids, so that with the postmaster (or with bubblewrap) every backend is gone at once, and
a stale `postmaster.pid` names no living process; it shares the host's System V memory, by which PostgreSQL notices a
second server on the same data.
"""

import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.local.state import Memory, StackError, write_private
from deploy.local.supervise import Program

NAME = "postgres"
PORTS = (NAME,)
DATABASE = "warroom"
SUPERUSER = "postgres"
OWNER = "warroom_owner"

#: Login roles of the hub and what CREATE ROLE says of each; all else is granted by the migrations.
ROLES = {
    OWNER: " CREATEROLE CREATEDB",
    "hub_ingest": "",
    "hub_aggregator": "",
    "grafana_reader": "",
}

_BIN = "/usr/lib/postgresql/17/bin"
_DATA = "/data/17"

_CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 60
password_encryption = scram-sha-256

shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
# Template copies fail while its workers are connected (timescale/timescaledb#4048); no feature of ours needs one.
timescaledb.max_background_workers = 0
# Every chunk that a query may touch takes a lock.
max_locks_per_transaction = 512

shared_buffers = 256MB
max_wal_size = 4GB
wal_level = minimal
max_wal_senders = 0
jit = off

timezone = UTC
log_timezone = UTC
log_line_prefix = '%m [%p] %q%u@%d '
log_min_messages = warning
log_min_duration_statement = 1s
log_checkpoints = off
# Values are people's data: neither slow nor failed statements may show theirs.
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
"""


def rootfs() -> Path:
    """The sandbox's files, unpacked at first use."""
    script = Path(__file__).with_name("rootfs.sh")
    built = subprocess.run(["/bin/sh", script], stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise StackError("the files of TimescaleDB are missing and could not be unpacked; the reason stands above")
    return Path(built.stdout.strip())


def program(folder: Path) -> Program:
    """The server as a program of the supervisor."""
    return Program(
        NAME,
        # INT asks PostgreSQL for a fast, clean shutdown; bubblewrap itself has to survive it, so it starts with INT
        # ignored, while the server sets its own handler.
        [
            *("env", "--ignore-signal=INT"),
            *_sandbox(folder, f"{_BIN}/postgres", "-D", _DATA, "-c", "config_file=/data/postgresql.conf"),
        ],
        priority=100,
        stop_signal="INT",
        stop_group=True,
        stop_seconds=90,
    )


def configure(folder: Path, memory: Memory) -> None:
    """Create the data folder if there is none, and write the configuration."""
    write_private(folder / "postgresql.conf", _CONFIGURATION.format(port=memory.ports[NAME]))
    if (folder / "17").exists():
        return
    # Under another name until it is whole: an interrupted start begins afresh.
    shutil.rmtree(folder / "new", ignore_errors=True)
    write_private(folder / "password", memory.password(f"database/{SUPERUSER}"))
    initdb = [f"{_BIN}/initdb", "-D", "/data/new", "-U", SUPERUSER, "--pwfile=/data/password"]
    done = subprocess.run(
        # The builtin locale needs no locale of the system and sorts alike on every machine.
        _sandbox(
            folder,
            *initdb,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    (folder / "password").unlink()
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise StackError(
            f"initdb failed in {folder}: {said[0]}; bubblewrap needs user namespaces and space on the disk"
        )
    (folder / "new").rename(folder / "17")


def _sandbox(folder: Path, *command: str) -> list[str]:
    # PostgreSQL refuses to run as root: in its own user namespace it is user 1000, whoever starts it.
    return [
        *("bwrap", "--unshare-user", "--unshare-pid", "--uid", "1000", "--gid", "1000", "--die-with-parent"),
        *("--ro-bind", str(rootfs()), "/", "--dev", "/dev", "--bind", str(folder), "/data"),
        *("--clearenv", "--setenv", "PATH", "/usr/bin", "--chdir", "/data", "--"),
        *command,
    ]


def url(memory: Memory, role: str, database: str = DATABASE) -> str:
    """The URL of a role on this server."""
    return f"postgresql://{role}:{memory.password(f'database/{role}')}@127.0.0.1:{memory.ports[NAME]}/{database}"


def answers(memory: Memory) -> bool:
    """Whether the server takes a connection and a statement."""
    try:
        with psycopg.connect(url(memory, SUPERUSER, "postgres"), connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def reach(url: str) -> None:
    """Fail clearly if the database that WARROOM_DATABASE_URL names takes no connection."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0]
        raise StackError(f"no connection to WARROOM_DATABASE_URL: {said}; correct it, or unset it") from None


_READER = Path(__file__).parents[1] / "timescaledb" / "reader.sql"


def bootstrap(memory: Memory) -> None:
    """Create what is missing of the roles, the extension and the database. May run any number of times."""
    with psycopg.connect(url(memory, SUPERUSER, "postgres"), autocommit=True) as connection:
        present = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role, options in ROLES.items():
            # Hashed here, so that the server never sees, and cannot log, the password. Set anew each time: a role may
            # change its own, and whoever looks at the wall can send any SQL.
            password = memory.password(f"database/{role}").encode()
            verifier = connection.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256").decode()
            verb = sql.SQL("ALTER" if role in present else "CREATE")
            login = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), verifier)
            connection.execute(login + sql.SQL(options))
            if role != OWNER:
                # The owner sets their grants and time-outs in the migrations, without being any of them.
                grant = sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
                connection.execute(grant.format(sql.Identifier(role), sql.Identifier(OWNER)))
        # In the template, so that every database which the owner creates (tests do) has it as well.
        with psycopg.connect(url(memory, SUPERUSER, "template1"), autocommit=True) as template:
            template.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
            template.execute(_READER.read_bytes())
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            create = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            connection.execute(create)
        with psycopg.connect(url(memory, SUPERUSER), autocommit=True) as hub:
            hub.execute(_READER.read_bytes())
