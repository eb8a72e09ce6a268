"""One hub for all tests of the command line, run as its users run it: as a command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Endpoints, Stack

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Warroom:
    """The `warroom` command with its state folder."""

    state: Path

    def __call__(self, *words: str, lang: str = "en", **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WARROOM_")}
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "--state", str(self.state), "--lang", lang, *words],
            cwd=ROOT,
            env={**clean, "COLUMNS": "120", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def json(self, *words: str) -> Any:
        """What a command with --json prints; it must have gone well."""
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def endpoints(self) -> Endpoints:
        found = Stack(self.state).endpoints()
        assert found is not None
        return found


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one clear line of a command that failed."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture(scope="session")
def warroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warroom]:
    """A hub that is up with the ready catalogue and has seen a simulated city for a few seconds."""
    command = Warroom(tmp_path_factory.mktemp("cli"))
    try:
        done = command("up")
        assert done.returncode == 0, done.stderr
        done = command("demo", "--duration", "14", "--rate", "900")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "The books close" in done.stdout
        yield command
    finally:
        assert command("down").returncode == 0
