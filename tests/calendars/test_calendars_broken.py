"""A fault in `calendars.yaml` is one line: file, line, field, what is wrong and how to mend it.

Each file in `broken_calendars/` begins with the faults ("# ! …") that it must be refused with, and no others.
"""

from pathlib import Path

import pytest

from services.catalogue import load
from services.errors import CatalogueError

CASES = sorted((Path(__file__).parent / "broken_calendars").iterdir())
CITY = "city: {name: Kota Padang, timezone: Asia/Jakarta}\n"
AGENCIES = """\
agencies:
  - opd: dpmptsp
    name: {id: Dinas Perizinan, en: Licensing Agency}
    units:
      - unit: bidang-usaha
        name: {id: Bidang Usaha, en: Business Division}
        kinds: [permit]
        calendar: kantor
"""
GOOD = """\
calendars:
  - code: kantor
    name: {id: Jam Kerja, en: Office Hours}
    working_day: PT7H30M
    hours: {mon: [07:30-16:00]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "city.yaml").write_text(CITY)
    (tmp_path / "agencies.yaml").write_text(AGENCIES)
    return tmp_path


def _faults(folder: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load(folder)
    for fault in caught.value.faults:
        assert "\n" not in fault
        assert not any(word in fault for word in ("Input should", "Value error", "validation", "pydantic", "ruamel"))
    return [fault.replace(f"{folder}/", "") for fault in caught.value.faults]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_it_is_refused_with_the_faults_that_it_names(case: Path, folder: Path) -> None:
    text = case.read_text()
    (folder / "calendars.yaml").write_text(text)
    assert _faults(folder) == [line[4:] for line in text.splitlines() if line.startswith("# ! ")]


def test_the_good_calendar_is_taken(folder: Path) -> None:
    (folder / "calendars.yaml").write_text(GOOD)
    [unit] = load(folder).agencies[0].units
    assert unit.calendar == "kantor"


def test_without_the_file_no_unit_may_name_a_calendar(folder: Path) -> None:
    where = "agencies.yaml:8: agencies[dpmptsp].units[bidang-usaha].calendar"
    assert _faults(folder) == [f"{where}: is no calendar of the catalogue; none is known"]


def test_without_the_file_units_are_always_open(folder: Path) -> None:
    (folder / "agencies.yaml").write_text(AGENCIES.replace("        calendar: kantor\n", ""))
    found = load(folder)
    assert found.calendars == ()
    assert found.agencies[0].units[0].calendar is None
