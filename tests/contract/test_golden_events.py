"""Golden payloads: one per state and major version, taken for ever by schema, parser and register alike."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from json_schema_subset import valid

from opd_schemas.event import parse
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED
from opd_schemas.refusal import Refusal
from services.catalogue import Register, load

SCHEMAS = Path(__file__).parents[2] / "schemas"
GOLDEN = sorted((SCHEMAS / "examples").glob("v*/*.json"))


@pytest.fixture(scope="module")
def register() -> Register:
    return Register(load(SCHEMAS / "catalogue"))


def _schema(kind: str, version: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / "jsonschema" / f"{kind}.{version}.json").read_text())
    return schema


def test_every_state_of_every_kind_has_one() -> None:
    wanted = {f"v{kind.version}/{kind.kind}.{state}.json" for kind in KINDS.values() for state in kind.event_states}
    assert wanted <= {path.relative_to(SCHEMAS / "examples").as_posix() for path in GOLDEN}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_event_is_taken_and_survives_the_journey(path: Path, register: Register) -> None:
    body = path.read_bytes()
    document = json.loads(body)
    event = parse(body)
    assert f"{event.kind}.{event.state}" == path.stem
    assert parse(event.to_json()) == event
    assert parse(event.to_json()).digest() == event.digest()
    assert valid(_schema(event.kind, path.parent.name), document)
    register.check(event)
    assert event.time.utcoffset() == timedelta(0)
    assert body == json.dumps(document, indent=2).encode() + b"\n", "keep golden payloads pretty-printed"


def test_ids_are_unique_and_a_void_names_an_event_of_its_own_case() -> None:
    events = [parse(path.read_bytes()) for path in GOLDEN]
    by_id = {(event.opd, event.app, event.id): event for event in events}
    assert len(by_id) == len(events)
    for void in (event for event in events if event.state == VOIDED):
        taken_back = by_id[void.opd, void.app, str(void.voids)]
        assert (taken_back.kind, taken_back.case) == (void.kind, void.case)


def _changed(document: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with one field set to `value`, or removed if `value` is Ellipsis."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(document))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


WRONG: list[tuple[tuple[str, ...], Any]] = [
    *(((name,), ...) for name in ("specversion", "id", "source", "type", "time", "data")),
    *((("data", name), ...) for name in ("unit", "service", "channel", "case")),
    *((("data", name), 7) for name in ("unit", "service", "channel", "case")),
    (("specversion",), "0.3"),
    (("id",), "two words"),
    (("id",), "x" * 97),
    (("source",), "/opd/dinkes"),
    (("type",), "opd.visit.registered.v9"),
    (("type",), "opd.visit.sleeping.v1"),
    (("time",), "2026-11-23T07:48:15"),
    (("time",), "2026-11-23"),
    (("time",), "1700000000"),
    (("time",), 1700000000),
    (("datacontenttype",), "text/xml"),
    (("data",), []),
    (("data", "channel"), "fax"),
    (("data", "unit"), "Puskesmas Pauh"),
    (("data", "case"), "/begins-with-a-slash"),
    (("data", "voids"), "an-event"),
    (("data", "colour"), "green"),
    (("hubinbox",), "forged"),
    (("Traceparent",), "x"),
    (("line\n",), "x"),
    (("retries",), 1.5),
    (("retries",), 2**31),
    (("retries",), None),
    (("retries",), {}),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=lambda part: ".".join(part) if isinstance(part, tuple) else None)
def test_schema_and_parser_refuse_the_same(path: tuple[str, ...], value: Any) -> None:
    document = json.loads((SCHEMAS / "examples/v1/visit.registered.json").read_text())
    wrong = _changed(document, path, value)
    assert not valid(_schema("visit", "v1"), wrong)
    with pytest.raises(Refusal):
        parse(orjson.dumps(wrong))


def test_a_void_must_name_what_it_voids_and_a_heartbeat_says_nothing() -> None:
    void = json.loads((SCHEMAS / "examples/v1/visit.voided.json").read_text())
    heartbeat = json.loads((SCHEMAS / "examples/v1/app.heartbeat.json").read_text())
    for kind, wrong in (
        ("visit", _changed(void, ("data", "voids"), ...)),
        ("app", _changed(heartbeat, ("data", "unit"), "pkm-pauh")),
    ):
        assert not valid(_schema(kind, "v1"), wrong)
        with pytest.raises(Refusal):
            parse(orjson.dumps(wrong))


@pytest.mark.parametrize("value", ["text", True, 0, -(2**31), 2**31 - 1])
def test_schema_and_parser_take_the_same_extensions(value: str | int) -> None:
    document = json.loads((SCHEMAS / "examples/v1/visit.registered.json").read_text()) | {"subject": value}
    assert valid(_schema("visit", "v1"), document)
    assert parse(orjson.dumps(document)).extensions["subject"] == value
