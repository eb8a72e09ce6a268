"""Up, down and up again; kills; servers of somebody else."""

import os
import signal
import stat
import sys
from pathlib import Path

import nats
import psycopg
import pytest

from deploy.local.stack import Endpoints, Program, Stack, StackError


async def _publish(endpoints: Endpoints) -> int:
    """Add a message to a stream; how many it then has."""
    client = await nats.connect(endpoints.nats_url_for("hub-admin"))
    js = client.jetstream()
    await js.add_stream(name="KEPT", subjects=["kept"])
    await js.publish("kept", b"1")
    messages = (await js.stream_info("KEPT")).state.messages
    await client.close()
    return messages


def _insert(endpoints: Endpoints) -> int:
    """Add a row as the owner; how many there then are."""
    with psycopg.connect(endpoints.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept ()")
        connection.execute("INSERT INTO kept DEFAULT VALUES")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def _processes(stack: Stack) -> dict[int, str]:
    """The living processes of a stack: those that have its state folder in their command line, and their children."""
    found: dict[int, str] = {}
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state, parent = (entry / "stat").read_text().rpartition(") ")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z" and int(entry.name) != os.getpid() and (str(stack.state) in command or int(parent) in found):
            found[int(entry.name)] = command
    return found


async def test_a_second_up_reuses_the_data_and_down_leaves_nothing(whole: Stack) -> None:
    first = whole.endpoints()
    assert first is not None
    assert (await _publish(first), _insert(first)) == (1, 1)
    assert len(_processes(whole)) > 4
    for path in whole.state.rglob("*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = [*first.nats_users.values(), *first.database_roles.values()]
    assert not [command for command in _processes(whole).values() if any(secret in command for secret in secrets)]
    assert not [log for log in whole.state.glob("log/*") if any(secret in log.read_text() for secret in secrets)]

    assert whole.up() == first
    whole.down()
    assert not whole.is_running()
    assert _processes(whole) == {}
    assert "database system is shut down" in whole.log("postgres").read_text()
    whole.down()

    again = whole.up()
    assert again == first
    assert (await _publish(again), _insert(again)) == (2, 2)


def test_killed_servers_come_back(whole: Stack) -> None:
    endpoints = whole.endpoints()
    assert endpoints is not None
    for rows in range(1, 4):
        assert _insert(endpoints) == rows
        sandbox = whole.pid("postgres")
        assert sandbox is not None
        # By turns bubblewrap, its process 1, and the postmaster.
        family = [sandbox, *(pid for pid in _processes(whole) if pid > sandbox)]
        os.kill(family[rows - 1], signal.SIGKILL)
        whole.wait()
        assert whole.pid("postgres") not in {None, sandbox}
    broker = whole.pid("nats")
    assert broker is not None
    os.kill(broker, signal.SIGKILL)
    whole.wait()
    assert whole.pid("nats") not in {None, broker}


def test_a_killed_supervisor_takes_all_with_it_and_up_mends(whole: Stack) -> None:
    endpoints = whole.endpoints()
    assert endpoints is not None
    assert _insert(endpoints) == 1
    whole.add_programs([Program("service", ["sleep", "1000"])])
    os.kill(int((whole.state / "supervisord.pid").read_text()), signal.SIGKILL)
    assert not whole.is_running()
    with pytest.raises(StackError, match="start it first"):
        whole.pid("postgres")
    assert whole.up() == endpoints
    assert _insert(endpoints) == 2
    assert "sleep 1000" not in _processes(whole).values()


def test_an_interrupted_first_start_begins_afresh(tmp_path: Path, broker: Stack) -> None:
    nats_only = broker.endpoints()
    assert nats_only is not None
    stack = Stack(tmp_path, {"WARROOM_NATS_URL": nats_only.nats_url})
    (tmp_path / "postgres" / "new" / "base").mkdir(parents=True)
    try:
        assert _insert(stack.up()) == 1
    finally:
        stack.down()


def test_programs_are_kept_running_with_their_environment(broker: Stack) -> None:
    odd = "a 'b' \"c\" ; # %(d)s $HOME\n%"
    script = "import os, time; print(repr(os.environ['ODD']), flush=True); time.sleep(1000)"
    program = Program("odd", [sys.executable, "-c", script], {"ODD": odd})
    broker.add_programs([program])
    first = broker.pid("odd")
    broker.add_programs([program])
    assert broker.pid("odd") == first
    broker.add_programs([Program("odd", program.command, {"ODD": odd + "!"})])
    second = broker.pid("odd")
    assert second not in {None, first}
    broker.stop("odd")
    assert broker.pid("odd") is None
    broker.start("odd")
    assert broker.pid("odd") not in {None, second}
    with pytest.raises(StackError, match="BAD_NAME"):
        broker.pid("unheard-of")


async def test_given_servers_are_used_and_none_is_started(tmp_path: Path, stack: Stack, endpoints: Endpoints) -> None:
    environment = {
        "WARROOM_NATS_URL": endpoints.nats_url_for("hub-admin"),
        "WARROOM_DATABASE_URL": endpoints.database_url,
    }
    other = Stack(tmp_path / "both", environment)
    try:
        given = other.up(applications=[("dukcapil", "kiosk")])
        assert given.nats_url_for("ingest") == environment["WARROOM_NATS_URL"]
        assert given.database_url_for("hub_ingest") == environment["WARROOM_DATABASE_URL"]
        assert given.superuser_url is None
        assert [command for command in _processes(other).values() if "supervisord" not in command] == []
    finally:
        other.down()


def test_a_given_server_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    for name, url in {
        "WARROOM_NATS_URL": "nats://127.0.0.1:9",
        "WARROOM_DATABASE_URL": "postgresql://somebody:secret@127.0.0.1:9/x",
    }.items():
        with pytest.raises(StackError, match=f"no connection to {name}.*refused.*unset it$") as caught:
            Stack(tmp_path, {name: url}).up()
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_server_that_cannot_start_is_told_with_its_last_words(
    tmp_path: Path, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.stack._PATIENCE_WITH_FAILURE", 0.5)
    stack = Stack(tmp_path, {"WARROOM_DATABASE_URL": endpoints.database_url})
    try:
        stack.up()
        stack.stop("nats")
        with (tmp_path / "nats" / "server.conf").open("a") as configuration:
            configuration.write("nonsense")
        with pytest.raises(StackError, match=r"nats does not answer after .*server\.conf.*more in"):
            stack.start("nats")
    finally:
        stack.down()


def test_every_new_database_has_timescaledb_and_time_zones(endpoints: Endpoints) -> None:
    with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE zones")
    with psycopg.connect(endpoints.database_url_for("warroom_owner", "zones")) as connection:
        connection.execute("CREATE TABLE event (at timestamptz NOT NULL, value int)")
        connection.execute("SELECT create_hypertable('event', 'at')")
        connection.execute("INSERT INTO event VALUES ('2026-03-29 00:30Z', 1), ('2026-03-29 17:30Z', 2)")
        days = connection.execute(
            "SELECT time_bucket('1 day', at, 'Asia/Jakarta')::text, (at AT TIME ZONE 'Europe/Amsterdam')::text"
            " FROM event ORDER BY at"
        ).fetchall()
        settings = connection.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('jit'),"
            " current_setting('password_encryption'), upper('ж')"
        ).fetchone()
    assert days == [
        ("2026-03-28 17:00:00+00", "2026-03-29 01:30:00"),
        ("2026-03-29 17:00:00+00", "2026-03-29 19:30:00"),
    ]
    assert settings == ("on", "on", "off", "scram-sha-256", "Ж")
    with psycopg.connect(endpoints.database_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE zones")
