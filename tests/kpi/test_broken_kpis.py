"""A fault in a KPI is one clear line: file, line, field, what is wrong and how to mend it.

Each file in `broken/` begins with the fault ("# ! …") that it must be refused with, and no other. The second part of
its name is the agency whose file it is.
"""

import shutil
from pathlib import Path

import pytest

from services.catalogue import load
from services.errors import CatalogueError

HERE = Path(__file__).parent
CASES = sorted((HERE / "broken").glob("*.yaml"))
JARGON = ("Input should", "Value error", "validation", "pydantic", "ruamel", "NoneType", "tag")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    city = tmp_path / "city"
    shutil.copytree(HERE / "city", city)
    (city / "kpis").mkdir()
    return city


def _faults(folder: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load(folder)
    return [fault.replace(f"{folder}/", "") for fault in caught.value.faults]


def _sound() -> str:
    """A file that is sound: the one of the unknown runbook, with a runbook of its own."""
    return (HERE / "broken" / "runbook_that_is_not_there.dukcapil.yaml").read_text().replace("antrean.md", "antrean")


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_it_is_refused_with_the_one_fault_that_it_names(case: Path, folder: Path) -> None:
    text = case.read_text()
    (folder / "kpis" / f"{case.suffixes[0][1:]}.yaml").write_text(text)
    expected = [line[4:] for line in text.splitlines() if line.startswith("# ! ")]
    assert len(expected) == 1
    assert _faults(folder) == expected
    assert not any(word in expected[0] for word in JARGON)
    place, field, what = expected[0].split(": ", 2)
    assert place.startswith("kpis/")
    assert field.startswith("kpis[")
    assert what


def test_a_sound_file_is_taken(folder: Path) -> None:
    (folder / "kpis" / "dukcapil.yaml").write_text(_sound())
    assert [kpi.kpi for kpi in load(folder).kpis] == ["tunggu"]


def test_a_city_without_kpis_is_sound(folder: Path) -> None:
    assert load(folder).kpis == ()
    (folder / "kpis").rmdir()
    assert load(folder).kpis == ()


def test_a_runbook_beside_the_catalogue_is_taken(folder: Path) -> None:
    (folder / "runbooks").mkdir()
    (folder / "runbooks" / "antrean.md").write_text("# Antrean\n")
    text = (HERE / "broken" / "runbook_that_is_not_there.dukcapil.yaml").read_text()
    (folder / "kpis" / "dukcapil.yaml").write_text(text)
    assert load(folder).kpis[0].runbook == "runbooks/antrean.md"


def test_one_code_in_two_files_names_both_places(folder: Path) -> None:
    (folder / "kpis" / "dukcapil.yaml").write_text(_sound())
    (folder / "kpis" / "dinkes.yaml").write_text("\n" + _sound().replace("owner: dukcapil", "owner: dinkes"))
    where = "kpis/dukcapil.yaml:3: kpis[tunggu]"
    assert _faults(folder) == [
        f"{where}: stands twice, first at kpis/dinkes.yaml:4; keep one of the two, or correct it"
    ]


def test_what_is_no_list_of_kpis(folder: Path) -> None:
    (folder / "kpis" / "dukcapil.yaml").write_text("kpi:\n  - {kpi: tunggu}\n")
    assert _faults(folder)[0] == "kpis/dukcapil.yaml:1: kpi: does not belong in this file; did you mean kpis?"
    (folder / "kpis" / "dukcapil.yaml").write_text("kpis: tunggu\n")
    assert _faults(folder) == [
        "kpis/dukcapil.yaml:1: kpis: must list the kpis, each beginning with a hyphen; add them, or remove the file"
    ]


def test_another_suffix_is_not_passed_over(folder: Path) -> None:
    (folder / "kpis" / "dukcapil.yml").write_text(_sound())
    assert _faults(folder) == ["kpis/dukcapil.yml:1: is not read, since its name ends in .yml; rename it to .yaml"]


def test_faults_of_several_blocks_are_all_named(folder: Path) -> None:
    block = _sound().split("kpis:\n", 1)[1]
    broken = block.replace("kpi: tunggu", "kpi: lain").replace("duration: wait", "duration: lead")
    text = "kpis:\n" + block.replace("loket-1", "loket-9") + "\n" + broken
    (folder / "kpis" / "dukcapil.yaml").write_text(text)
    assert [fault.split(": ")[1] for fault in _faults(folder)] == ["kpis[lain].measure.duration"]
    (folder / "kpis" / "dukcapil.yaml").write_text(text.replace("duration: lead", "duration: wait"))
    assert [fault.split(": ")[1] for fault in _faults(folder)] == [
        "kpis[tunggu].filter.units[loket-9]",
    ]
