"""Every panel says what `warroom measure` and `warroom kpi` say for the same window and choice, on real and simulated
events; where no command tells it, what a plain reckoning over the raw rows does.
"""

import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from opd_schemas.catalogue import Catalogue
from opd_schemas.measures import Overdue
from tests.dashboards import city
from tests.dashboards.committed import Panel, panels
from tests.dashboards.expected import permits
from tests.dashboards.expected.table import EXPECTED, SAY_NOTHING, Expected, expected_of
from tests.dashboards.town import Answer, Row, Town
from tests.dashboards.view import View
from tests.dashboards.views import KPI_VIEWS, VIEWS, Named

#: Those that ask the database themselves; the English ones ask the same.
_ASKING = [panel for panel in panels() if panel.sql is not None and panel.dashboard["tags"][1] == "id"]
_EVERY = pytest.mark.parametrize("panel", _ASKING, ids=str)


def _views(panel: Panel) -> Named:
    """What is looked at on a panel's dashboard; of one that shows a single KPI no more than that."""
    uid = panel.dashboard["uid"]
    return VIEWS[uid] if panel.body.get("title", "") in EXPECTED[uid] else KPI_VIEWS


def _expected(panel: Panel, town: Town) -> Expected:
    found = expected_of(panel, town.catalogue)
    assert found is not None, f"{panel} stands in no table of tests/dashboards/expected"
    return found


def _told(expected: Expected, town: Town, view: View, now: datetime) -> list[Row]:
    if expected.kpi is not None:
        view = replace(view, kpi=expected.kpi)
    if expected.tell_now is not None:
        return expected.tell_now(town, view, now)
    assert expected.tell is not None
    return expected.tell(town, view)


@_EVERY
def test_no_panel_is_forgotten(panel: Panel, catalogue: Catalogue) -> None:
    assert expected_of(panel, catalogue) is not None


def test_no_expectation_is_left_over() -> None:
    standing = {(panel.dashboard["uid"], panel.body.get("title", "")) for panel in _ASKING}
    assert {(uid, title) for uid, titles in EXPECTED.items() for title in titles} <= standing


def test_the_english_panels_ask_the_same() -> None:
    def without_names(sql: str | None) -> str:
        return re.sub(r"\b(name|programme)_(id|en)\b", r"\1", str(sql)).replace("CASE 'en'", "CASE 'id'")

    english = {(p.dashboard["uid"], p.body["id"]): p for p in panels() if p.dashboard["tags"][1] == "en"}
    for panel in _ASKING:
        assert without_names(panel.sql) == without_names(english[f"{panel.dashboard['uid']}-en", panel.body["id"]].sql)


@pytest.mark.parametrize(("panel", "name"), [(panel, name) for panel in _ASKING for name in _views(panel)], ids=str)
def test_a_panel_says_what_the_commands_say(panel: Panel, name: str, town: Town) -> None:
    expected = _expected(panel, town)
    view = _views(panel)[name](town)
    if expected.tell_now is not None:
        town.beat()
    answer = town.ask(panel, view)
    told = _told(expected, town, view, answer.now)
    _same(answer, told, expected)


@_EVERY
def test_a_panel_has_something_to_say(panel: Panel, town: Town) -> None:
    """Else to be equal would mean nothing: every column has a figure somewhere, and a choice changes what is said."""
    expected = _expected(panel, town)
    uid, title = panel.dashboard["uid"], panel.body.get("title", "")
    if expected.tell_now is not None:
        town.beat()
    now = town.ask(panel, next(iter(_views(panel).values()))(town)).now
    said: dict[str, list[Row]] = {}
    for name, view in _views(panel).items():
        if name != "log" or city.has_log():
            said[name] = _told(expected, town, view(town), now)
    rows = [row for told in said.values() for row in told]
    silent = {column for column in rows[0] if not any(row[column] for row in rows)}
    assert not {column for column in silent if (uid, title, column) not in SAY_NOTHING}
    if uid in ("warroom-queues", "warroom-permits", "warroom-visits") and expected.kpi is None:
        everything = next(iter(said))
        assert all(told != said[everything] for name, told in said.items() if name != everything)


def test_overdue_permits_are_those_of_the_kpis(town: Town) -> None:
    """What is reckoned by service adds up to what `warroom kpi` tells."""
    late = [kpi for kpi in town.catalogue.kpis if isinstance(kpi.measure, Overdue)]
    for view in (VIEWS["warroom-permits"]["weeks"](town), VIEWS["warroom-agency"]["log"](town)):
        board = town.board(view.end, (view.start, view.end))
        found = permits.overdue_by_service(town, replace(view, opd=None))
        assert found.total() == sum(board[kpi.kpi]["value"] for kpi in late) > 0


def test_small_cells_of_health_visits_are_hidden(town: Town) -> None:
    panel = next(p for p in _ASKING if p.body.get("title") == "Per Puskesmas")
    view = VIEWS["warroom-visits"]["hours"](town)
    for row in town.ask(panel, view).rows:
        assert row["registered"] is None or row["registered"] % 5 == 0
    assert None in {row["referred"] for row in town.ask(panel, view).rows}


def _same(answer: Answer, told: list[Row], expected: Expected) -> None:
    """The same rows with the same columns, figures to the last digits of a float; sorted as the panel says."""
    if told:
        assert {column.name for column in answer.columns} == told[0].keys()
    rows = [{name: float(v) if isinstance(v, Decimal) else v for name, v in row.items()} for row in answer.rows]
    if expected.order is not None:
        column, down = expected.order.removeprefix("-"), expected.order.startswith("-")
        values = [row[column] for row in rows if row[column] is not None]
        assert values == sorted(values, reverse=down)
        if expected.top is not None and len(told) > expected.top:
            assert len(rows) == expected.top
            assert values == sorted((row[column] for row in told), reverse=down)[: expected.top]
            shown = {str(row) for row in rows}
            told = [row for row in told if str({**row, column: float(row[column])}) in shown]
    assert len(rows) == len(told)
    for row, right in zip(sorted(rows, key=_key), sorted(told, key=_key), strict=True):
        assert row == {
            name: pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, int | float) else value
            for name, value in right.items()
        }


def _key(row: Row) -> tuple[Any, ...]:
    """Texts and times first, which name a row; then its figures."""
    texts = [str(value) for _, value in sorted(row.items()) if isinstance(value, str | datetime)]
    figures = [round(float(v or 0), 6) for _, v in sorted(row.items()) if v is None or isinstance(v, int | float)]
    return (*texts, *figures)
