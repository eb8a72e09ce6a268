"""Macros and variables against Grafana's documented expansions, its intervals, and its relative times."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from dashboards.macros import MacroError, Variable, Window, expand, format_interval, interval_for, parse_interval
from dashboards.preview.timerange import TimeError, moment, window

START = datetime(2017, 4, 21, 5, 1, 17, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(minutes=5))
VARIABLES = (
    Variable("one", ("dinkes",)),
    Variable("many", ("dinkes", "dukcapil"), several=True),
    Variable("every", ("dinkes", "dpmptsp", "dukcapil"), several=True),
    Variable("any", ("dinkes", "dpmptsp", "dukcapil"), several=True, all_value="'*'"),
    Variable("quote", ("Pa'e",)),
    Variable("double", ('say "hi"',)),
    Variable("single_of_many", ("loket",), several=True),
)
CASES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("expansions.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["sql"])
def test_expands_as_documented(case: dict[str, Any]) -> None:
    def expanded() -> Any:
        return expand(case["sql"], WINDOW, timedelta(minutes=1), VARIABLES, timescaledb=case.get("timescaledb", True))

    if "refused" in case:
        with pytest.raises(MacroError) as refusal:
            expanded()
        assert str(refusal.value) == case["refused"]
        return
    found = expanded()
    assert found.sql == case["gives"]
    if "fill" not in case:
        assert found.fill is None
    else:
        assert (found.fill.every.total_seconds(), found.fill.value, found.fill.previous) == (
            case["fill"]["every_s"], case["fill"]["value"], case["fill"].get("previous", False),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "now", "days"),
    [
        ("1M", "2026-02-10", 28),
        ("2M", "2026-12-10", 31 + 31),
        # The 31st of February is the 3rd of March.
        ("1M", "2027-01-31", 31),
        ("13M", "2026-01-01", 365 + 31),
        ("1y", "2026-06-01", 365),
        ("1y", "2027-06-01", 366),
        ("1y", "2028-02-29", 366),
    ],
)
def test_months_and_years_are_as_long_as_those_that_begin_now(text: str, now: str, days: int) -> None:
    assert parse_interval(text, datetime.fromisoformat(f"{now}T05:01:17+00:00")) == timedelta(days=days)


def test_a_group_of_months_is_taken() -> None:
    (seconds,) = re.findall(r"'(\d+)\.000s'", expand("$__timeGroup(t, '1M')", WINDOW, timedelta(minutes=1)).sql)
    assert 28 <= int(seconds) / 86_400 <= 31


def test_a_fraction_of_a_second_is_written_without_zeros_at_its_end() -> None:
    half = Window(START + timedelta(milliseconds=500), START)
    assert expand("$__timeFrom()", half, timedelta(minutes=1)).sql == "'2017-04-21T05:01:17.5Z'"


def test_a_value_cannot_end_its_own_literal() -> None:
    hostile = Variable("opd", ("x'; DROP TABLE hub.event; --",), several=True)
    found = expand("SELECT $opd, ${opd:sqlstring}", WINDOW, timedelta(minutes=1), [hostile])
    assert found.sql == "SELECT 'x''; DROP TABLE hub.event; --', 'x''; DROP TABLE hub.event; --'"
    with pytest.raises(MacroError):
        expand("SELECT ${opd:csv}", WINDOW, timedelta(minutes=1), [hostile])


@pytest.mark.parametrize(
    ("hours", "gives"), [(1, "1m"), (6, "1m"), (24, "1m"), (7 * 24, "10m"), (30 * 24, "30m"), (365 * 24, "6h")]
)
def test_the_interval_follows_the_window_and_keeps_its_least(hours: int, gives: str) -> None:
    wide = Window(START, START + timedelta(hours=hours))
    assert format_interval(interval_for(wide, 1000, timedelta(minutes=1))) == gives


def test_intervals_are_read_and_written() -> None:
    assert parse_interval("1h30m") == timedelta(minutes=90)
    assert [format_interval(parse_interval(text)) for text in ("90s", "36h", "2w", "0.2ms")] == [
        "1m",
        "1d",
        "14d",
        "1ms",
    ]


JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 23, 3, 32, 10, tzinfo=UTC)  # 10:32:10 on a Monday in Jakarta


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("now", "2026-11-23T10:32:10+07:00"),
        ("now-6h", "2026-11-23T04:32:10+07:00"),
        ("now/d", "2026-11-23T00:00:00+07:00"),
        ("now-1d/d", "2026-11-22T00:00:00+07:00"),
        ("now-1w/w", "2026-11-16T00:00:00+07:00"),
        ("now-9M/M", "2026-02-01T00:00:00+07:00"),
        ("now/y", "2026-01-01T00:00:00+07:00"),
        ("now-1h/h", "2026-11-23T09:00:00+07:00"),
        ("2026-11-01T00:00:00Z", "2026-11-01T07:00:00+07:00"),
        ("2026-11-01", "2026-11-01T00:00:00+07:00"),
    ],
)
def test_relative_times_are_those_of_the_city(text: str, gives: str) -> None:
    assert moment(text, NOW, JAKARTA) == datetime.fromisoformat(gives)


def test_an_end_is_rounded_up() -> None:
    day = window("now/d", "now/d", NOW, JAKARTA)
    assert day == Window(
        datetime.fromisoformat("2026-11-23T00:00:00+07:00"), datetime.fromisoformat("2026-11-23T23:59:59.999+07:00")
    )


def test_a_month_is_as_long_as_the_calendar_says() -> None:
    march = datetime(2026, 3, 31, 12, tzinfo=JAKARTA)
    assert moment("now-1M", march, JAKARTA) == datetime(2026, 2, 28, 12, tzinfo=JAKARTA)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(TimeError, match="yesterday"):
        moment("yesterday", NOW, JAKARTA)
