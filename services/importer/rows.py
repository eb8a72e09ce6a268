"""Reads a file of history row by row: each row becomes an event as it will travel, or is skipped for a named reason.

A bad row never ends the import. A row is digested over its cells, so rows that are equal to the last character are one
event unless the map names what tells them apart.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from opd_schemas import privacy
from opd_schemas.event import Event, EventId, parse
from opd_schemas.events import queue
from opd_schemas.refusal import Reason, Refusal
from services.errors import NotImported
from services.importer.map import ISO, Choice, Map, MapFile

# Reasons of the importer's own; beside them stand those of the contract (`opd_schemas.refusal.Reason`).
BAD_ROW = "bad_row"
WRONG_CELLS = "wrong_cells"
EMPTY_CELL = "empty_cell"
BAD_TIME = "bad_time"
INVALID_CASE = "invalid_case"
UNMAPPED_STATE = "unmapped_state"
UNMAPPED_UNIT = "unmapped_unit"
UNMAPPED_SERVICE = "unmapped_service"
UNMAPPED_CHANNEL = "unmapped_channel"

_EVENT_ID = TypeAdapter(EventId)
_LONGEST_EXAMPLE = 80
_COMPRESSED = ".gz"
_CSV = ".csv"
_JSON_LINES = (".jsonl", ".ndjson")


class Ready(NamedTuple):
    """An event and its envelope as it will travel."""

    event: Event
    body: bytes


class Skip(NamedTuple):
    """Why a row is left out, and what stands there (personal data masked)."""

    reason: str
    example: str


class Row(NamedTuple):
    """What became of the row that begins on `line` of the file."""

    line: int
    outcome: Ready | Skip


class _Skipped(Exception):
    def __init__(self, reason: str, example: str) -> None:
        self.skip = Skip(reason, _shown(example))


def needs_map(path: Path) -> bool:
    """Whether the file is a table; raises `NotImported` if its name says neither table nor JSON Lines."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == _COMPRESSED:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in (_CSV, *_JSON_LINES):
        raise NotImported(
            path, "must end in .csv, .jsonl or .ndjson, with .gz behind it if it is compressed; rename it"
        )
    return suffixes[-1] == _CSV


@dataclass
class Source:
    """An open file of history. `size` and `position` are bytes of the file as it lies on the disk."""

    path: Path
    size: int
    _raw: BinaryIO
    _content: BinaryIO
    _map: MapFile | None
    _zone: ZoneInfo

    @property
    def position(self) -> int:
        return self._raw.tell()

    def rows(self, start: int = 0) -> Iterator[Row]:
        """Every row after the first `start`; once only. Raises `NotImported` where the file is damaged.

        The header of a table was checked against its map before the first row comes (`MapError`).
        """
        line = 0
        try:
            for row in self._json_lines(start) if self._map is None else self._table(self._map, start):
                line = row.line
                yield row
        except (OSError, EOFError, zlib.error) as error:
            why = f"is damaged or cannot be read behind line {line} ({type(error).__name__}); restore it, and run again"
            raise NotImported(self.path, why) from None

    def _json_lines(self, start: int) -> Iterator[Row]:
        found = 0
        for line, text in enumerate(self._content, 1):
            body = text.removeprefix(b"\xef\xbb\xbf").strip()
            if not body:
                continue
            found += 1
            if found > start:
                yield Row(line, _judge(body))

    def _table(self, mapped: MapFile, start: int) -> Iterator[Row]:
        # A byte that is no UTF-8 harms only the cell in which it stands.
        text = io.TextIOWrapper(self._content, encoding="utf-8-sig", errors="surrogateescape", newline="")
        # Strict: a broken quote is an error of its row, not another way to read the next hundred.
        reader = csv.reader(text, delimiter=mapped.map.delimiter, strict=True)
        header = self._header(reader)
        mapped.check_header(header, str(self.path))
        mapper = Mapper(mapped.map, header, self._zone)
        found = 0
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                found += 1
                if found > start:
                    yield Row(line, Skip(BAD_ROW, str(error)))
                continue
            if not cells:
                continue
            found += 1
            if found > start:
                yield Row(line, mapper.outcome(cells))

    def _header(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            header = [name.strip() for name in next(reader, [])]
        except csv.Error as error:
            raise NotImported(self.path, f"line 1 must name the columns, but is no CSV ({error})") from None
        if not header:
            raise NotImported(self.path, "is empty; its first line must name the columns")
        if not all(_is_utf8(name) for name in header):
            raise NotImported(self.path, "is not UTF-8; save it with the encoding UTF-8")
        return header


@contextmanager
def open_source(path: Path, mapped: MapFile | None, zone: ZoneInfo) -> Iterator[Source]:
    """Open a file of history; `mapped` is None for JSON Lines, `zone` is the city's. Raises `NotImported`."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise NotImported(path, f"cannot be opened ({error.strerror}); check the name and its rights") from None
    with raw:
        content = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.suffix.lower() == _COMPRESSED else raw
        yield Source(path, path.stat().st_size, raw, content, mapped, zone)


class Mapper:
    """Turns the rows of one table into events as a map says."""

    def __init__(self, map: Map, header: Sequence[str], zone: ZoneInfo) -> None:
        self._map = map
        self._zone = zone
        self._time_zone = ZoneInfo(map.time.zone) if map.time.zone else zone
        self._at = {name: index for index, name in enumerate(header)}
        self._width = len(header)

    def outcome(self, cells: Sequence[str]) -> Ready | Skip:
        """The event of one row, or why it has none."""
        try:
            return self._event(cells)
        except _Skipped as skipped:
            return skipped.skip

    def _event(self, cells: Sequence[str]) -> Ready | Skip:
        map = self._map
        if len(cells) != self._width:
            raise _Skipped(WRONG_CELLS, f"{len(cells)} cells under {self._width} columns")
        state = self._mapped(cells, map.state.column, map.state.values, UNMAPPED_STATE)
        at = self._instant(cells)
        unit = self._choice(cells, map.unit, UNMAPPED_UNIT)
        event = Event(
            opd=map.opd,
            app=map.app,
            kind=map.kind,
            state=state,
            id=self._event_id(cells),
            time=at,
            unit=unit,
            service=self._choice(cells, map.service, UNMAPPED_SERVICE),
            channel=self._choice(cells, map.channel, UNMAPPED_CHANNEL),
            case=self._case(cells, unit, at),
        )
        try:
            body = event.to_json()
        except TypeError:
            # A byte that is no UTF-8, in the only cells that go into an event as they are.
            raise _Skipped(INVALID_CASE, event.case or "") from None
        skip = _judge(body)
        if isinstance(skip, Skip) and skip.reason == INVALID_CASE:
            raise _Skipped(INVALID_CASE, event.case or "")
        return skip if isinstance(skip, Skip) else Ready(event, body)

    def _cell(self, cells: Sequence[str], column: str) -> str:
        if not (cell := cells[self._at[column]].strip()):
            raise _Skipped(EMPTY_CELL, column)
        return cell

    def _mapped(self, cells: Sequence[str], column: str, values: dict[str, str], reason: str) -> str:
        # An empty cell may have a meaning of its own in the map.
        if (meaning := values.get(cells[self._at[column]].strip())) is None:
            raise _Skipped(reason, self._cell(cells, column))
        return meaning

    def _choice(self, cells: Sequence[str], choice: Choice, reason: str) -> str:
        if choice.column is None:
            assert choice.value is not None  # noqa: S101 - the map was checked: one of the two
            return choice.value
        if choice.values:
            return self._mapped(cells, choice.column, choice.values, reason)
        return self._cell(cells, choice.column)

    def _instant(self, cells: Sequence[str]) -> datetime:
        cell = self._cell(cells, self._map.time.column)
        at = _read_time(cell, self._map.time.format)
        if at.tzinfo is not None:
            return _in_utc(at, cell)
        instant = _in_utc(at.replace(tzinfo=self._time_zone), cell)
        if instant.astimezone(self._time_zone).replace(tzinfo=None) != at:
            raise _Skipped(BAD_TIME, f"{cell} does not exist in {self._time_zone.key}: the clocks went forward")
        return instant

    def _case(self, cells: Sequence[str], unit: str, at: datetime) -> str:
        case = self._map.case
        cell = self._cell(cells, case.column)
        if not case.ticket:
            return cell
        issued_at = unit if case.unit is None else self._choice(cells, case.unit, UNMAPPED_UNIT)
        return queue.case_id(unit=issued_at, day=self._day(cells, at), ticket=cell)

    def _day(self, cells: Sequence[str], at: datetime) -> date:
        day = self._map.case.day
        if day is None:
            return at.astimezone(self._zone).date()
        read = _read_time(self._cell(cells, day.column), day.format)
        return (read if read.tzinfo is None else read.astimezone(self._zone)).date()

    def _event_id(self, cells: Sequence[str]) -> str:
        """The named cells if together they make a good id, else a digest: of those cells, or of the whole row."""
        named = self._map.event_id
        if named is None:
            return _digest(cells)
        parts = [self._cell(cells, column) for column in named.columns]
        joined = ":".join(parts)
        # Two rows with a:b, c and a, b:c must not become one.
        if len(parts) > 1 and any(":" in part for part in parts):
            return _digest(parts)
        try:
            return _EVENT_ID.validate_python(joined, strict=True)
        except ValidationError:
            return _digest(parts)


def _judge(body: bytes) -> Ready | Skip:
    """By the whole contract, as ingest will."""
    try:
        return Ready(parse(body), body)
    except Refusal as refusal:
        where = f"{refusal.field}: " if refusal.field else ""
        return Skip(_reason(refusal), _shown(where + refusal.detail))


def _reason(refusal: Refusal) -> str:
    if refusal.field == "time":
        return BAD_TIME
    if refusal.reason == Reason.INVALID_DATA and refusal.field == "data.case":
        return INVALID_CASE
    return str(refusal.reason)


def _read_time(cell: str, format: str) -> datetime:
    try:
        return datetime.fromisoformat(cell) if format == ISO else datetime.strptime(cell, format)  # noqa: DTZ007
    except ValueError:
        raise _Skipped(BAD_TIME, cell) from None


def _in_utc(at: datetime, cell: str) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise _Skipped(BAD_TIME, cell) from None


def _digest(cells: Sequence[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for cell in cells:
        raw = cell.encode("utf-8", "surrogateescape")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def _is_utf8(text: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in text)


def _shown(text: str) -> str:
    clean = privacy.mask_text(text.encode("utf-8", "backslashreplace").decode())
    return clean if len(clean) <= _LONGEST_EXAMPLE else clean[: _LONGEST_EXAMPLE - 1] + "…"
