"""Opening times reckoned the slow and obvious way, from the words of a calendar file: minute after minute of the clock
on the wall, without a line of the hub's own code.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE = 60_000_000

Rules = dict[str, Any]
Interval = tuple[int, int]


def is_open(rules: Rules, wall: datetime) -> bool:
    """Whether the rules have it open at a local time. Days and times of ISO 8601 compare as texts."""
    day, clock, moment = wall.strftime("%Y-%m-%d"), wall.strftime("%H:%M"), wall.strftime("%Y-%m-%dT%H:%M")
    closed = day in rules.get("expanded", [])
    for holiday in rules.get("holidays", []):
        if holiday["date"] == day:
            closed = holiday.get("open") != "true"
    if closed or any(each["start"] <= moment < each["end"] for each in rules.get("closures", [])):
        return False
    week = rules["hours"]
    for special in rules.get("special_hours", []):
        if special["first"] <= day <= special["last"]:
            week = special["hours"]
    spans = [hours.split("-") for hours in week.get(WEEKDAYS[wall.weekday()], [])]
    return any(first <= clock < last for first, last in spans)


def open_pieces(rules: Rules, zone: ZoneInfo, start: int, end: int, pauses: Sequence[Interval]) -> Iterator[Interval]:
    """The open pieces of [start, end) outside of the pauses, each within one minute."""
    for minute in range(start - start % MINUTE, end, MINUTE):
        wall = datetime.fromtimestamp(minute // 1_000_000, zone)
        if is_open(rules, wall):
            first, last = max(minute, start), min(minute + MINUTE, end)
            cuts = sorted({first, last, *(at for pause in pauses for at in pause if first < at < last)})
            for piece in pairwise(cuts):
                if not any(pause <= piece[0] < on for pause, on in pauses):
                    yield piece


def net(rules: Rules, zone: ZoneInfo, start: int, end: int, pauses: Sequence[Interval] = ()) -> int:
    """The open microseconds of [start, end) outside of the pauses."""
    return sum(last - first for first, last in open_pieces(rules, zone, start, end, pauses))


def due(rules: Rules, zone: ZoneInfo, start: int, span: int, pauses: Sequence[Interval], end: int) -> int | None:
    """When so much open time has passed since the start; None if that is not before the end."""
    left = span
    for first, last in open_pieces(rules, zone, start, end, pauses):
        if left <= last - first:
            return first + left
        left -= last - first
    return None
