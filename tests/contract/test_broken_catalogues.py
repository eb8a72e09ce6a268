"""A fault in the catalogue is one line: file, line, field, what is wrong and how to mend it.

Each file in `broken_catalogues/` begins with the faults ("# ! …") that it must be refused with, and no others. Its name
says which file of a good catalogue it replaces.
"""

from pathlib import Path

import pytest

from services.catalogue import load
from services.errors import CatalogueError, HubError

CASES = sorted((Path(__file__).parent / "broken_catalogues").iterdir())
GOOD = {
    "city.yaml": "city:\n  name: Kota Padang\n  timezone: Asia/Jakarta\n",
    "agencies.yaml": "agencies:\n  - {opd: setda, name: {id: Sekretariat, en: Secretariat}}\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in GOOD.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def _faults(folder: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load(folder)
    faults = [fault.replace(f"{folder}/", "") for fault in caught.value.faults]
    assert str(caught.value).replace(f"{folder}/", "") == "\n".join(faults)
    for fault in faults:
        assert "\n" not in fault
        assert not any(word in fault for word in ("Input should", "Value error", "validation", "pydantic", "ruamel"))
    return faults


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_it_is_refused_with_the_faults_that_it_names(case: Path, folder: Path) -> None:
    text = case.read_text()
    (folder / case.name.split(".", 1)[1]).write_text(text)
    assert _faults(folder) == [line[4:] for line in text.splitlines() if line.startswith("# ! ")]


def test_the_good_catalogue_is_taken(folder: Path) -> None:
    assert load(folder).city.zone.key == "Asia/Jakarta"
    assert issubclass(CatalogueError, HubError)


def test_agencies_of_several_files_are_one_catalogue(folder: Path) -> None:
    (folder / "agencies").mkdir()
    (folder / "agencies" / "dinas.yaml").write_text("agencies:\n  - {opd: dinkes, name: {id: Dinas, en: Agency}}\n")
    assert [agency.opd for agency in load(folder).agencies] == ["setda", "dinkes"]


def test_one_code_in_two_files_names_both_places(folder: Path) -> None:
    (folder / "agencies").mkdir()
    (folder / "agencies" / "more.yaml").write_text("\n" + GOOD["agencies.yaml"])
    where = "agencies/more.yaml:3: agencies[setda]"
    assert _faults(folder) == [f"{where}: stands twice, first at agencies.yaml:2; keep one of the two, or correct it"]


def test_a_missing_folder(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(CatalogueError) as caught:
        load(gone)
    assert caught.value.faults == (f"{gone}:1: is no folder; name the folder that holds city.yaml",)


def test_missing_files_are_all_named(tmp_path: Path) -> None:
    assert _faults(tmp_path) == [
        "agencies.yaml:1: is missing, and agencies/ holds no .yaml file; list the agencies in either",
        "city.yaml:1: is missing; create it",
    ]


def test_another_suffix_is_not_passed_over(folder: Path) -> None:
    (folder / "agencies").mkdir()
    (folder / "agencies" / "dinas.yml").write_text(GOOD["agencies.yaml"])
    assert _faults(folder) == ["agencies/dinas.yml:1: is not read, since its name ends in .yml; rename it to .yaml"]


def test_another_encoding(folder: Path) -> None:
    (folder / "city.yaml").write_bytes("city:\n  name: Kota Padang é\n".encode("latin-1"))
    assert _faults(folder) == ["city.yaml:2: is not UTF-8; save the file with the encoding UTF-8"]


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    (folder / "city.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD["city.yaml"].replace("\n", "\r\n").encode())
    assert load(folder).city.name == "Kota Padang"


def test_a_control_character(folder: Path) -> None:
    (folder / "city.yaml").write_text(GOOD["city.yaml"] + "# \x07\n")
    assert _faults(folder) == ["city.yaml:4: holds a control character; delete and retype the line"]


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    (folder / "city.yaml").unlink()
    (folder / "city.yaml").mkdir()
    assert _faults(folder) == ["city.yaml:1: cannot be read (Is a directory); check the file and its rights"]


def test_deep_nesting_and_aliases_without_end(folder: Path) -> None:
    (folder / "city.yaml").write_text("city: " + "[" * 100 + "]" * 100 + "\n")
    assert len(_faults(folder)) == 1
    (folder / "city.yaml").write_text("city: " + "[" * 1000 + "]" * 1000 + "\n")
    assert _faults(folder) == ["city.yaml:1: nests too deep; write it with fewer levels"]
    laughs = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9))
    (folder / "city.yaml").write_text("l0: &l0 ha\n" + laughs)
    [fault] = _faults(folder)
    assert fault.endswith("repeats itself through anchors and aliases; write the values out")


def test_a_misspelt_field_hides_no_fault_of_the_right_one(folder: Path) -> None:
    (folder / "city.yaml").write_text('city: {name: "", nmae: Padang, "time\\nzone": WIB, timezone: WIB}\n')
    assert [fault.split(": ")[1] for fault in _faults(folder)] == [
        "city.name",
        "city.nmae",
        "city.time zone",
        "city.timezone",
    ]


def test_values_are_read_as_they_are_written(folder: Path) -> None:
    # Unquoted, YAML itself would read a number that loses its zero, a truth value and a date.
    (folder / "city.yaml").write_text("city: {code: 13.70, name: no, timezone: Asia/Jakarta}\n")
    (folder / "agencies.yaml").write_text("agencies:\n  - {opd: 007, name: {id: 2026-01-01, en: yes}}\n")
    catalogue = load(folder)
    assert (catalogue.city.code, catalogue.city.name) == ("13.70", "no")
    assert catalogue.agencies[0].opd == "007"
    assert (catalogue.agencies[0].name.id, catalogue.agencies[0].name.en) == ("2026-01-01", "yes")
