"""What `catalogue diff` foretells is what `catalogue apply` then does, and nothing else differs."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.local.stack import Endpoints
from opd_schemas.catalogue import Catalogue
from services.catalogue_diff import Change, changes, consequences
from tests.cli.kpi_city import DOCUMENT, City, settled
from tests.databases import Database

CATALOGUE = Catalogue.model_validate(DOCUMENT)
STORED = CATALOGUE.model_dump(mode="json")


def written(document: dict[str, Any], folder: Path) -> str:
    """The document as the files of a folder."""
    yaml = YAML(typ="safe")
    (folder / "kpis").mkdir(parents=True, exist_ok=True)
    parts = {"city": {"city": document["city"], "limits": document.get("limits", [])}}
    parts |= {name: {name: document[name]} for name in ("agencies", "calendars")}
    for owner in {kpi["owner"] for kpi in document["kpis"]}:
        parts[f"kpis/{owner}"] = {"kpis": [kpi for kpi in document["kpis"] if kpi["owner"] == owner]}
    for name, part in parts.items():
        with (folder / f"{name}.yaml").open("w") as file:
            yaml.dump(_without_nothing(part), file)
    return str(folder)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(each) for key, each in value.items() if each is not None and each != []}
    return [_without_nothing(each) for each in value] if isinstance(value, list | tuple) else value


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The stored document after a change, through the contract."""
    document = copy.deepcopy(STORED)
    change(document)
    return Catalogue.model_validate(document).model_dump(mode="json")


def _new_agency(document: dict[str, Any]) -> None:
    agency = copy.deepcopy(document["agencies"][1])
    document["agencies"].insert(1, agency | {"opd": "dinsos"})


CASES: list[tuple[Callable[[dict[str, Any]], object], list[tuple[Any, ...]]]] = [
    (lambda d: None, []),
    (lambda d: d["city"].update(late_after="PT20M"), [("city", "changed", "", "late_after", "PT10M", "PT20M")]),
    (
        lambda d: d["agencies"][0]["name"].update(en="Registry"),
        [("agencies", "changed", "dukcapil", "name.en", "Dinas dukcapil (en)", "Registry")],
    ),
    (
        lambda d: d["agencies"][0]["units"][0].update(kinds=["queue", "permit"], calendar="kantor"),
        [
            ("units", "changed", "dukcapil/loket", "kinds", [], ["permit"]),
            ("units", "changed", "dukcapil/loket", "calendar", None, "kantor"),
        ],
    ),
    (
        lambda d: d["agencies"][0]["apps"][0].update(expected_every="PT5M"),
        [("apps", "changed", "dukcapil/antrean", "expected_every", "PT30M", "PT5M")],
    ),
    (
        lambda d: d["agencies"][0]["services"][0].update(service="ktp"),
        [("services", "added", "dukcapil/ktp"), ("services", "removed", "dukcapil/layanan")],
    ),
    (
        _new_agency,
        [("agencies", "added", "dinsos"), ("units", "added", "dinsos/balai"), ("services", "added", "dinsos/layanan"),
         ("apps", "added", "dinsos/uji")],
    ),
    (
        lambda d: d["calendars"][0].update(holidays=[{"date": "2025-08-17", "name": "HUT RI", "open": False}]),
        [("calendars", "changed", "kantor", "holidays[2025-08-17]", None,
          {"date": "2025-08-17", "name": "HUT RI", "open": False})],
    ),
    (
        lambda d: d["calendars"][0].update(expanded=["2025-12-25"]),
        [("calendars", "changed", "kantor", "expanded", [], ["2025-12-25"])],
    ),
    (
        lambda d: d.update(limits=[{"kind": "queue", "duration": "wait", "limit": "PT15M"}]),
        [("limits", "added", "queue wait PT15M")],
    ),
    (
        lambda d: d["kpis"][0]["targets"][0].update(value=15),
        [("kpis", "changed", "tunggu", "targets[2026-12-31].value", 20.0, 15.0)],
    ),
    (
        lambda d: d["kpis"][1]["measure"].update(limit="PT15M"),
        [("kpis", "changed", "tepat", "measure.limit", "PT30M", "PT15M")],
    ),
    (
        lambda d: d["kpis"].append(d["kpis"].pop(0)),
        [("kpis", "changed", "", "order", [k["kpi"] for k in STORED["kpis"]],
          [k["kpi"] for k in STORED["kpis"][1:]] + ["tunggu"])],
    ),
    (lambda d: d["kpis"].pop(2), [("kpis", "removed", "jarang")]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "wanted"), CASES)
def test_each_difference_is_named_once(
    change: Callable[[dict[str, Any]], object], wanted: list[tuple[Any, ...]]
) -> None:
    new = changed(change)
    found = changes(STORED, new)
    told = [
        (c.group, c.sign, c.key) if c.sign != "changed" else (c.group, c.sign, c.key, c.path, c.old, c.new)
        for c in found
    ]
    assert told == wanted
    # And the other way round, with the sides exchanged.
    back = changes(new, STORED)
    other = {"added": "removed", "removed": "added", "changed": "changed"}

    def sides(each: Change) -> tuple[str, ...]:
        return each.group, each.sign, each.key, each.path, repr(each.old), repr(each.new)

    assert sorted(map(sides, back)) == sorted(
        sides(Change(c.group, other[c.sign], c.key, c.path, c.new, c.old))
        for c in found  # type: ignore[arg-type]
    )


def test_what_follows_from_a_calendar_a_limit_and_a_target() -> None:
    pairs = [("queue", "dukcapil"), ("permit", "dpmptsp"), ("visit", "dinkes")]

    def after(change: Callable[[dict[str, Any]], object]) -> tuple[list[tuple[str, str]], list[str]]:
        found = consequences(CATALOGUE, Catalogue.model_validate(changed(change)), pairs)
        return found.rewritten, found.new_figures

    assert after(lambda d: d["kpis"][0]["targets"][0].update(value=15)) == ([], [])
    assert after(lambda d: d["kpis"][1]["measure"].update(limit="PT15M")) == ([], ["tepat"])
    assert after(lambda d: d["calendars"][0]["hours"].update(mon=["08:00-14:00"])) == ([("permit", "dpmptsp")], [])
    # A figure that another KPI had is counted already.
    assert after(lambda d: d["kpis"][0]["filter"].update(channels=["online"])) == ([], [])
    first = consequences(None, CATALOGUE, [])
    assert first.new_figures == [kpi.kpi for kpi in CATALOGUE.kpis]
    # Only what has a calendar is read by other rules than it would be without a catalogue.
    assert first.rewritten == [("permit", "dpmptsp")]


@pytest.fixture
def city(fresh_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> City:
    database = fresh_database(timezone=None)
    settled(database)
    return City(database, tmp_path_factory.mktemp("diff"))


def test_apply_does_what_diff_foretold(city: City, endpoints: Endpoints, tmp_path: Path) -> None:
    owner = {
        "WARROOM_DATABASE_URL": city.database.owner_url,
        "WARROOM_NATS_URL": endpoints.nats_url_for("hub-admin"),
        "COLUMNS": "80",
    }
    same = city("catalogue", "diff", written(DOCUMENT, tmp_path / "same"), **owner)
    assert (same.returncode, same.stdout.strip()) == (0, "No difference from version 1."), same.stderr

    document = copy.deepcopy(DOCUMENT)
    document["calendars"][0]["hours"] = {"mon": ["08:00-14:00"], "tue": ["08:00-14:00"]}
    document["calendars"][0]["public_holidays"] = {"country": "ID"}
    document["kpis"][1]["measure"]["limit"] = "PT15M"
    del document["kpis"][7]
    folder = written(document, tmp_path / "other")
    lines = city("catalogue", "diff", folder, **owner).stdout.splitlines()
    assert "Compared with version 1:" in lines
    assert "  ~ kantor.hours.mon: -08:00-15:00 +08:00-14:00" in lines
    assert any(line.startswith("  ~ kantor.expanded: +2010-01-01") for line in lines)
    assert "  ~ tepat.measure.limit: PT30M -> PT15M" in lines
    assert "  - nanti  Baru berlaku nanti (en)" in lines
    assert lines[lines.index("Cases that would be rewritten") + 1 :][0] == "  permit dpmptsp: 5"
    assert lines[-1] == "  tepat"
    found = city.json("catalogue", "diff", folder, **owner)
    assert found["in_force"] == 1
    assert found["rewritten"] == [{"kind": "permit", "opd": "dpmptsp", "cases": 5}]
    assert found["new_figures"] == ["tepat"]
    # Nothing was changed by looking.
    assert city.query("SELECT count(*) AS n FROM hub.catalogue") == [{"n": 1}]

    before = city.query("SELECT kind, opd, digest FROM hub.rewritten ORDER BY 1, 2")
    done = city("catalogue", "apply", folder, **owner)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Catalogue version 2 is in force.",
        "5 cases rewritten, 1 figures of KPIs counted.",
    ]
    after = city.query("SELECT kind, opd, digest FROM hub.rewritten ORDER BY 1, 2")
    rewritten = [row for row in after if row not in before]
    assert [(row["kind"], row["opd"]) for row in rewritten] == [("permit", "dpmptsp")]
    assert city.query("SELECT count(*) AS n FROM hub.figure WHERE counted_to < 9223372036854775807") == [{"n": 0}]
    # Of the waits of 10, 20, 45, 70 and 17 minutes one is within 15.
    (tight,) = city.query(
        "SELECT f.n, f.hits FROM hub.kpi k JOIN (SELECT figure_no, sum(n)::int AS n, sum(hits)::int AS hits"
        " FROM hub.figure_day WHERE day = '2025-11-17' GROUP BY 1) f USING (figure_no)"
        " WHERE k.kpi = 'tepat' AND k.version = 2"
    )
    assert tight == {"n": 5, "hits": 1}
    assert city("catalogue", "diff", folder, lang="id", **owner).stdout.strip() == "Tidak ada perbedaan dengan versi 2."


def test_apply_goes_on_with_what_was_broken_off(city: City, endpoints: Endpoints, tmp_path: Path) -> None:
    city.query("UPDATE hub.rewritten SET digest = 'another' WHERE kind = 'queue' AND opd = 'dukcapil'")
    owner = {"WARROOM_DATABASE_URL": city.database.owner_url, "WARROOM_NATS_URL": endpoints.nats_url_for("hub-admin")}
    done = city("catalogue", "apply", written(DOCUMENT, tmp_path / "same"), **owner)
    assert done.stdout.splitlines() == [
        "Nothing changed; version 1 stays in force.",
        "7 cases rewritten, 0 figures of KPIs counted.",
    ], done.stderr


def test_the_first_catalogue_is_all_new(database: Database, tmp_path: Path) -> None:
    empty = City(database, tmp_path / "state")
    owner = {"WARROOM_DATABASE_URL": database.owner_url}
    lines = empty("catalogue", "diff", written(DOCUMENT, tmp_path / "first"), lang="id", **owner).stdout.splitlines()
    assert lines[0] == "Belum ada katalog yang berlaku."
    assert "  + dukcapil/loket  loket" in lines
    assert "  + tunggu  Waktu tunggu" in lines
    assert "KPI dengan hitungan baru (8)" in lines
