"""The database judges as the rules do: the same files, the same targets, the same achievement."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from blocks import build
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from opd_schemas.judgement import achievement, is_stale, target_at
from tests.databases import Databases

RULES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
_span = TypeAdapter(timedelta).validate_python


@pytest.fixture(scope="module")
def owner(databases: Databases) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    database = databases.create()
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        yield connection
    databases.drop(database)


def _doubt(row: dict[str, Any], expected_every: timedelta) -> str | None:
    silent = row.get("silent", "PT0S")
    stale = is_stale(
        None if silent == "never" else _span(silent),
        expected_every,
        is_open=not row.get("closed", False),
        hub_lag=_span(row.get("lag", "PT0S")),
    )
    return "stale" if stale else None


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_the_database_judges_as_the_files_expect(owner: psycopg.Connection[tuple[Any, ...]], path: Path) -> None:
    rule = YAML(typ="safe", pure=True).load(path)
    kpi = build(**rule["kpi"])
    warning, critical = kpi.thresholds.warning, kpi.thresholds.critical
    limits = (kpi.direction, kpi.minimum_sample, warning.at, warning.clear, critical.at, critical.clear)
    previous: str | None = None
    given = []
    for row in rule["series"]:
        doubt = _doubt(row, _span(rule.get("expected_every", "PT5M")))
        ((status, reason),) = owner.execute(
            "SELECT status, reason FROM hub.judge(%s, %s, %s, %s, %s, %s, %s, %s, %s, false, %s)",
            (*limits, row.get("value"), row["n"], doubt, previous),
        ).fetchall()
        given.append(f"{status} {reason}")
        previous = status if status in ("ok", "warning", "critical") else previous
    assert given == [row["expect"] for row in rule["series"]]


def test_what_is_hidden_or_still_counted_is_no_data(owner: psycopg.Connection[tuple[Any, ...]]) -> None:
    judge = "SELECT status, reason FROM hub.judge('lower', 1, 30, 25, 40, 35, %s, 9, %s, %s, 'ok')"
    assert owner.execute(judge, (None, None, True)).fetchone() == ("no_data", "suppressed")
    assert owner.execute(judge, (10, "building", False)).fetchone() == ("no_data", "building")
    assert owner.execute(judge, (10, "silent", False)).fetchone() == ("stale", "silent")
    assert owner.execute(judge, (10, "hub_lag", True)).fetchone() == ("stale", "hub_lag")


def test_targets_step_from_day_to_day(owner: psycopg.Connection[tuple[Any, ...]]) -> None:
    kpi = build(
        thresholds={"warning": {"at": 30, "clear": 25}, "critical": {"at": 40, "clear": 35}},
        targets=[
            {"by": "2026-09-30", "value": 28},
            {"by": "2026-12-31", "value": 25},
            {"by": "2027-03-31", "value": 20},
        ],
    )
    days, values = [target.by for target in kpi.targets], [target.value for target in kpi.targets]
    for day in (date(2026, 7, 1) + timedelta(days=n) for n in range(300)):
        (found,) = owner.execute("SELECT hub.target_at(%s, %s, %s)", (days, values, day)).fetchone() or ()
        assert found == target_at(kpi, day)


def test_achievement_is_that_of_the_rules(owner: psycopg.Connection[tuple[Any, ...]]) -> None:
    for direction in ("lower", "higher"):
        for target in (0, 1, 24, 90):
            for value in (0, 0.5, 1, 24, 48, 60, 90, 300):
                (found,) = (
                    owner.execute(
                        "SELECT hub.achievement(%s, %s, %s)", (float(value), float(target), direction)
                    ).fetchone()
                    or ()
                )
                assert found == pytest.approx(achievement(value, target, direction), abs=1e-12)


@pytest.mark.parametrize(
    ("n", "shown"),
    [(0, 0), (1, None), (4, None), (5, 5), (7, 5), (8, 10), (12, 10), (13, 15), (1000, 1000), (1003, 1005), (-2, None)],
)
def test_small_cells_of_health_are_hidden_and_others_rounded(
    owner: psycopg.Connection[tuple[Any, ...]], n: int, shown: int | None
) -> None:
    assert owner.execute("SELECT hub.shown(%s, true), hub.shown(%s, false)", (n, n)).fetchone() == (shown, n)
