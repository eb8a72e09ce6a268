"""`warroom dashboards build`: a city's own dashboards from its own catalogue."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dashboards.publish.wanted import COMMITTED, committed, committed_playlists

WARROOM = Path(sysconfig.get_path("scripts")) / "warroom"


def build(catalogue: str, output: Path, *, lang: str = "en") -> subprocess.CompletedProcess[str]:
    """Every warning is shown."""
    command = [WARROOM, "--lang", lang, "dashboards", "build", catalogue, "--output", output]
    environment = {**os.environ, "PYTHONWARNINGS": "default", "COLUMNS": "200"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_ready_city_gives_the_committed_ones_and_nothing_else_is_touched(tmp_path: Path) -> None:
    for name in ("id/warroom-of-an-earlier-release.json", "id/theirs.json", "theirs.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}", encoding="utf-8")
    done = build("schemas/catalogue", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}: 16 files.\n", "")
    assert contents(tmp_path) == {**contents(COMMITTED), "id/theirs.json": b"{}", "theirs.json": b"{}"}


def test_a_city_of_its_own_can_publish_what_it_built(tmp_path: Path) -> None:
    done = build("examples/permit-receipts/catalogue", tmp_path / "new" / "set", lang="id")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/new/set: 16 berkas.\n", "")
    ready = {each.uid: each.content for each in committed()}
    own = {each.uid: each.content for each in committed(tmp_path / "new" / "set")}
    assert own.keys() == ready.keys()
    assert own != ready
    assert len(committed_playlists(tmp_path / "new" / "set")) == 2


@pytest.mark.parametrize(
    ("catalogue", "output", "code", "says"),
    [
        ("nowhere", "made", 1, "nowhere:1: is no folder; name the folder that holds city.yaml"),
        ("deploy", "made", 1, "deploy/city.yaml:1: "),
        ("schemas/catalogue", "a-file", 2, "a-file cannot be written to (Not a directory); choose another folder"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(tmp_path: Path, catalogue: str, output: str, code: int, says: str) -> None:
    (tmp_path / "a-file").touch()
    done = build(catalogue, tmp_path / output)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "made").exists()


def test_no_other_command_waits_for_what_these_import() -> None:
    heavy = {"dashboards.build", "dashboards.publish.client", "dashboards.preview.app", "grafana_foundation_sdk"}
    look = f"import sys, services.cli; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
