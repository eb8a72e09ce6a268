"""Every panel's SQL on the real database, as Grafana's role: it runs, and brings what the panel's form needs."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from dashboards.macros import Variable, Window, expand
from tests.dashboards.committed import Panel, dashboards, panels, source_of
from tests.dashboards.seeded import NOON

#: Type numbers of PostgreSQL: points in time, and what Grafana draws as numbers.
_TIMES, _NUMBERS, _TEXT = {1184}, {20, 21, 23, 700, 701, 1700}, {25}
_WINDOW = Window(NOON - timedelta(days=60), NOON + timedelta(minutes=1))
#: What the catalogue knows and the morning of the tests has no cases of.
_CHOSEN = {"opd": ("dpmptsp",), "limit": ("00:15:00",), "kpi": ("pbg-tempo",)}
_Answer = tuple[list[psycopg.Column], list[tuple[Any, ...]]]


def _variables(dashboard: dict[str, Any], *, all_: bool = True) -> list[Variable]:
    """All where a variable has All, else a value of the ready city."""
    found = []
    for each in dashboard.get("templating", {}).get("list", []):
        name, several = each["name"], bool(each.get("multi"))
        all_value = each["allValue"] if several and all_ else None
        found.append(Variable(name, _CHOSEN.get(name, ("none",)), several, all_value))
    return found


def _ask(connection: psycopg.Connection, panel: Panel, *, all_: bool = True, window: Window = _WINDOW) -> _Answer:
    sql = source_of(panel).sql
    assert sql is not None
    expanded = expand(sql, window, timedelta(minutes=1), _variables(panel.dashboard, all_=all_))
    assert "$__" not in expanded.sql, expanded.sql
    assert "${" not in expanded.sql, expanded.sql
    cursor = connection.execute(expanded.sql.encode())
    return list(cursor.description or []), cursor.fetchall()


def _asking() -> list[Panel]:
    return [panel for panel in panels() if panel.body["type"] != "text"]


@pytest.mark.parametrize("panel", _asking(), ids=str)
def test_a_panel_gets_the_columns_of_its_form(panel: Panel, grafana: psycopg.Connection) -> None:
    description, _ = _ask(grafana, panel)
    types = {column.name: column.type_code for column in description}
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


@pytest.mark.parametrize("panel", [panel for panel in _asking() if panel.dashboard["tags"][1] == "id"], ids=str)
def test_a_panel_gets_rows(panel: Panel, grafana: psycopg.Connection) -> None:
    window = _WINDOW
    if "wall.throughput" in str(source_of(panel).sql):
        (now,) = grafana.execute("SELECT now() + interval '1 second'").fetchone() or ()
        window = Window(now - timedelta(hours=1), now)
    assert _ask(grafana, panel, window=window)[1]


@pytest.mark.parametrize("panel", [panel for panel in _asking() if ":sqlstring" in str(panel.sql)], ids=str)
def test_a_choice_of_nothing_known_is_quoted_and_harmless(panel: Panel, grafana: psycopg.Connection) -> None:
    sql = source_of(panel).sql
    assert sql is not None
    hostile = [
        Variable(each.name, ("'); SELECT pg_sleep(60); --",) if each.name != "limit" else each.values, each.several)
        for each in _variables(panel.dashboard, all_=False)
    ]
    expanded = expand(sql, _WINDOW, timedelta(minutes=1), hostile)
    assert grafana.execute(expanded.sql.encode()).fetchall() is not None


@pytest.mark.parametrize(
    ("dashboard", "variable"),
    [(dashboard, each) for dashboard in dashboards() for each in dashboard.get("templating", {}).get("list", [])],
    ids=lambda each: each.get("uid") or each.get("name"),
)
def test_a_variable_offers_choices(
    dashboard: dict[str, Any], variable: dict[str, Any], grafana: psycopg.Connection
) -> None:
    assert variable["type"] == "query"
    sql = expand(variable["query"], _WINDOW, timedelta(minutes=1), _variables(dashboard)).sql
    cursor = grafana.execute(sql.encode())
    assert [column.name for column in cursor.description or []] == ["__text", "__value"]
    choices = cursor.fetchall()
    assert choices
    assert all(text and value for text, value in choices)


def _figures(grafana: psycopg.Connection, uid: str, title: str) -> list[dict[str, Any]]:
    panel = next(each for each in panels() if each.dashboard["uid"] == uid and each.body["title"] == title)
    description, rows = _ask(grafana, panel)
    return [dict(zip((column.name for column in description), row, strict=True)) for row in rows]


def test_what_the_queue_panels_say(grafana: psycopg.Connection) -> None:
    (now,) = _figures(grafana, "warroom-queues", "Saat ini")
    assert now["waiting"] == 15
    assert now["oldest_min"] == pytest.approx(51)
    (summary,) = _figures(grafana, "warroom-queues", "Dalam rentang waktu")
    assert summary["online_share"] == pytest.approx(0.25)
    assert summary["abandoned_share"] == pytest.approx(9 / 120)


def test_small_cells_stay_hidden(grafana: psycopg.Connection) -> None:
    by_unit = {row["name"]: row for row in _figures(grafana, "warroom-visits", "Per Puskesmas")}
    assert by_unit["Puskesmas Andalas"]["registered"] == 30
    assert by_unit["Puskesmas Alai"]["registered"] is None
    assert by_unit["Puskesmas Belimbing"]["registered"] == 0


def test_overdue_permits_stand_by_service(grafana: psycopg.Connection) -> None:
    by_service = {row["name"]: row for row in _figures(grafana, "warroom-permits", "Per layanan")}
    assert by_service["Surat Izin Praktik Dokter"]["open"] == 5
    assert by_service["Surat Izin Praktik Dokter"]["overdue"] == 5
