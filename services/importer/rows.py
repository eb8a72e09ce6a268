"""Reads a file of history row by row, a table (CSV) or JSON Lines of CloudEvents, compressed or not.

A bad row is skipped for a named reason and never ends the import.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast
from zoneinfo import ZoneInfo

from services.errors import NotImported
from services.importer.map import MapFile
from services.importer.mapper import BAD_ROW, Mapper, Ready, Skip, is_utf8, judge

_COMPRESSED = ".gz"
_CSV = ".csv"
_JSON_LINES = (".jsonl", ".ndjson")


class Row(NamedTuple):
    """What became of the row that begins on `line` of the file."""

    line: int
    outcome: Ready | Skip


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
    # Kept, since it would close the file when it goes.
    _text: io.TextIOWrapper | None = None

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
                yield Row(line, judge(body))

    def _table(self, mapped: MapFile, start: int) -> Iterator[Row]:
        # A byte that is no UTF-8 harms only the cell in which it stands.
        self._text = io.TextIOWrapper(self._content, encoding="utf-8-sig", errors="surrogateescape", newline="")
        # Strict: a broken quote is an error of its row, not another way to read the next hundred.
        reader = csv.reader(self._text, delimiter=mapped.map.delimiter, strict=True)
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
        if not all(is_utf8(name) for name in header):
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
