"""What the catalogue's blocks are made of: texts, names, spans and dates as people write them in YAML, where all values
are text.
"""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, NaiveDatetime, StringConstraints

from opd_schemas.events import KINDS


class Model(BaseModel):
    """A block of the catalogue: nothing unknown in it, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_kind(kind: str) -> str:
    if kind not in KINDS or not KINDS[kind].has_cases:
        raise ValueError(f"is no kind of service; known: {', '.join(k for k, v in KINDS.items() if v.has_cases)}")
    return kind


# Pydantic alone would read P15M as fifteen months and 15:00 as fifteen hours, where somebody meant minutes.
_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:00)?")


def _iso(span: object) -> object:
    if isinstance(span, str) and not _DURATION.fullmatch(span):
        raise ValueError("must be a duration such as PT15M (15 minutes), PT2H (2 hours) or P1D (one day)")
    return span


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("must be longer than nothing, such as PT15M or P1D")
    return span


# Pydantic alone would also take a count of seconds since 1970.
def _day(day: object) -> object:
    if not isinstance(day, str):
        return day
    with suppress(ValueError):
        if _DAY.fullmatch(day):
            return date.fromisoformat(day)
    raise ValueError("must be a day of the calendar, year first, such as 2026-03-19")


def _local_time(at: object) -> object:
    if not isinstance(at, str):
        return at
    with suppress(ValueError):
        if _LOCAL_TIME.fullmatch(at):
            return datetime.fromisoformat(at)
    raise ValueError("must be a day and a local time without offset, such as 2026-03-19T10:00")


def _truth(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("must be true or false")
        return value == "true"
    return value


Kind = Annotated[str, AfterValidator(_known_kind)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
#: An exact length of time, written in the form of ISO 8601 without months.
Span = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_positive)]
Day = Annotated[date, BeforeValidator(_day)]
#: A time on the city's clocks, to the minute, without an offset.
LocalTime = Annotated[NaiveDatetime, BeforeValidator(_local_time)]
Truth = Annotated[bool, BeforeValidator(_truth)]


class Name(Model):
    """A name in Bahasa Indonesia and in English."""

    id: Text
    en: Text
