"""What becomes of each row: an event that the contract takes, or a reason with its line; a bad row harms no other."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from opd_schemas.event import Event, parse
from services.errors import MapError, NotImported
from services.importer.map import load
from services.importer.mapper import Ready, Skip
from services.importer.rows import Row, needs_map, open_source

CITY = ZoneInfo("Asia/Makassar")
MAP = """\
kind: permit
opd: dpmptsp
app: sicantik
case: {column: berkas}
time: {column: waktu}
event_id: {columns: [id]}
state: {column: status, values: {Masuk: submitted, Periksa: verified, Terbit: issued}}
unit: {column: loket, values: {Depan: front-office}}
service: {column: layanan}
channel: {column: jalur, values: {Langsung: onsite, "": online}}
"""
HEADER = "id,berkas,waktu,status,loket,layanan,jalur"
GOOD = "e-1,B-1,2026-03-02T08:00:00+08:00,Masuk,Depan,imb,Langsung"
NIK = "7371010203850001"


class Files:
    """Writes a map and a file, and reads the rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(
        self, *lines: str, mapped: str | None = MAP, header: str = HEADER, name: str = "data.csv", start: int = 0
    ) -> list[Row]:
        text = "\n".join((header, *lines)) if mapped is not None else "\n".join(lines)
        return self.read(text.encode("utf-8", "surrogateescape"), mapped=mapped, name=name, start=start)

    def read(self, content: bytes, *, mapped: str | None = MAP, name: str = "data.csv", start: int = 0) -> list[Row]:
        (self.folder / "map.yaml").write_text(mapped or "")
        (self.folder / name).write_bytes(content)
        file = load(self.folder / "map.yaml") if mapped is not None else None
        with open_source(self.folder / name, file, CITY) as source:
            rows = list(source.rows(start))
            assert 0 < source.position <= source.size
            return rows

    def one(self, line: str, *, mapped: str = MAP, header: str = HEADER) -> Event | Skip:
        (row,) = self.rows(line, mapped=mapped, header=header)
        return row.outcome.event if isinstance(row.outcome, Ready) else row.outcome


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_row_becomes_an_event_as_it_travels(files: Files) -> None:
    (row,) = files.rows(GOOD)
    assert row.line == 2
    assert isinstance(row.outcome, Ready)
    assert row.outcome.event == Event(
        opd="dpmptsp",
        app="sicantik",
        kind="permit",
        state="submitted",
        id="e-1",
        time=datetime(2026, 3, 2, 0, 0, tzinfo=UTC),
        unit="front-office",
        service="imb",
        channel="onsite",
        case="B-1",
    )
    assert parse(row.outcome.body) == row.outcome.event


@pytest.mark.parametrize(
    ("replaced", "by", "reason", "example"),
    [
        ("Masuk", "Arsip", "unmapped_state", "Arsip"),
        ("Masuk", " ", "empty_cell", "status"),
        ("Depan", "Belakang", "unmapped_unit", "Belakang"),
        ("Langsung", "Faks", "unmapped_channel", "Faks"),
        ("2026-03-02T08:00:00+08:00", "kemarin", "bad_time", "kemarin"),
        ("2026-03-02T08:00:00+08:00", "", "empty_cell", "waktu"),
        ("2026-03-02T08:00:00+08:00", "0001-01-01T00:00:00+14:00", "bad_time", "0001-01-01T00:00:00+14:00"),
        ("2026", "1999", "bad_time", "time: lies before the year 2000; check the application's clock"),
        ("B-1", "", "empty_cell", "berkas"),
        ("B-1", "B 1", "invalid_case", "B 1"),
        ("B-1", "-1", "invalid_case", "-1"),
        ("B-1", "x" * 97, "invalid_case", "x" * 97),
        (
            "B-1",
            NIK,
            "personal_data",
            "data.case: holds personal data (NIK, telephone or name); send a case number that names nobody",
        ),
        ("e-1", NIK, "personal_data", "id"),
        ("e-1", "", "empty_cell", "id"),
        ("Masuk", f"Masuk {NIK}", "unmapped_state", "Masuk ***"),
        ("imb", "Izin Bangunan", "invalid_data", "data.service: must match ^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$"),
        ("B-1", "B\udcff1", "not_utf8", "berkas"),
        ("Masuk", "Masuk\udcff", "not_utf8", "status"),
        (",Langsung", "", "wrong_cells", "6 cells under 7 columns"),
        ("Langsung", "Langsung,", "wrong_cells", "8 cells under 7 columns"),
        ("Depan", '"Depan" x', "bad_row", "',' expected after '\"'"),
    ],
)
def test_a_row_that_is_skipped(files: Files, replaced: str, by: str, reason: str, example: str) -> None:
    rows = files.rows(GOOD, GOOD.replace(replaced, by), GOOD)
    assert [row.line for row in rows] == [2, 3, 4]
    assert rows[1].outcome == Skip(reason, example)
    assert isinstance(rows[0].outcome, Ready)
    assert rows[0].outcome == rows[2].outcome


def test_cells_are_stripped_and_an_empty_one_may_have_a_meaning(files: Files) -> None:
    event = files.one(" e-1 , B-1 ,2026-03-02T08:00:00Z, Masuk ,Depan , imb ,")
    assert isinstance(event, Event)
    assert (event.id, event.case, event.service, event.channel) == ("e-1", "B-1", "imb", "online")


def test_an_open_quote_is_one_bad_row(files: Files) -> None:
    rows = files.rows(GOOD, '"' + GOOD, GOOD)
    assert [(row.line, isinstance(row.outcome, Ready)) for row in rows] == [(2, True), (3, False)]
    assert rows[1].outcome == Skip("bad_row", "unexpected end of data")


def test_rows_over_several_lines_and_blank_lines_keep_the_line_numbers(files: Files) -> None:
    header = HEADER + ",catatan"
    rows = files.rows(GOOD + ',"satu\ndua"', "", GOOD + ",x", header=header)
    assert [row.line for row in rows] == [2, 5]
    assert all(isinstance(row.outcome, Ready) for row in rows)


class TestTimes:
    """Formats and zones."""

    def at(self, files: Files, cell: str, time: str) -> datetime | Skip:
        mapped = MAP.replace("time: {column: waktu}", f"time: {{column: waktu, {time}}}")
        found = files.one(GOOD.replace("2026-03-02T08:00:00+08:00", cell), mapped=mapped)
        return found.time if isinstance(found, Event) else found

    def test_without_an_offset_it_is_the_city_s(self, files: Files) -> None:
        assert self.at(files, "2026-03-02 08:00:00.25", "format: iso") == datetime(2026, 3, 2, 0, 0, 0, 250000, UTC)

    def test_an_offset_outranks_the_zone(self, files: Files) -> None:
        assert self.at(files, "2026-03-02 08:00:00+07:00", "zone: Asia/Jayapura") == datetime(2026, 3, 2, 1, tzinfo=UTC)

    def test_a_format_with_a_zone(self, files: Files) -> None:
        time = 'format: "%d/%m/%Y %H.%M", zone: Asia/Jakarta'
        assert self.at(files, "02/03/2026 08.30", time) == datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
        assert self.at(files, "2026-03-02 08:30", time) == Skip("bad_time", "2026-03-02 08:30")

    def test_an_hour_that_the_clocks_left_out(self, files: Files) -> None:
        assert self.at(files, "2011-03-27 02:30", "zone: Europe/Amsterdam") == Skip(
            "bad_time", "2011-03-27 02:30 does not exist in Europe/Amsterdam: the clocks went forward"
        )

    def test_an_hour_that_came_twice_is_the_first(self, files: Files) -> None:
        assert self.at(files, "2011-10-30 02:30", "zone: Europe/Amsterdam") == datetime(2011, 10, 30, 0, 30, tzinfo=UTC)


class TestEventIds:
    """The named columns, or a digest."""

    def ids(self, files: Files, columns: str | None, *rows: str, header: str = HEADER) -> list[str]:
        named = f"event_id: {{columns: {columns}}}\n" if columns else ""
        mapped = MAP.replace("event_id: {columns: [id]}\n", named)
        outcomes = [row.outcome for row in files.rows(*rows, mapped=mapped, header=header)]
        return [outcome.event.id if isinstance(outcome, Ready) else outcome.reason for outcome in outcomes]

    def test_columns_are_joined(self, files: Files) -> None:
        assert self.ids(files, "[berkas, id]", GOOD) == ["B-1:e-1"]

    def test_what_is_no_id_is_digested_the_same_each_time(self, files: Files) -> None:
        odd = GOOD.replace("e-1", "e 1")
        first, again, other = self.ids(
            files, "[berkas, id]", odd, odd.replace("imb", "siup"), GOOD.replace("e-1", "e 2")
        )
        assert first == again == "18b95a08ed73873a90e3cec86f147c93"
        assert other != first

    def test_no_two_sets_of_cells_are_taken_for_one(self, files: Files) -> None:
        rows = (GOOD.replace("B-1", "a:b").replace("e-1", "c"), GOOD.replace("B-1", "a").replace("e-1", "b:c"))
        assert len(set(self.ids(files, "[berkas, id]", *rows))) == 2

    def test_equal_rows_are_one_event(self, files: Files) -> None:
        first, again, other = self.ids(files, None, GOOD, GOOD, GOOD.replace("Masuk", "Terbit"))
        assert first == again == "98c182684543423921bac3fb9cb8fa64"
        assert other != first

    def test_the_digest_of_a_row_holds_no_personal_data(self, files: Files) -> None:
        header = HEADER + ",catatan,Nama"
        one, other = self.ids(files, None, f"{GOOD},{NIK},Budi", f"{GOOD},7371010203850002,Siti", header=header)
        assert one == other


class TestTickets:
    """A queue's case is built from unit of issue, local day and ticket."""

    MAP = """\
kind: queue
opd: dukcapil
app: antrean
case: {column: nomor, ticket: true}
time: {column: waktu}
state: {column: status, values: {Terbit: issued, Pindah: transferred}}
unit: {column: loket}
service: {value: ktp-el}
channel: {value: onsite}
"""
    HEADER = "nomor,waktu,status,loket,terbit_di,tanggal"
    ROW = "A-001,2026-03-01T17:30:00Z,Pindah,loket-2,Loket 1,1 Maret 2026"

    def test_unit_and_local_day_of_the_row(self, files: Files) -> None:
        event = files.one(self.ROW, mapped=self.MAP, header=self.HEADER)
        assert isinstance(event, Event)
        assert event.case == "loket-2:2026-03-02:A-001"

    def test_unit_and_day_of_issue_of_their_own(self, files: Files) -> None:
        case = (
            "case: {column: nomor, ticket: true, unit: {column: terbit_di, values: {Loket 1: loket-1}},"
            ' day: {column: tanggal, format: "%d Maret %m%Y"}}'
        )
        mapped = self.MAP.replace("case: {column: nomor, ticket: true}", case)
        row = self.ROW.replace("1 Maret 2026", "01 Maret 032026")
        event = files.one(row, mapped=mapped, header=self.HEADER)
        assert isinstance(event, Event)
        assert (event.case, event.unit) == ("loket-1:2026-03-01:A-001", "loket-2")
        assert files.one(self.ROW, mapped=mapped, header=self.HEADER) == Skip("bad_time", "1 Maret 2026")
        unknown = files.one(row.replace("Loket 1", "Loket 9"), mapped=mapped, header=self.HEADER)
        assert unknown == Skip("unmapped_unit", "Loket 9")


class TestJsonLines:
    """CloudEvents, one a line."""

    def event(self, **fields: object) -> str:
        data = {"unit": "loket-1", "service": "ktp-el", "channel": "onsite", "case": "loket-1:2026-03-02:A-001"}
        envelope = {"specversion": "1.0", "id": "e-1", "source": "/opd/dukcapil/antrean", "type": "opd.queue.issued.v1"}
        return json.dumps({**envelope, "time": "2026-03-02T08:00:00+08:00", "data": data, **fields})

    def test_every_line_is_judged_by_itself(self, files: Files) -> None:
        lines = (
            self.event(),
            "",
            "{",
            self.event(type="opd.queue.vanished.v1"),
            self.event(id=NIK),
            self.event(hubhistory=True),
            self.event(id="e-2"),
        )
        rows = files.rows(*lines, mapped=None, name="data.jsonl")
        outcomes = [r.outcome.event.id if isinstance(r.outcome, Ready) else r.outcome.reason for r in rows]
        assert [row.line for row in rows] == [1, 3, 4, 5, 6, 7]
        assert outcomes == ["e-1", "malformed_json", "unknown_state", "personal_data", "invalid_envelope", "e-2"]
        assert all(NIK not in row.outcome.example for row in rows if isinstance(row.outcome, Skip))

    def test_the_line_travels_as_it_is(self, files: Files) -> None:
        line = self.event(traceparent="00-ab-cd-01")
        (row,) = files.read(f"\ufeff{line}\r\n".encode(), mapped=None, name="DATA.NDJSON")
        assert isinstance(row.outcome, Ready)
        assert row.outcome.body == line.encode()


def test_rows_behind_a_given_one(files: Files) -> None:
    lines = [GOOD.replace("e-1", f"e-{n}") for n in range(5)]
    lines[1] = '"' + "x" * 10 + '" y'
    assert files.rows(*lines, start=3) == files.rows(*lines)[3:]
    assert files.rows(*lines, start=9) == []
    events = [TestJsonLines().event(id=f"e-{n}") for n in range(5)]
    assert (
        files.rows(*events, mapped=None, name="d.jsonl", start=2)
        == files.rows(*events, mapped=None, name="d.jsonl")[2:]
    )


def test_compressed_files_with_a_byte_order_mark(files: Files) -> None:
    text = f"\ufeff{HEADER}\r\n{GOOD}\r\n".encode()
    assert files.read(gzip.compress(text), name="data.csv.gz") == files.rows(GOOD)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", b"", r"data\.csv: is empty; its first line must name the columns"),
        ("data.csv", f"{HEADER}\n".encode("utf-16"), r"data\.csv: is not UTF-8; save it with the encoding UTF-8"),
        ("data.csv", b'"id\n', r"data\.csv: line 1 must name the columns, but is no CSV"),
        ("data.csv.gz", b"id,berkas", r"data\.csv\.gz: is damaged or cannot be read behind line 0 \(BadGzipFile\)"),
        (
            "data.csv.gz",
            gzip.compress(HEADER.encode(), mtime=0)[:-9],
            r"is damaged or cannot be read behind line 0 \(EOFError\)",
        ),
    ],
)
def test_a_file_that_cannot_be_read(files: Files, name: str, content: bytes, message: str) -> None:
    with pytest.raises(NotImported, match=message):
        files.read(content, name=name)


def test_a_file_that_does_not_fit_its_map(files: Files) -> None:
    with pytest.raises(MapError, match=r'state\.column: names the column "status"'):
        files.rows(GOOD, header=HEADER.replace("status", "keadaan"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(NotImported, match=r"none\.csv: cannot be opened \(No such file or directory\)"),
        open_source(tmp_path / "none.csv", None, CITY),
    ):
        pytest.fail("was opened")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.csv", True), ("a.b.CSV.gz", True), ("a.jsonl", False), ("a.ndjson.GZ", False)],
)
def test_the_name_tells_what_a_file_holds(name: str, expected: bool) -> None:
    assert needs_map(Path(name)) is expected


@pytest.mark.parametrize("name", ["a", "a.gz", "a.xlsx", "a.csv.zip"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(NotImported, match=r"must end in \.csv, \.jsonl or \.ndjson"):
        needs_map(Path(name))
