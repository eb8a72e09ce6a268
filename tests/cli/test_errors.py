"""Whoever errs is told what, where and the next step in one line, without a traceback."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from opd_sdk.errors import NotConnected
from services.cli.context import complain
from tests.cli.conftest import ROOT, Warroom, one_line

_NOWHERE = {
    "WARROOM_NATS_URL": "nats://127.0.0.1:9",
    "WARROOM_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
}


def test_no_hub_was_started(tmp_path: Path) -> None:
    for words in (("status",), ("measure", "queue"), ("verify",), ("rejects", "list"), ("migrate",)):
        assert "warroom up" in one_line(Warroom(tmp_path / "none")(*words))


def test_servers_that_do_not_answer(tmp_path: Path) -> None:
    assert "NATS at 127.0.0.1:9 does not answer" in one_line(Warroom(tmp_path)("status", **_NOWHERE))
    line = one_line(Warroom(tmp_path)("verify", **_NOWHERE))
    assert "database does not answer" in line


def test_a_wall_without_a_hub_says_once_what_to_do(tmp_path: Path) -> None:
    words = ("--state", str(tmp_path), "dashboards", "preview")
    command = [sys.executable, "-m", "services.cli", *words]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **_NOWHERE}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as wall:
        assert wall.stdout is not None
        address = wall.stdout.readline().split()[-1]
        # The broker is tried each second: what is asked twice of the database lasts for several attempts.
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError, match="503"):
                urllib.request.urlopen(f"{address}healthz", timeout=60)  # noqa: S310 - ours
        wall.terminate()
        told = wall.stdout.read().splitlines()
    assert len(told) == 2, told
    for what, cause in (
        ("the broker at 127.0.0.1:9", "refused"),
        ("the database", "port 9 failed: Connection refused"),
    ):
        (line,) = (line for line in told if f"{what} does not answer" in line)
        assert "starts with: warroom up" in line
        assert cause.lower() in line.lower()


def test_unknown_things_are_named(warroom: Warroom, tmp_path: Path) -> None:
    done = warroom("measure", "queues")
    assert done.returncode == 2
    assert "queue, permit, visit" in done.stderr
    assert warroom("measure", "queue", "--from", "yesterday").returncode == 2
    assert warroom("measure", "queue", "--limit", "soon").returncode == 2
    assert "there is no refused event number 999999999" in one_line(warroom("rejects", "show", "999999999"))
    assert "is no folder" in one_line(warroom("catalogue", "check", str(tmp_path / "none")))


def test_the_ready_catalogue_is_sound(warroom: Warroom) -> None:
    done = warroom("catalogue", "check", "schemas/catalogue")
    assert done.returncode == 0
    assert "53 agencies, 20 applications" in done.stdout
    unchanged = warroom("catalogue", "apply", "schemas/catalogue")
    assert "Nothing changed" in unchanged.stdout


def test_a_hub_that_is_down_is_no_fault_of_the_hub() -> None:
    down = NotConnected("127.0.0.1:9", "refused")
    assert complain(ExceptionGroup("tasks", [down, ValueError()])) == str(down)
    assert complain(ExceptionGroup("tasks", [ValueError()])) is None


def test_workers_no_longer_wanted_are_stopped(warroom: Warroom) -> None:
    assert warroom("up", "--workers", "2").returncode == 0
    assert Stack(warroom.state).pid("aggregator-2") is not None
    assert warroom("up").returncode == 0
    assert Stack(warroom.state).pid("aggregator-2") is None
