"""The JSON Schemas in the repository are those that the contract generates."""

from pathlib import Path

import orjson
import pytest

from opd_schemas import generate
from opd_schemas.events import KINDS

FOLDER = Path(__file__).parents[2] / "schemas" / "jsonschema"


def test_the_committed_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([str(FOLDER), "--check"]) == 0, capsys.readouterr().err


def test_there_is_one_per_kind_and_one_of_the_catalogue() -> None:
    wanted = {f"{kind}.v{lifecycle.version}.json" for kind, lifecycle in KINDS.items()} | {"catalogue.json"}
    assert wanted <= {path.name for path in FOLDER.iterdir()}
    for path in FOLDER.iterdir():
        assert orjson.loads(path.read_bytes())["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert path.read_bytes().endswith(b"}\n")


def test_check_names_what_differs_and_writing_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([str(tmp_path)]) == 0
    (tmp_path / "queue.v1.json").write_text("{}\n")
    (tmp_path / "app.v1.json").unlink()
    capsys.readouterr()
    assert generate.main([str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" differs")[0] for line in said] == [
        str(tmp_path / "queue.v1.json"),
        str(tmp_path / "app.v1.json"),
    ]
    assert generate.main([str(tmp_path)]) == 0
    assert generate.main([str(tmp_path), "--check"]) == 0


def test_a_folder_that_is_missing_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main([str(tmp_path / "nowhere")]) == 1
    assert "is no folder" in capsys.readouterr().err
