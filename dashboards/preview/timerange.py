"""A dashboard's relative times, `now-6h` or `now/d`, as moments; the clock and the zone are parameters."""

import re
from calendar import monthrange
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards.macros import Window

_FORM = re.compile(r"now((?:[+-]\d+[smhdwMy])*)(?:/([smhdwMy]))?")
_STEP = re.compile(r"([+-]\d+)([smhdwMy])")
_FIXED = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


class TimeError(Exception):
    """A dashboard's time is not understood; the message is one line for the panel."""


def window(start: str, end: str, now: datetime, zone: ZoneInfo) -> Window:
    """From the begin of a rounded unit to the last moment of one, as Grafana reads `now/d`."""
    return Window(moment(start, now, zone), moment(end, now, zone, end=True))


def moment(text: str, now: datetime, zone: ZoneInfo, *, end: bool = False) -> datetime:
    """One end of the window; days, weeks, months and years are those of the zone's calendar."""
    if (found := _FORM.fullmatch(text)) is None:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise TimeError(f"the time {text!r} is not understood; write it like now-6h or now/d") from None
        return at if at.tzinfo else at.replace(tzinfo=zone)
    at = now.astimezone(zone)
    for number, unit in _STEP.findall(found[1]):
        at = _add(at, int(number), unit)
    if found[2] is None:
        return at
    begin = _floor(at, found[2])
    return _add(begin, 1, found[2]) - timedelta(milliseconds=1) if end else begin


def _add(at: datetime, number: int, unit: str) -> datetime:
    if unit in _FIXED:
        # Elapsed time, also over a change of the clocks.
        return (at.astimezone(ZoneInfo("UTC")) + number * _FIXED[unit]).astimezone(at.tzinfo)
    if unit in "dw":
        return at + timedelta(days=number * (7 if unit == "w" else 1))
    months = at.year * 12 + at.month - 1 + number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def _floor(at: datetime, unit: str) -> datetime:
    match unit:
        case "s":
            return at.replace(microsecond=0)
        case "m":
            return at.replace(second=0, microsecond=0)
        case "h":
            return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    match unit:
        case "w":
            return day - timedelta(days=day.weekday())
        case "M":
            return day.replace(day=1)
        case "y":
            return day.replace(month=1, day=1)
    return day
