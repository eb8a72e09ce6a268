"""Every panel's SQL on the real database, as Grafana's role: it runs, brings what the panel's form needs, and rows."""

from dataclasses import replace
from typing import Any

import pytest

from tests.dashboards.committed import Panel, dashboards, panels
from tests.dashboards.town import Town
from tests.dashboards.view import View, asked, declared, expanded
from tests.dashboards.views import VIEWS

#: Type numbers of PostgreSQL: points in time, and what Grafana draws as numbers.
_TIMES, _NUMBERS, _TEXT = {1184}, {20, 21, 23, 700, 701, 1700}, {25}
_HOSTILE = "'); SELECT pg_sleep(60); --"


def _view(dashboard: dict[str, Any], town: Town) -> View:
    """What is looked at first on a dashboard."""
    view, *_ = VIEWS[dashboard["uid"].removesuffix("-en")].values()
    return view(town)


def _asking() -> list[Panel]:
    return [panel for panel in panels() if panel.body["type"] != "text"]


@pytest.mark.parametrize("panel", _asking(), ids=str)
def test_a_panel_gets_rows_with_the_columns_of_its_form(panel: Panel, town: Town) -> None:
    answer = town.ask(panel, _view(panel.dashboard, town))
    assert answer.rows
    types = {column.name: column.type_code for column in answer.columns}
    assert panel.columns <= types.keys()
    options = panel.body["options"]
    match panel.body["type"]:
        case "timeseries":
            assert types.pop("time") in _TIMES
            assert types
            assert set(types.values()) <= _NUMBERS
        case "state-timeline":
            assert types == {"time": 1184, "status": 25}
        case "stat" if options["reduceOptions"]["fields"]:
            field = options["reduceOptions"]["fields"].strip("/^$")
            assert types[field] in _TEXT
        case "stat":
            shown = [name for name, type_code in types.items() if type_code in _NUMBERS]
            assert set(shown) == panel.columns
        case "bargauge":
            assert [type_code in _NUMBERS for type_code in types.values()] == [False, True]
        case "geomap":
            coordinates = options["layers"][0]["location"]
            colour = options["layers"][0]["config"]["style"]["color"]["field"]
            assert {types[coordinates["latitude"]], types[coordinates["longitude"]], types[colour]} <= _NUMBERS
        case "table":
            assert types.keys() == panel.columns
        case other:
            pytest.fail(f"no rule for {other}")


@pytest.mark.parametrize("panel", [panel for panel in _asking() if ":sqlstring" in str(panel.sql)], ids=str)
def test_a_choice_of_nothing_known_is_quoted_and_harmless(panel: Panel, town: Town) -> None:
    view = _view(panel.dashboard, town)
    view = replace(view, opd=(_HOSTILE,), unit=(_HOSTILE,), service=(_HOSTILE,), dimension=(_HOSTILE,), kpi=_HOSTILE)
    assert _HOSTILE.replace("'", "''") in asked(panel, view)
    town.ask(panel, view)


@pytest.mark.parametrize(
    ("dashboard", "variable"),
    [(dashboard, each) for dashboard in dashboards() for each in declared(dashboard)],
    ids=lambda each: each.get("uid") or each.get("name"),
)
def test_a_variable_offers_choices(dashboard: dict[str, Any], variable: dict[str, Any], town: Town) -> None:
    assert variable["type"] == "query"
    cursor = town.grafana.execute(expanded(variable["query"], dashboard, _view(dashboard, town)).encode())
    assert [column.name for column in cursor.description or []] == ["__text", "__value"]
    choices = cursor.fetchall()
    assert choices
    assert all(text and value for text, value in choices)
    # Grafana drops what reads like another choice.
    assert len({text for text, _ in choices}) == len({value for _, value in choices}) == len(choices)
