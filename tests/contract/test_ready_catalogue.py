"""The ready city is whole: agencies, Puskesmas and applications as promised, and nothing that no event can name."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_schema_subset import valid
from ruamel.yaml import YAML

from opd_schemas.catalogue import Agency, Catalogue, Limit
from opd_schemas.event import CHANNELS
from opd_schemas.events import KINDS
from services.catalogue import load

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "permit-receipts"


@pytest.fixture(scope="module")
def city() -> Catalogue:
    return load(ROOT / "schemas" / "catalogue")


def test_it_has_53_agencies_23_puskesmas_and_20_applications(city: Catalogue) -> None:
    assert len(city.agencies) == 53
    assert len(list(city.applications())) == 20
    [health] = [agency for agency in city.agencies if agency.opd == "dinkes"]
    assert sum(unit.name.id.startswith("Puskesmas ") for unit in health.units) == 23
    assert sum(agency.name.id.startswith("Kecamatan ") for agency in city.agencies) == 11
    assert (city.city.code, city.city.timezone) == ("13.71", "Asia/Jakarta")


def _unique(codes: Iterable[str]) -> bool:
    listed = list(codes)
    return len(listed) == len(set(listed))


def test_codes_and_names_are_unique(city: Catalogue) -> None:
    assert _unique(agency.opd for agency in city.agencies)
    for names in ("id", "en"):
        assert _unique(getattr(agency.name, names) for agency in city.agencies)
        for agency in city.agencies:
            for entries in (agency.apps, agency.units, agency.services):
                assert _unique(getattr(entry.name, names) for entry in entries)


def _kinds(entries: Iterable[tuple[str, ...]]) -> set[str]:
    return {kind for kinds in entries for kind in kinds}


def _publishing(city: Catalogue) -> list[Agency]:
    return [agency for agency in city.agencies if agency.apps]


def test_units_and_services_of_an_agency_serve_the_same_kinds(city: Catalogue) -> None:
    for agency in city.agencies:
        assert _kinds(unit.kinds for unit in agency.units) == _kinds(service.kinds for service in agency.services)
        assert bool(agency.apps) == bool(agency.units) == bool(agency.services)
    served = _kinds(unit.kinds for agency in _publishing(city) for unit in agency.units)
    assert served == {kind for kind, lifecycle in KINDS.items() if lifecycle.has_cases}


def test_the_limits_cover_the_four_waiting_times(city: Catalogue) -> None:
    assert {(limit.kind, limit.duration) for limit in city.limits} == {
        ("queue", "wait"),
        ("visit", "wait"),
        ("permit", "lead"),
        ("permit", "verify"),
    }
    assert len(set(city.limits)) == len(city.limits)


def test_it_survives_the_database_and_satisfies_its_schema(city: Catalogue) -> None:
    stored = orjson.loads(orjson.dumps(city.model_dump(mode="json")))
    assert Catalogue.model_validate(stored) == city
    assert valid(orjson.loads((ROOT / "schemas/jsonschema/catalogue.json").read_bytes()), stored)


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=5000)))
def test_any_limit_survives_the_database(span: timedelta) -> None:
    limit = Limit(kind="queue", duration="wait", limit=span)
    assert Limit.model_validate(limit.model_dump(mode="json")) == limit


def test_the_permit_log_maps_to_its_own_catalogue() -> None:
    municipality = load(EXAMPLE / "catalogue")
    rules = YAML(typ="safe", pure=True).load(EXAMPLE / "map.yaml")
    [agency] = municipality.agencies
    assert (rules["opd"], rules["app"]) == (agency.opd, agency.apps[0].app)
    assert rules["unit"]["value"] in {unit.unit for unit in agency.units if rules["kind"] in unit.kinds}
    assert rules["service"]["value"] in {each.service for each in agency.services if rules["kind"] in each.kinds}
    assert set(rules["state"]["values"].values()) <= set(KINDS[rules["kind"]].by_name)
    assert set(rules["channel"]["values"].values()) <= set(CHANNELS)
    assert {limit.limit for limit in municipality.limits} == {timedelta(days=1)}
