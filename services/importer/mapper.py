"""Turns one row of a table, or one line of JSON, into an event as it will travel, or names the reason why not.

A row without an event id is named by a digest over its cells, those with personal data left out; so rows that are equal
in all else are one event, unless the map names what tells them apart.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from opd_schemas import privacy
from opd_schemas.event import Event, EventId, parse
from opd_schemas.events import queue
from opd_schemas.refusal import Reason, Refusal
from services.importer.map import ISO, Choice, Map

# Reasons of the importer's own; beside them stand those of the contract (`opd_schemas.refusal.Reason`).
BAD_ROW = "bad_row"
WRONG_CELLS = "wrong_cells"
EMPTY_CELL = "empty_cell"
NOT_UTF8 = "not_utf8"
BAD_TIME = "bad_time"
INVALID_CASE = "invalid_case"
UNMAPPED_STATE = "unmapped_state"
UNMAPPED_UNIT = "unmapped_unit"
UNMAPPED_SERVICE = "unmapped_service"
UNMAPPED_CHANNEL = "unmapped_channel"

_EVENT_ID = TypeAdapter(EventId)
_LONGEST_EXAMPLE = 120


class Ready(NamedTuple):
    """An event and its envelope as it will travel."""

    event: Event
    body: bytes


class Skip(NamedTuple):
    """Why a row is left out, and what stands there (personal data masked)."""

    reason: str
    example: str


class _Skipped(Exception):
    def __init__(self, reason: str, example: str) -> None:
        self.skip = Skip(reason, _shown(example))


class Mapper:
    """Turns the rows of one table into events as a map says."""

    def __init__(self, mapped: Map, header: Sequence[str], zone: ZoneInfo) -> None:
        self._map = mapped
        self._zone = zone
        self._time_zone = ZoneInfo(mapped.time.zone) if mapped.time.zone else zone
        self._at = {name: index for index, name in enumerate(header)}
        self._width = len(header)
        self._personal = frozenset(i for i, name in enumerate(header) if privacy.find_personal_data({name: ""}))

    def outcome(self, cells: Sequence[str]) -> Ready | Skip:
        """The event of one row, or why it has none."""
        try:
            return self._event(cells)
        except _Skipped as skipped:
            return skipped.skip

    def _event(self, cells: Sequence[str]) -> Ready | Skip:
        mapped = self._map
        if len(cells) != self._width:
            raise _Skipped(WRONG_CELLS, f"{len(cells)} cells under {self._width} columns")
        state = self._mapped(cells, mapped.state.column, mapped.state.values, UNMAPPED_STATE)
        at = self._instant(cells)
        unit = self._choice(cells, mapped.unit, UNMAPPED_UNIT)
        event = Event(
            opd=mapped.opd,
            app=mapped.app,
            kind=mapped.kind,
            state=state,
            id=self._event_id(cells),
            time=at,
            unit=unit,
            service=self._choice(cells, mapped.service, UNMAPPED_SERVICE),
            channel=self._choice(cells, mapped.channel, UNMAPPED_CHANNEL),
            case=self._case(cells, unit, at),
        )
        outcome = judge(event.to_json())
        if isinstance(outcome, Skip) and outcome.reason == INVALID_CASE:
            raise _Skipped(INVALID_CASE, event.case or "")
        return outcome

    def _cell(self, cells: Sequence[str], column: str) -> str:
        if not (cell := cells[self._at[column]].strip()):
            raise _Skipped(EMPTY_CELL, column)
        if not is_utf8(cell):
            raise _Skipped(NOT_UTF8, column)
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
            return _digest(self._impersonal(cells))
        parts = [self._cell(cells, column) for column in named.columns]
        if any(privacy.contains_number(part) for part in parts):
            raise _Skipped(Reason.PERSONAL_DATA, ", ".join(named.columns))
        joined = ":".join(parts)
        # Two rows with a:b, c and a, b:c must not become one.
        if len(parts) > 1 and any(":" in part for part in parts):
            return _digest(parts)
        try:
            return _EVENT_ID.validate_python(joined, strict=True)
        except ValidationError:
            return _digest(parts)

    def _impersonal(self, cells: Sequence[str]) -> list[str]:
        # A resident number can be guessed from a digest over it, since there are not that many of them.
        return [
            "" if index in self._personal or privacy.contains_number(cell) else cell for index, cell in enumerate(cells)
        ]


def judge(body: bytes) -> Ready | Skip:
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


def is_utf8(text: str) -> bool:
    """Whether every byte of a text that was read with `surrogateescape` was UTF-8."""
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def _shown(text: str) -> str:
    clean = privacy.mask_text(text.encode("utf-8", "backslashreplace").decode())
    return clean if len(clean) <= _LONGEST_EXAMPLE else clean[: _LONGEST_EXAMPLE - 1] + "…"
