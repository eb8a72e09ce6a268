"""The map of an import: which column of a CSV file means what. Checked as a whole, and against the file's own header,
before a row is read.

```yaml
kind: queue
opd: dukcapil
app: antrean
case:                                   # or {column: X} alone, where the file holds whole case ids
  column: nomor
  ticket: true                          # the case becomes <unit of issue>:<local day>:<ticket>
  unit: {column: loket_terbit}          # where the ticket was issued; absent: the row's unit
  day: {column: tanggal, format: "%d/%m/%Y"}   # the day of issue; absent: the local day of the row's time
time: {column: waktu, format: iso}      # or a strptime format; zone: Asia/Makassar for times without an offset
event_id: {columns: [nomor, urutan]}    # absent: a digest of the row, so that equal rows are one event
state: {column: status, values: {Terbit: issued, Panggil: called}}
unit: {column: loket, values: {"Loket 1": loket-1}}   # or {value: loket-1}; without values a cell is the code itself
service: {value: ktp-el}
channel: {value: onsite}
delimiter: ";"                          # absent: a comma
```
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import available_timezones

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from opd_schemas.event import CHANNELS, Code
from opd_schemas.events import KINDS
from opd_schemas.fields import Kind
from opd_schemas.lifecycle import VOIDED
from opd_schemas.subjects import CODE_PATTERN
from services.errors import MapError
from services.yaml_document import Block, Fault, Place, read
from services.yaml_judge import judge

#: The format of times that are written as ISO 8601.
ISO = "iso"
_DELIMITERS = (",", ";", "|", "\t")
_PROBE = datetime(2011, 12, 13, 14, 15, 16, 170_000, tzinfo=UTC)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _not_empty(value: object) -> object:
    # A field that may be absent may still not be there without a value.
    if value is None:
        raise ValueError("is empty; write its value, or remove the line")
    return value


def _pairs(values: object) -> object:
    if not isinstance(values, dict) or not values:
        raise ValueError('must be a block of "cell of the file": what it means, one pair or more')
    return values


def _truth(value: object) -> object:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is not an IANA time zone; Indonesia has Asia/Jakarta, Asia/Makassar and Asia/Jayapura")
    return name


def _delimiter(text: str) -> str:
    if text not in _DELIMITERS:
        raise ValueError('must be one of "," ";" "|" and "\\t", in double quotes')
    return text


def _day_format(text: str) -> str:
    try:
        told = datetime.strptime(_PROBE.strftime(text), text)  # noqa: DTZ007 - asks what the format can tell
    except ValueError:
        raise ValueError('must be iso, or a strptime format such as "%d/%m/%Y %H:%M:%S"') from None
    if told.date() != _PROBE.date():
        raise ValueError('does not tell year, month and day; write a strptime format such as "%d/%m/%Y %H:%M:%S"')
    if told.hour not in (0, _PROBE.hour):
        raise ValueError("does not tell morning from afternoon; write %H, or %I together with %p")
    return text


_Given = BeforeValidator(_not_empty)
Column = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Values = Annotated[dict[str, str], BeforeValidator(_pairs)]
Flag = Annotated[bool, BeforeValidator(_truth)]
Zone = Annotated[str, AfterValidator(_zone)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
Format = Annotated[str, AfterValidator(lambda text: text if text == ISO else _day_format(text))]


class Choice(_Model):
    """A fixed `value`, or the cell of a `column`, translated by `values` where there are any."""

    value: Annotated[Column | None, _Given] = None
    column: Annotated[Column | None, _Given] = None
    values: Values = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.value is None) == (self.column is None):
            raise ValueError("needs either value (the same for every row) or column (read from each row)")
        if self.values and self.column is None:
            raise ValueError("has values but no column whose cells they translate; name the column")
        return self


class Day(_Model):
    """The column with the day on which a ticket was issued."""

    column: Column
    format: Format = ISO


class Case(_Model):
    """The column with the case; with `ticket` it holds a queue's ticket, and the case id is built around it."""

    column: Column
    ticket: Flag = False
    unit: Annotated[Choice | None, _Given] = None
    day: Annotated[Day | None, _Given] = None

    @model_validator(mode="after")
    def _of_a_ticket(self) -> Self:
        if not self.ticket and (self.unit or self.day):
            raise ValueError("has unit or day, which belong to tickets only; add ticket: true, or remove them")
        return self


class Time(_Model):
    """The column with the time, its format, and the zone of times without an offset (absent: the city's)."""

    column: Column
    format: Format = ISO
    zone: Annotated[Zone | None, _Given] = None


class EventId(_Model):
    """The columns that name an event for ever; none: a digest of the row names it."""

    columns: Annotated[tuple[Column, ...], Field(min_length=1)]


class State(_Model):
    """The column with the state and what its cells mean; a row with any other cell is skipped."""

    column: Column
    values: Values


class Map(_Model):
    """The whole map."""

    kind: Kind
    opd: Code
    app: Code
    case: Case
    time: Time
    event_id: Annotated[EventId | None, _Given] = None
    state: State
    unit: Choice
    service: Choice
    channel: Choice
    delimiter: Delimiter = ","


@dataclass(frozen=True)
class MapFile:
    """A map that was read, with the places of its fields and a digest of the file."""

    map: Map
    root: Block
    digest: bytes

    def check_header(self, header: Sequence[str], file: str) -> None:
        """Raise `MapError`, one line for each column that the map names and `header` lacks or has twice."""
        faults = []
        for where, column in _columns(self.map):
            if header.count(column) == 1:
                continue
            if column in header:
                what = f'names the column "{column}", which {file} has twice; rename one of the two in the file'
            else:
                what = f'names the column "{column}", which {file} does not have; {_mend(column, header)}'
                if len(header) == 1 and (other := next((d for d in _DELIMITERS if d in header[0]), "")):
                    what += f". It seems to be separated otherwise: add delimiter: {_quoted(other)} to the map"
            faults.append(Fault(_place(self.root, where), ".".join(str(part) for part in where), what))
        if faults:
            raise MapError(*(str(fault) for fault in faults))


def load(path: Path) -> MapFile:
    """Read a map; raises `MapError` with every fault, one line each."""
    faults: list[Fault] = []
    root = read(path, faults)
    found = judge(Map, root, faults) if root is not None else None
    if found is not None and root is not None:
        _check_meanings(found, root, faults)
    if faults or found is None or root is None:
        raise MapError(*(str(fault) for fault in sorted(set(faults))))
    return MapFile(found, root, hashlib.blake2b(path.read_bytes(), digest_size=16).digest())


def _check_meanings(found: Map, root: Block, faults: list[Fault]) -> None:
    """What each text means beyond its own field: states of the kind, channels, codes of units and services."""

    def fault(what: str, *where: str) -> None:
        faults.append(Fault(_place(root, where), ".".join(where), what))

    states = tuple(KINDS[found.kind].by_name)
    for cell, state in found.state.values.items():
        if state == VOIDED:
            fault("takes back another event, which a map cannot name; import JSON Lines", "state", "values", cell)
        elif state not in states:
            fault(f"is no state of {found.kind}; {_mend(state, states)}", "state", "values", cell)
    for code, where in _meanings(found.channel, "channel"):
        if code not in CHANNELS:
            fault(f"is no channel; {_mend(code, CHANNELS)}", *where)
    places = [*_meanings(found.unit, "unit"), *_meanings(found.service, "service")]
    if found.case.unit is not None:
        places += _meanings(found.case.unit, "case", "unit")
    for code, where in places:
        if not re.fullmatch(CODE_PATTERN, code):
            fault("must be a code of a-z, 0-9 and hyphens within, 48 at most, such as loket-1", *where)
    if found.case.ticket and found.kind != "queue":
        fault(f"builds ids for queues only; {found.kind} has case ids of its own, so remove it", "case", "ticket")


def _meanings(choice: Choice, *where: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if choice.value is not None:
        yield choice.value, (*where, "value")
    for cell, meaning in choice.values.items():
        yield meaning, (*where, "values", cell)


def _columns(found: Map) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """(where it stands in the map, name) of every column that the map names."""
    yield ("case", "column"), found.case.column
    if found.case.unit is not None and found.case.unit.column is not None:
        yield ("case", "unit", "column"), found.case.unit.column
    if found.case.day is not None:
        yield ("case", "day", "column"), found.case.day.column
    yield ("time", "column"), found.time.column
    for index, column in enumerate(found.event_id.columns if found.event_id else ()):
        yield ("event_id", "columns", index), column
    yield ("state", "column"), found.state.column
    for name, choice in (("unit", found.unit), ("service", found.service), ("channel", found.channel)):
        if choice.column is not None:
            yield (name, "column"), choice.column


def _mend(wrong: str, known: Collection[str]) -> str:
    close = get_close_matches(wrong, known, n=1)
    return (f'did you mean "{close[0]}"? ' if close else "") + f"Known: {', '.join(known)}"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def _place(root: Block, where: Sequence[str | int]) -> Place:
    """The line of a field that the model accepted."""
    place: Place = root.place
    node: Any = root
    for part in where:
        place, node = node.places[part], node[part]
    return place
