"""The committed dashboards: as their source writes them, in words of their language, alike in both."""

import ast
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dashboards import look
from dashboards.build import documents
from dashboards.screen import TITLES
from dashboards.statements import statement
from dashboards.words import DIMENSIONS, LANGUAGES, REASONS, REFUSALS, STATUSES, UNITS
from opd_schemas.catalogue import Catalogue
from opd_schemas.judgement import Status
from opd_schemas.kpi import DIMENSIONS as KNOWN_DIMENSIONS
from opd_schemas.kpi import Kpi
from opd_schemas.refusal import Reason as Refused
from tests.dashboards.committed import FOLDER, Panel, dashboards, panels
from tests.databases import Database

#: What the wall preview draws as Grafana does.
_FORMS = {"stat", "timeseries", "bargauge", "gauge", "table", "state-timeline", "geomap", "text"}
_BOTH = pytest.mark.parametrize("dashboard", dashboards(), ids=lambda each: each["uid"])
_EACH = pytest.mark.parametrize("panel", panels(), ids=str)


def test_what_is_committed_is_what_the_source_writes(catalogue: Catalogue) -> None:
    written = dict(documents(catalogue))
    assert written == {
        str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.json")
    }


@_BOTH
def test_every_dashboard_has_what_all_have(dashboard: dict[str, Any], catalogue: Catalogue) -> None:
    english = dashboard["uid"].endswith("-en")
    assert dashboard["title"] == TITLES[dashboard["uid"].removesuffix("-en")].of("en" if english else "id")
    assert dashboard["tags"] == ["warroom", "en" if english else "id"]
    assert dashboard["timezone"] == catalogue.city.timezone
    assert dashboard["editable"] is False
    assert dashboard["schemaVersion"] == 39
    linked = {link["url"].removeprefix("/d/") for link in dashboard["links"]}
    suffix, other = ("-en", "") if english else ("", "-en")
    own = dashboard["uid"].removesuffix("-en")
    assert linked == {uid + suffix for uid in TITLES if uid != own} | {own + other}


@_BOTH
def test_panels_have_their_own_ids_and_places(dashboard: dict[str, Any]) -> None:
    own = [panel.body for panel in panels() if panel.dashboard["uid"] == dashboard["uid"]]
    ids = [body["id"] for body in own] + [each["id"] for each in dashboard["panels"] if each["type"] == "row"]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for body in dashboard["panels"]:
        at = body["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        taken |= cells


@_EACH
def test_every_panel_says_what_it_is(panel: Panel) -> None:
    body = panel.body
    assert body["type"] in _FORMS
    if body["type"] == "text":
        return
    assert body["description"]
    assert body["fieldConfig"]["defaults"]["noValue"]
    (target,) = body["targets"]
    assert target["datasource"] == body["datasource"]
    if panel.sql is not None:
        assert body["datasource"] == {"type": "grafana-postgresql-datasource", "uid": "warroom-timescaledb"}
        assert (target["rawQuery"], target["editorMode"]) == (True, "code")
        assert target["format"] == ("time_series" if body["type"] == "timeseries" else "table")


@_EACH
def test_variables_stand_quoted_only(panel: Panel) -> None:
    names = {each["name"] for each in panel.dashboard.get("templating", {}).get("list", [])}
    used = re.findall(r"\$(?!__)(?:\{[^}]*\}?|\w+)", panel.sql or "")
    assert set(used) <= {"${" + name + ":sqlstring}" for name in names}


def _units(panel: Panel) -> set[str]:
    config = panel.body.get("fieldConfig") or {"defaults": {}, "overrides": []}
    named = [each for override in config["overrides"] for each in override["properties"]]
    found = [config["defaults"].get("unit")] + [each["value"] for each in named if each["id"] == "unit"]
    return {unit for unit in found if unit}


@_EACH
def test_units_neither_shorten_a_figure_nor_follow_the_browsers_language(panel: Panel) -> None:
    """Grafana's `short` writes 1543 as 2 K, its `ms` as 2 s; `dateTimeAsLocal` is 11/24/2026 in an English browser."""
    known = {"none", "locale", "percent", "percentunit", "dateTimeAsIso", "time:YYYY-MM-DD"}
    assert all(re.fullmatch(r"suffix:\S.*", unit) for unit in _units(panel) - known)


#: Counts that are NULL where they are hidden, on panels where NULL would else be drawn in the words of an empty panel.
_MAY_BE_HIDDEN = {"visit_waiting", "registered", "referred"}
_OF_FEW_OR_NONE = {"referred_share", "online_share", "median_min", "p90_min", "within_share"}


@_EACH
def test_what_is_hidden_is_not_called_absent(panel: Panel) -> None:
    for override in (panel.body.get("fieldConfig") or {"overrides": []})["overrides"]:
        if panel.body["type"] not in ("stat", "geomap") or override["matcher"]["options"] not in _MAY_BE_HIDDEN:
            continue
        mappings = next(each["value"] for each in override["properties"] if each["id"] == "mappings")
        (null,) = [each["options"]["result"]["text"] for each in mappings if each["options"].get("match") == "null"]
        assert null.startswith("1–4")


@pytest.mark.parametrize("uid", ["warroom-visits", "warroom-visits-en"])
def test_shares_and_waits_of_few_visits_are_not_called_absent(uid: str) -> None:
    (visits,) = [each for each in dashboards() if each["uid"] == uid]
    overrides = [
        override
        for panel in visits["panels"]
        if panel["type"] == "stat"
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] in _OF_FEW_OR_NONE
    ]
    assert {each["matcher"]["options"] for each in overrides} == _OF_FEW_OR_NONE
    for override in overrides:
        (mappings,) = [each["value"] for each in override["properties"] if each["id"] == "mappings"]
        assert mappings[0]["options"]["match"] == "null"
        assert mappings[0]["options"]["result"]["text"].startswith("– (")


@_EACH
def test_maps_ask_for_tiles_that_need_no_key(panel: Panel) -> None:
    """Grafana's default base layer is CARTO's, whose tiles are watermarked for want of a key (grafana#131638)."""
    if panel.body["type"] == "geomap":
        assert panel.body["options"]["basemap"]["type"] == "osm-standard"


@_BOTH
def test_links_stand_in_sight(dashboard: dict[str, Any]) -> None:
    """Not in the menu of controls, which Grafana has since 12.3 only and where nobody looks for them."""
    assert not any("placement" in link for link in dashboard["links"])


def test_the_wall_fits_a_big_screen_and_asks_little() -> None:
    wall = next(each for each in dashboards() if each["uid"] == "warroom-city-wall")
    height = max(body["gridPos"]["y"] + body["gridPos"]["h"] for body in wall["panels"])
    assert height * 38 <= 1080 - 120
    assert sum("rawSql" in target for body in wall["panels"] for target in body.get("targets", [])) == 3


@_EACH
def test_maps_go_as_near_as_their_points_allow(panel: Panel) -> None:
    """Where a view is to fit, Grafana's `zoom` is the nearest it may come; 1, the default, is the whole world."""
    if panel.body["type"] == "geomap":
        view = panel.body["options"]["view"]
        assert (view["id"], view["zoom"] >= 12) == ("fit", True)


#: Of a screen of 1920 pixels: a unit of the grid, the gap between two, what a panel keeps for itself, a scrollbar.
_GRID_UNIT, _GAP, _PADDING, _SCROLLBAR = 71, 8, 18, 10


@_EACH
def test_no_table_is_wider_than_its_panel(panel: Panel) -> None:
    """Grafana never makes a width smaller, and one that is left out not smaller than `minWidth`."""
    if panel.body["type"] != "table":
        return
    config = panel.body["fieldConfig"]
    least = config["defaults"]["custom"]["minWidth"]
    columns = [each for each in config["overrides"] if each["matcher"]["id"] == "byName"]
    set_ = [{each["id"]: each["value"] for each in column["properties"]} for column in columns]
    widths = [each.get("custom.width", least) for each in set_ if not each.get("custom.hidden")]
    cells = panel.body["gridPos"]["w"]
    assert sum(widths) <= cells * _GRID_UNIT + (cells - 1) * _GAP - _PADDING - _SCROLLBAR
    assert least in widths, "one column takes what is left"


@_EACH
def test_no_bar_hides_another(panel: Panel) -> None:
    """Grafana draws the bars of several series at one place."""
    if panel.body["type"] == "timeseries" and len(panel.columns) > 1:
        custom = panel.body["fieldConfig"]["defaults"]["custom"]
        assert custom["drawStyle"] == "line" or custom["stacking"]["mode"] == "normal"


@_EACH
def test_what_has_no_value_is_not_green(panel: Panel) -> None:
    """Grafana gives it the colour of the lowest step, unless a mapping says otherwise; tables have one for all."""
    if panel.body["type"] not in ("stat", "geomap"):
        return
    for override in panel.body["fieldConfig"]["overrides"]:
        properties = {each["id"]: each["value"] for each in override["properties"]}
        if "thresholds" in properties and properties["thresholds"]["steps"][0]["color"] == look.GREEN:
            (null,) = [each for each in properties["mappings"] if each["options"].get("match") == "null"]
            assert null["options"]["result"]["color"] == look.GREY


@pytest.mark.parametrize("colour", [*look.STATUS_COLOURS.values(), look.DIM])
def test_letters_stand_out_from_what_they_stand_on(colour: str) -> None:
    """Grafana takes dark letters where the ground is brighter than 180, else white ones (its utils/colors.ts)."""
    ground = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    bright = sum(part * weight for part, weight in zip(ground, (0.299, 0.587, 0.114), strict=True)) > 180
    letters = [32, 34, 38] if bright else [247, 248, 250]

    def luminance(rgb: list[int]) -> float:
        linear = [p / 12.92 if (p := part / 255) <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for part in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(ground), luminance(letters)))
    # WCAG asks 3 of large letters.
    assert (light + 0.05) / (dark + 0.05) >= 4


def test_both_sets_are_one() -> None:
    """The same panels, queries and places; only words differ."""
    sets: dict[str, list[Any]] = {"id": [], "en": []}
    for panel in sorted(panels(), key=lambda each: (each.dashboard["uid"].removesuffix("-en"), each.body["id"])):
        body = panel.body
        sql = (
            (panel.sql or "")
            .replace("name_en", "name_id")
            .replace("programme_en", "programme_id")
            .replace("CASE 'en'", "CASE 'id'")
        )
        sets[panel.dashboard["tags"][1]].append((body["id"], body["type"], body["gridPos"], panel.columns, sql))
    assert sets["id"] == sets["en"]


def _pairs() -> set[tuple[str, str]]:
    """All that the sources say in both languages."""
    calls = [
        node
        for path in Path("dashboards").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Words"
    ]
    written = [[each.value for each in call.args if isinstance(each, ast.Constant)] for call in calls]
    return {(str(words[0]), str(words[1])) for words in written if len(words) == 2}


def test_titles_are_of_the_language_of_their_set(catalogue: Catalogue) -> None:
    titles: dict[tuple[str, int], dict[str, str]] = {}
    for dashboard in dashboards():
        for body in [inner for each in dashboard["panels"] for inner in (each, *each.get("panels", []))]:
            key = dashboard["uid"].removesuffix("-en"), body["id"]
            titles.setdefault(key, {})[dashboard["tags"][1]] = body.get("title", "")
    known = _pairs() | {(kpi.name.id, kpi.name.en) for kpi in catalogue.kpis}
    for panel, said in titles.items():
        assert (said["id"], said["en"]) in known, panel


def test_words_cover_all_codes() -> None:
    assert STATUSES.keys() == set(Status)
    assert REFUSALS.keys() == set(Refused)
    assert DIMENSIONS.keys() == set(KNOWN_DIMENSIONS)
    assert {"suppressed", "building", "silent", "hub_lag", "good", "raised", "held"} <= REASONS.keys()
    offered = statement("variables.dimensions", lang="id")
    for code, words in DIMENSIONS.items():
        assert f"('{code}', '{words.id}', '{words.en}')" in offered


def test_no_status_but_ok_is_green() -> None:
    assert [status for status, colour in look.STATUS_COLOURS.items() if colour == look.GREEN] == ["ok"]
    assert len(set(look.STATUS_COLOURS.values())) == len(STATUSES)


def _panels_of(kpi: Kpi) -> dict[str, Panel]:
    """By language; found by the query that names it."""
    return {panel.dashboard["tags"][1]: panel for panel in panels() if f"'{kpi.kpi}'" in (panel.sql or "")}


def test_the_panels_of_a_kpi_follow_the_catalogue(catalogue: Catalogue) -> None:
    for kpi in catalogue.kpis:
        found = _panels_of(kpi)
        assert {lang: panel.body["title"] for lang, panel in found.items()} == {"id": kpi.name.id, "en": kpi.name.en}
        warning, critical = kpi.thresholds.warning.at, kpi.thresholds.critical.at
        for lang in LANGUAGES:
            look_of = found[lang].body["fieldConfig"]["defaults"]
            assert look_of["unit"] == look.unit(kpi.unit, lang)
            assert [(step["value"], step["color"]) for step in look_of["thresholds"]["steps"]] == (
                [(None, look.GREEN), (warning, look.AMBER), (critical, look.RED)]
                if kpi.direction == "lower"
                else [(None, look.RED), (critical, look.AMBER), (warning, look.GREEN)]
            )


@pytest.mark.parametrize(
    ("unit", "lang", "expected"),
    [
        ("percent", "id", "percent"),
        ("count", "en", "locale"),
        ("minutes", "id", "suffix:menit"),
        ("working_days", "id", "suffix:hari kerja"),
        ("working_days", "en", "suffix:working days"),
    ],
)
def test_units_of_the_catalogue(unit: str, lang: Any, expected: str) -> None:
    assert unit in UNITS
    assert look.unit(unit, lang) == expected


def test_a_code_that_is_none_never_reaches_sql() -> None:
    with pytest.raises(ValueError, match="no code"):
        statement("ledger.series", lang="id", kpi="x'); DROP TABLE hub.event; --")


def test_the_chosen_limit_is_one_of_the_catalogue(catalogue: Catalogue) -> None:
    known = {each.limit for each in catalogue.limits if (each.kind, each.duration) == ("queue", "wait")}
    queues = next(each for each in dashboards() if each["uid"] == "warroom-queues")
    chosen = next(each for each in queues["templating"]["list"] if each["name"] == "limit")["current"]["value"]
    hours, minutes, seconds = (int(part) for part in chosen.split(":"))
    assert timedelta(hours=hours, minutes=minutes, seconds=seconds) in known


_CITY_OF_NAMESAKES = """
CREATE TEMP TABLE kpi (kpi text, dimension text, programme text, programme_id text, name_id text, owner text,
                       position int, unit text, direction text);
INSERT INTO kpi SELECT each, 'living', split_part(each, '-', 1), 'Cepat dilayani', each, 'dinkes', 1, 'count', 'lower'
FROM unnest(ARRAY['first-1', 'first-2', 'second-1']) AS each;
CREATE FUNCTION pg_temp.kpi_at(at timestamptz, trust boolean)
RETURNS TABLE (kpi text, value float, target float, achievement float, status text)
LANGUAGE sql AS $$ SELECT kpi, 9, 5, 0, 'critical' FROM pg_temp.kpi $$;
"""


def test_quick_wins_of_one_name_are_counted_apart(database: Database) -> None:
    sql = statement("city_wall.status", lang="id")
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(_CITY_OF_NAMESAKES)
        rows = connection.execute(sql.replace("wall.", "pg_temp.")).fetchall()
    assert sorted(row[2:] for row in rows if row[0] == "living") == [
        ("Cepat dilayani", "critical|1/1"),
        ("Cepat dilayani", "critical|2/2"),
    ]
