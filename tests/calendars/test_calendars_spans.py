"""A limit of the law is a gross span or open time, in the form in which it is written."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from opd_schemas.calendars import Calendar, LegalSpan, WorkingSpan

SPAN: TypeAdapter[timedelta | WorkingSpan] = TypeAdapter(LegalSpan)
OFFICE = Calendar.model_validate(
    {
        "code": "kantor",
        "name": {"id": "Jam Kerja", "en": "Office Hours"},
        "working_day": "PT7H30M",
        "hours": {"mon": ["07:30-16:00"]},
    }
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("PT24H", timedelta(hours=24)),
        ({"working_days": "14"}, WorkingSpan(working_days=14)),
        ({"working_time": "PT30M"}, WorkingSpan(working_time=timedelta(minutes=30))),
    ],
)
def test_it_is_read_and_stored(written: Any, meant: timedelta | WorkingSpan) -> None:
    assert SPAN.validate_python(written) == meant
    assert SPAN.validate_json(SPAN.dump_json(meant)) == meant


@pytest.mark.parametrize(
    "written",
    [
        "14",
        "P1M",
        "PT0S",
        14,
        None,
        {},
        {"working_days": "0"},
        {"working_days": "1.5"},
        {"working_days": "14", "working_time": "PT1H"},
        {"working_time": "-PT1H"},
        {"days": "14"},
    ],
)
def test_anything_else_is_refused_in_one_sentence(written: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        SPAN.validate_python(written)
    [error] = caught.value.errors()
    assert "working_days: 14" in error["msg"]


def test_open_time_depends_on_the_calendar() -> None:
    assert WorkingSpan(working_days=14).open_time(OFFICE) == timedelta(hours=105)
    assert WorkingSpan(working_days=14).open_time(None) == timedelta(days=14)
    assert WorkingSpan(working_time=timedelta(minutes=30)).open_time(OFFICE) == timedelta(minutes=30)
