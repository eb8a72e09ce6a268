"""Where two dashboards differ, and what is no difference."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.publish.compare import NOTHING, Difference, dashboard_differences
from tests.publish.conftest import DASHBOARDS
from tests.publish.description import Json

COMMITTED = DASHBOARDS[0].content


def found(change: Callable[[Json], Any]) -> list[Difference]:
    """The differences after a change."""
    changed = copy.deepcopy(COMMITTED)
    change(changed)
    return dashboard_differences(COMMITTED, changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(id=17, version=4, iteration=1763856000000),
        lambda d: d.update(schemaVersion=43),
        lambda d: d.update(editable=True, fiscalYearStartMonth=0, graphTooltip=0, liveNow=False, preload=False),
        lambda d: d.update(annotations={"list": [{"builtIn": 1, "name": "Annotations & Alerts"}]}, description=""),
        lambda d: d["templating"]["list"][0].update(options=[{"text": "dinkes", "value": "dinkes"}]),
        lambda d: d["panels"][0].update(pluginVersion="12.3.0", links=None, options={"a": {}, "b": []}),
        lambda d: d["panels"].reverse(),
        lambda d: d["panels"][0]["gridPos"].update(h=8.0),
    ],
    ids=["numbers", "newer-schema", "defaults", "built-in-marks", "choices", "empty-values", "order", "8-is-8.0"],
)  # fmt: skip
def test_what_grafana_adds_is_no_difference(change: Callable[[Json], Any]) -> None:
    assert found(change) == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda d: d.update(title="Lain"), Difference("title", "Antrean", "Lain")),
        (lambda d: d.pop("refresh"), Difference("refresh", "10s", NOTHING)),
        (lambda d: d.update(editable=False), Difference("editable", True, False)),
        (lambda d: d.update(graphTooltip=1), Difference("graphTooltip", 0, 1)),
        (lambda d: d.update(schemaVersion=30), Difference("schemaVersion", 42, 30)),
        (lambda d: d["tags"].clear(), Difference("tags", ["warroom"], NOTHING)),
        (
            lambda d: d["panels"][1]["targets"][0].update(hide=True),
            Difference("panels[id=2].targets[refId=A].hide", NOTHING, True),
        ),
        (
            lambda d: d["templating"]["list"][0].update(query="SELECT 1"),
            Difference("templating.list[name=opd].query", "SELECT opd FROM wall.agency", "SELECT 1"),
        ),
        (
            lambda d: d["panels"].pop(0),
            Difference("panels[id=1]", COMMITTED["panels"][0], NOTHING),
        ),
        (
            lambda d: d["panels"].insert(0, {"id": 7, "type": "text"}),
            Difference("panels[id=7]", NOTHING, {"id": 7, "type": "text"}),
        ),
        (
            lambda d: d.update(annotations={"list": [{"name": "Rilis"}]}),
            Difference("annotations", NOTHING, {"list": [{"name": "Rilis"}]}),
        ),
        (
            lambda d: d["templating"]["list"].reverse(),
            Difference("templating.list: order", "opd, unit", "unit, opd"),
        ),
        (
            lambda d: d["panels"][0]["transformations"].reverse(),
            Difference("panels[id=1].transformations: order", "filterByValue, organize", "organize, filterByValue"),
        ),
        (
            lambda d: d["templating"]["list"].insert(0, {"name": "kind"}),
            Difference("templating.list[name=kind]", NOTHING, {"name": "kind"}),
        ),
        (lambda d: d["panels"][0]["gridPos"].update(y=False), Difference("panels[id=1].gridPos.y", 0, False)),
    ],
)
def test_each_other_difference_is_named_by_its_path(change: Callable[[Json], Any], difference: Difference) -> None:
    assert found(change) == [difference]


def test_long_values_show_the_part_that_differs() -> None:
    before = "SELECT waiting, open, oldest_open FROM wall.open('queue', now(), NULL) WHERE waiting > 60"
    shown = Difference("panels[id=2].targets[refId=A].rawSql", before, before.replace("60", "15")).show("(none)")
    assert shown == 'panels[id=2].targets[refId=A].rawSql: "…iting > 60" -> "…iting > 15"'
    middle = Difference("query", before, before.replace("open,", "closed,")).show("(none)")
    assert middle == 'query: "…aiting, open, oldest…" -> "…aiting, closed, oldest…"'
    assert Difference("panels[id=1]", COMMITTED["panels"][0], NOTHING).show("(none)") == (
        'panels[id=1]: "Panel 1" -> (none)'
    )
    links = Difference("links", [{"url": "https://kota.example/panduan/layanan"}], NOTHING).show("(none)")
    assert links == 'links: [{"url": "https://kota.examp… -> (none)'
