"""Grafana's macros and variables in SQL, expanded as its PostgreSQL data source does: what works here works there.

The documented expansions are the test's data (`tests/preview/expansions.yaml`). Only a group of months or years asks
the clock, as it does in Grafana.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?::([^}]+))?\}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_DAYS = re.compile(r"(\d+)([dw])")
_MONTHS = re.compile(r"(\d+)([My])")
#: What Grafana fills in of its own accord and we do not: unnoticed, it would work there and not here.
_BUILT_IN = frozenset(
    {
        *("__from", "__to", "__range", "__range_s", "__range_ms", "__rate_interval", "timeFilter"),
        *("__dashboard", "__user", "__org", "__name"),
    }
)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Characters that stay what they are without quotes, and so may stand in `${var:csv}`.
_PLAIN = re.compile(r"[\w .:+-]*")

#: A span below the first column's milliseconds is rounded to the second column's.
_ROUND_MS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000), (3_500, 2_000),
    (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000),
    (210_000, 120_000), (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000),
    (2_700_000, 1_800_000), (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000),
    (3_628_800_000, 2_592_000_000),
)  # fmt: skip
_YEAR_MS = 31_536_000_000


class MacroError(Exception):
    """A macro or variable cannot be expanded; the message is one line for the panel."""


@dataclass(frozen=True)
class Window:
    """What the dashboard looks at, both ends included as Grafana does."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Variable:
    """A dashboard variable and what is chosen.

    `several`: it may hold several values or All, and is quoted by itself. `all_value`: All is chosen and this text,
    the dashboard's own, stands for it as it is.
    """

    name: str
    values: tuple[str, ...]
    several: bool = False
    all_value: str | None = None


@dataclass(frozen=True)
class Fill:
    """Points to add where a time group has none: NULL, the previous value, or a number."""

    every: timedelta
    value: float | None
    previous: bool = False


@dataclass(frozen=True)
class Expanded:
    """SQL that PostgreSQL takes, and what is to be filled in afterwards."""

    sql: str
    fill: Fill | None


def expand(
    sql: str,
    window: Window,
    interval: timedelta,
    variables: Iterable[Variable] = (),
    *,
    timescaledb: bool = True,
) -> Expanded:
    """Variables first, then macros, in Grafana's order; MacroError names what is not understood."""
    known = {variable.name: variable for variable in variables}
    sql = _VARIABLE.sub(lambda found: _variable(found, known), sql)
    for name, value in (
        ("__interval_ms", str(interval // timedelta(milliseconds=1))),
        ("__interval", format_interval(interval)),
    ):
        for form in (f"${{{name}}}", f"[[{name}]]", f"${name}"):
            sql = sql.replace(form, value)
    macros = _Macros(window, timescaledb)
    parts: list[str] = []
    at = 0
    for found in _MACRO.finditer(sql):
        name = found[1]
        # Like Grafana, which looks behind the first place where the same text stands, not behind this one.
        if name == "__timeGroup" and sql[sql.index(found[0]) + len(found[0]) :].startswith(","):
            name = "__timeGroupAlias"
        parts += [sql[at : found.start()], macros.expand(name, [part.strip(" ") for part in found[2].split(",")])]
        at = found.end()
    return Expanded("".join([*parts, sql[at:]]), macros.fill)


class _Macros:
    """The macros of one query; `fill` is what a time group asked for."""

    def __init__(self, window: Window, timescaledb: bool) -> None:
        self._window = window
        self._timescaledb = timescaledb
        self.fill: Fill | None = None
        self._known: Mapping[str, Callable[[list[str]], str]] = {
            "__time": lambda args: f'{args[0]} AS "time"',
            "__timeEpoch": lambda args: f'extract(epoch from {args[0]}) as "time"',
            "__timeFilter": lambda args: f"{args[0]} BETWEEN {self._from()} AND {self._to()}",
            "__timeFrom": lambda _: self._from(),
            "__timeTo": lambda _: self._to(),
            "__timeGroup": self._time_group,
            "__timeGroupAlias": lambda args: f'{self._time_group(args)} AS "time"',
            "__unixEpochFilter": lambda args: self._epoch_filter(args[0], timedelta(seconds=1)),
            "__unixEpochFrom": lambda _: str(_epoch(window.start, timedelta(seconds=1))),
            "__unixEpochTo": lambda _: str(_epoch(window.end, timedelta(seconds=1))),
            "__unixEpochNanoFilter": lambda args: self._epoch_filter(args[0], _MICROSECOND, "000"),
            "__unixEpochNanoFrom": lambda _: f"{_epoch(window.start, _MICROSECOND)}000",
            "__unixEpochNanoTo": lambda _: f"{_epoch(window.end, _MICROSECOND)}000",
            "__unixEpochGroup": self._epoch_group,
            "__unixEpochGroupAlias": lambda args: f'{self._epoch_group(args)} AS "time"',
        }

    def expand(self, name: str, args: list[str]) -> str:
        """The SQL of one call."""
        if name not in self._known:
            raise MacroError(f"unknown macro ${name}")
        return self._known[name](args)

    def _from(self) -> str:
        return f"'{_rfc3339(self._window.start)}'"

    def _to(self) -> str:
        return f"'{_rfc3339(self._window.end)}'"

    def _epoch_filter(self, column: str, unit: timedelta, zeros: str = "") -> str:
        start, end = _epoch(self._window.start, unit), _epoch(self._window.end, unit)
        return f"{column} >= {start}{zeros} AND {column} <= {end}{zeros}"

    def _time_group(self, args: list[str]) -> str:
        every = self._group(args)
        if self._timescaledb:
            return f"time_bucket('{every.total_seconds():.3f}s',{args[0]})"
        seconds = _shortest(every.total_seconds())
        return f"floor(extract(epoch from {args[0]})/{seconds})*{seconds}"

    def _epoch_group(self, args: list[str]) -> str:
        seconds = _shortest(self._group(args).total_seconds())
        return f"floor(({args[0]})/{seconds})*{seconds}"

    def _group(self, args: list[str]) -> timedelta:
        """The width of a group; takes note of the third argument."""
        if len(args) < 2:
            raise MacroError("a time group needs a column and an interval: $__timeGroup(column, '5m')")
        every = parse_interval(args[1].strip("'"))
        if len(args) == 3:
            self.fill = _fill(every, args[2])
        return every


def parse_interval(text: str, now: datetime | None = None) -> timedelta:
    """`5m`, `1h30m`, `20ms`, or whole `7d`, `2w`, `1M`, `1y`, as Grafana takes them.

    Months and years are as long as those that begin `now`, by default this moment: so it is in Grafana too. For months
    of the calendar use date_trunc.
    """
    if whole := _MONTHS.fullmatch(text):
        now = (now or datetime.now(UTC)).astimezone(UTC)
        months = int(whole[1]) * (12 if whole[2] == "y" else 1)
        years, month = divmod(now.month - 1 + months, 12)
        # A day that the month does not have goes on into the next.
        first = now.replace(year=now.year + years, month=month + 1, day=1)
        return first + timedelta(days=now.day - 1) - now
    if whole := _DAYS.fullmatch(text):
        return _UNITS[whole[2]] * int(whole[1])
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise MacroError(f"{text!r} is no interval; write it like 30s, 5m, 1h or 1d")
    return sum((_UNITS[unit] * float(number) for number, unit in parts), timedelta())


def format_interval(interval: timedelta) -> str:
    """As Grafana writes `$__interval`: whole years, days, hours, minutes, seconds or milliseconds."""
    for unit, length in (("y", timedelta(days=365)), *reversed(_UNITS.items())):
        if unit != "w" and interval >= length:
            return f"{interval // length}{unit}"
    return "1ms"


def interval_for(window: Window, points: int, at_least: timedelta) -> timedelta:
    """The `$__interval` of a panel that draws at most `points` points."""
    span_ms = (window.end - window.start) / timedelta(milliseconds=1) / points
    rounded = next((to for below, to in _ROUND_MS if span_ms < below), _YEAR_MS)
    return max(timedelta(milliseconds=rounded), at_least)


def _variable(found: re.Match[str], known: Mapping[str, Variable]) -> str:
    name = found[1] or found[2] or found[4]
    if name in _BUILT_IN:
        raise MacroError(
            f"${name} is not filled in here; use $__timeFrom(), $__timeTo() or a variable of the dashboard"
        )
    variable = known.get(name)
    if variable is None:
        # Macros look alike; and Grafana, too, leaves alone what it does not know.
        return found[0]
    if variable.all_value is not None:
        return variable.all_value
    format_ = found[3] or found[5]
    match format_:
        case "sqlstring":
            return _sql_string(variable.values)
        case "singlequote":
            if any("'" in value or "\\" in value for value in variable.values):
                raise MacroError(f"a value of {variable.name} has a quote in it; use ${{{variable.name}:sqlstring}}")
            return _quoted(variable.values)
        case "csv":
            if not all(_PLAIN.fullmatch(value) for value in variable.values):
                raise MacroError(f"a value of {variable.name} needs quotes; use ${{{variable.name}:sqlstring}}")
            return ",".join(variable.values)
        case None if variable.several or len(variable.values) != 1:
            return _quoted(variable.values)
        case None:
            return variable.values[0].replace("'", "''")
    raise MacroError(f"${{{variable.name}:{format_}}} is not supported; use sqlstring, singlequote or csv")


def _quoted(values: Iterable[str]) -> str:
    return ",".join("'" + value.replace("'", "''") + "'" for value in values)


def _sql_string(values: Iterable[str]) -> str:
    """As `_quoted`, with Grafana's backslash before a double quote, which PostgreSQL takes for a part of the value."""
    return _quoted(value.replace('"', '\\"') for value in values)


def _fill(every: timedelta, mode: str) -> Fill:
    if mode in {"NULL", "previous"}:
        return Fill(every, None, previous=mode == "previous")
    try:
        return Fill(every, float(mode))
    except ValueError:
        raise MacroError(f"{mode!r} is no fill value; it is NULL, previous or a number") from None


def _rfc3339(at: datetime) -> str:
    seconds, _, fraction = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    fraction = fraction.rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"


def _epoch(at: datetime, unit: timedelta) -> int:
    return (at - _EPOCH) // unit


def _shortest(number: float) -> str:
    """With no more digits than it takes to be exact."""
    return next(text for digits in range(6, 18) if float(text := f"{number:.{digits}g}") == number)
