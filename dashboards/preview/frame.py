"""Rows of a query as a frame, the shape in which Grafana's panels get them: columns with a type, times in milliseconds.

A `time_series` with a text column becomes one column a series, as Grafana widens it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from psycopg import Column

from dashboards.macros import Fill, Window

Value = float | int | str | bool | None

_TIME, _NUMBER, _STRING, _BOOLEAN = "time", "number", "string", "boolean"
#: PostgreSQL's type numbers: dates and times, numbers with intervals (as seconds), boolean; all others are text.
_TYPES = {
    **dict.fromkeys((1082, 1114, 1184), _TIME),
    **dict.fromkeys((20, 21, 23, 700, 701, 1700, 1186), _NUMBER),
    16: _BOOLEAN,
}


class FrameError(Exception):
    """The result does not have the form that the panel asks for; the message is one line for the panel."""


@dataclass(frozen=True)
class Frame:
    """Columns as (name, type), and the rows."""

    columns: list[tuple[str, str]]
    rows: list[list[Value]]


def frame(
    description: Sequence[Column], rows: Iterable[Sequence[object]], *, form: str, fill: Fill | None, window: Window
) -> Frame:
    """The frame of a result in the panel's form, `table` or `time_series`."""
    columns = [(column.name, _TYPES.get(column.type_code, _STRING)) for column in description]
    table = [[_value(value) for value in row] for row in rows]
    for at, (name, type_) in enumerate(columns):
        if name == "time" and type_ == _NUMBER:
            # `floor(extract(epoch ...))`, as time groups without TimescaleDB give it.
            columns[at] = (name, _TIME)
            for row in table:
                row[at] = _epoch_ms(row[at])
    found = Frame(columns, table)
    if form != "time_series":
        return found
    wide = _widened(found)
    return wide if fill is None else _filled(wide, fill, window)


def _widened(long: Frame) -> Frame:
    types = [type_ for _, type_ in long.columns]
    names = [name for name, _ in long.columns]
    if _TIME not in types:
        raise FrameError("a time series needs a column named time")
    at = names.index("time") if "time" in names and types[names.index("time")] == _TIME else types.index(_TIME)
    labels = [i for i, type_ in enumerate(types) if type_ == _STRING]
    values = [i for i, type_ in enumerate(types) if type_ in {_NUMBER, _BOOLEAN}]
    columns: dict[str, str] = {} if labels else {names[i]: types[i] for i in values}
    times: dict[Value, dict[str, Value]] = {}
    for row in long.rows:
        if row[at] is None:
            continue
        label = " ".join(str(row[i]) for i in labels)
        points = times.setdefault(row[at], {})
        for i in values:
            name = names[i] if not labels else label if len(values) == 1 else f"{label} {names[i]}"
            columns.setdefault(name, types[i])
            points[name] = row[i]
    return Frame(
        [("time", _TIME), *columns.items()],
        [[time, *(points.get(name) for name in columns)] for time, points in sorted(times.items(), key=_by_time)],
    )


def _by_time(item: tuple[Value, object]) -> float:
    assert isinstance(item[0], int | float)  # noqa: S101 - a time column holds nothing else
    return item[0]


def _filled(wide: Frame, fill: Fill, window: Window) -> Frame:
    """With a row for each group in the window; only rows that are missing are added."""
    every = fill.every // timedelta(milliseconds=1)
    known = {row[0]: row for row in wide.rows}
    first, last = (int(at.timestamp() * 1000) // every * every for at in (window.start, window.end))
    previous: list[Value] = [None] * (len(wide.columns) - 1)
    rows: list[list[Value]] = []
    for time in sorted({*range(first, last + 1, every), *(int(row[0] or 0) for row in wide.rows)}):
        row = known.get(time) or [time, *(previous if fill.previous else [fill.value] * len(previous))]
        previous = row[1:]
        rows.append(row)
    return Frame(wide.columns, rows)


def _value(value: object) -> Value:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return float(value)
        case datetime():
            return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
        case date():
            return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
        case timedelta():
            return value.total_seconds()
        case list():
            return ", ".join(str(item) for item in value)
    return str(value)


def _epoch_ms(value: Value) -> Value:
    """Seconds or, where so many seconds would be after the year 5138, milliseconds."""
    if not isinstance(value, int | float):
        return None
    return int(value if abs(value) >= 1e11 else value * 1000)
