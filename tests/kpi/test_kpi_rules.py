"""Rules as data: each file in `rules/` holds a series of figures and the status and reason that each must be given."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from blocks import build
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from opd_schemas.judgement import Status, is_stale, judge

RULES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
DEFINITE = (Status.OK, Status.WARNING, Status.CRITICAL)
KNOWN = {"value", "n", "silent", "lag", "closed", "expect"}
_span = TypeAdapter(timedelta).validate_python


def _stale(row: dict[str, Any], expected_every: timedelta) -> bool:
    silent = row.get("silent", "PT0S")
    return is_stale(
        None if silent == "never" else _span(silent),
        expected_every,
        is_open=not row.get("closed", False),
        hub_lag=_span(row.get("lag", "PT0S")),
    )


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_each_figure_gets_the_status_that_the_file_expects(path: Path) -> None:
    rule = YAML(typ="safe", pure=True).load(path)
    kpi = build(**rule["kpi"])
    previous: Status | None = None
    given, expected = [], []
    for row in rule["series"]:
        assert row.keys() <= KNOWN
        stale = _stale(row, _span(rule.get("expected_every", "PT5M")))
        status, reason = judge(kpi, row.get("value"), row["n"], stale=stale, previous=previous)
        given.append(f"{status} {reason}")
        expected.append(row["expect"])
        previous = status if status in DEFINITE else previous
    assert given == expected


def test_the_files_cover_both_directions_and_all_statuses_and_reasons() -> None:
    rules = [YAML(typ="safe", pure=True).load(path) for path in RULES]
    assert {rule["kpi"]["direction"] for rule in rules} == {"lower", "higher"}
    said = {word for rule in rules for row in rule["series"] for word in row["expect"].split()}
    assert said == {
        *("ok", "warning", "critical", "no_data", "stale"),
        *("good", "raised", "held", "no_value", "under_sampled"),
    }
