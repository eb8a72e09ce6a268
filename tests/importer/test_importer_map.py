"""Every fault of a map is one clear line that says where it stands and how to mend it; so is one that does not fit."""

from pathlib import Path

import pytest

from services.errors import MapError
from services.importer.map import MapFile, load

BROKEN = sorted((Path(__file__).parent / "broken_maps").glob("*.yaml"))
EXAMPLE = Path(__file__).parents[2] / "examples" / "permit-receipts" / "map.yaml"
QUEUE = """\
kind: queue
opd: dukcapil
app: antrean
case:
  column: nomor
  ticket: true
  unit: {column: loket_terbit, values: {"1": loket-1}}
  day: {column: tanggal, format: "%d/%m/%Y"}
time: {column: waktu, format: "%d/%m/%Y %H:%M:%S", zone: Asia/Makassar}
event_id: {columns: [nomor, urutan]}
state: {column: status, values: {Terbit: issued}}
unit: {column: loket}
service: {column: layanan}
channel: {column: jalur, values: {Langsung: onsite}}
"""
HEADER = ["nomor", "loket_terbit", "tanggal", "waktu", "urutan", "status", "loket", "layanan", "jalur"]


@pytest.fixture
def queue(tmp_path: Path) -> MapFile:
    path = tmp_path / "map.yaml"
    path.write_text(QUEUE)
    return load(path)


def faults_of_header(mapped: MapFile, header: list[str]) -> list[str]:
    with pytest.raises(MapError) as raised:
        mapped.check_header(header, "data.csv")
    folder = str(Path(mapped.root.place.file).parent)
    return [fault.removeprefix(f"{folder}/") for fault in raised.value.faults]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_fault_is_one_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    expected = path.read_text().splitlines()[0].removeprefix("# ! ")
    with pytest.raises(MapError) as raised:
        load(Path(path.name))
    assert raised.value.faults == (expected,)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(QUEUE.replace("issued", "isued").replace("value: onsite", "").replace("Langsung: onsite", "L: x"))
    with pytest.raises(MapError) as raised:
        load(path)
    assert [fault.split(": ")[1] for fault in raised.value.faults] == ["state.values.Terbit", "channel.values.L"]


def test_a_map_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=r"map\.yaml:1: is missing; create it"):
        load(tmp_path / "map.yaml")


def test_the_example_is_good() -> None:
    assert load(EXAMPLE).map.event_id is not None


def test_a_header_with_all_columns_fits(queue: MapFile) -> None:
    queue.check_header(["catatan", *reversed(HEADER)], "data.csv")


@pytest.mark.parametrize(
    ("column", "field", "line"),
    [
        ("nomor", "case.column", 5),
        ("loket_terbit", "case.unit.column", 7),
        ("tanggal", "case.day.column", 8),
        ("waktu", "time.column", 9),
        ("urutan", "event_id.columns.1", 10),
        ("status", "state.column", 11),
        ("loket", "unit.column", 12),
        ("layanan", "service.column", 13),
        ("jalur", "channel.column", 14),
    ],
)
def test_a_column_that_the_file_lacks(queue: MapFile, column: str, field: str, line: int) -> None:
    header = [f"{name}s" if name == column else name for name in HEADER]
    faults = [fault for fault in faults_of_header(queue, header) if f" {field}: " in fault]
    known = ", ".join(header)
    assert faults == [
        f'map.yaml:{line}: {field}: names the column "{column}", which data.csv does not have;'
        f' did you mean "{column}s"? Known: {known}'
    ]


def test_a_column_that_stands_twice(queue: MapFile) -> None:
    assert faults_of_header(queue, [*HEADER, "status"]) == [
        'map.yaml:11: state.column: names the column "status", which data.csv has twice;'
        " rename one of the two in the file"
    ]


def test_another_delimiter_is_suggested(queue: MapFile) -> None:
    assert faults_of_header(queue, [";".join(HEADER)])[0].endswith('add delimiter: ";" to the map')
    assert faults_of_header(queue, ["\t".join(HEADER)])[0].endswith('add delimiter: "\\t" to the map')
