"""A bare machine: what is missing is installed where that is allowed, else named with the command that mends it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "local" / "prerequisites.sh"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH on which only a bare system's commands stand; apt-get writes down what it is asked."""
    for name in ("sh", "env", "grep", "echo"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    _command(tmp_path, "id", "echo 1000")
    _command(tmp_path, "apt-get", f'echo "$*" >>{tmp_path}/asked')
    return tmp_path


def _command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def _run(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", SCRIPT], env={"PATH": str(path), **environment}, text=True, capture_output=True)


def test_without_rights_the_exact_command_is_named(bare: Path) -> None:
    done = _run(bare)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "sudo apt-get update && sudo apt-get install -y python3 python3-venv mmdebstrap bubblewrap" in done.stderr
    assert not (bare / "asked").exists()


def test_root_installs_what_is_missing(bare: Path) -> None:
    _command(bare, "id", "echo 0")
    (bare / "python3").symlink_to(os.path.realpath("/usr/bin/env"))
    done = _run(bare)
    update, install = (bare / "asked").read_text().splitlines()
    assert update.endswith("update")
    assert "install -y --no-install-recommends python3-venv mmdebstrap bubblewrap" in install
    assert "Installing" in done.stderr


def test_sudo_without_a_password_is_used(bare: Path) -> None:
    _command(bare, "sudo", '[ "$2" = true ] || { shift; "$@"; }')
    _run(bare)
    assert "install -y" in (bare / "asked").read_text()


def test_a_failed_installation_says_what_apt_said(bare: Path) -> None:
    _command(bare, "id", "echo 0")
    _command(bare, "apt-get", 'echo "E: Unable to locate package mmdebstrap" >&2; exit 100')
    done = _run(bare)
    assert done.returncode == 1
    assert "E: Unable to locate package mmdebstrap; run: apt-get update && apt-get install -y" in done.stderr


def test_a_given_database_needs_no_sandbox(bare: Path) -> None:
    done = _run(bare, WARROOM_DATABASE_URL="postgresql://somewhere/warroom")
    assert "install -y python3 python3-venv\n" in done.stderr


def test_this_machine_lacks_nothing() -> None:
    done = subprocess.run(["/bin/sh", SCRIPT], text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tests_have_their_browser_whatever_was_made_before() -> None:
    done = subprocess.run(["make", "-n", "check", "test"], cwd=SCRIPT.parents[2], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert -1 < done.stdout.find("WARROOM_BROWSER=1") < done.stdout.find("bin/pytest")
