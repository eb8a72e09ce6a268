"""Parsing has two outcomes, an event or a refusal; and the digest sees what an event says, not how it was written."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opd_schemas.event import CHANNELS, EARLIEST, HUB_EXTENSIONS, MAX_EVENT_BYTES, Event, parse
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED
from opd_schemas.privacy import FORBIDDEN_KEYS
from opd_schemas.refusal import Reason, Refusal

_SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
CODES = st.from_regex(r"[a-z](?:[a-z0-9-]{0,10}[a-z])?", fullmatch=True)
IDS = st.from_regex(r"[a-z][A-Za-z._:-]{0,20}", fullmatch=True)
MOMENTS = st.datetimes(datetime(2000, 1, 3), datetime(2099, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(list(KINDS.values())))
    state = draw(st.sampled_from(kind.event_states))
    about: dict[str, Any] = {"opd": draw(CODES), "app": draw(CODES), "kind": kind.kind, "state": state, "id": draw(IDS)}
    if not kind.has_cases:
        return Event(**about, time=draw(MOMENTS))
    return Event(
        **about,
        time=draw(MOMENTS),
        unit=draw(CODES),
        service=draw(CODES),
        channel=draw(st.sampled_from(CHANNELS)),
        case=draw(IDS),
        voids=draw(IDS) if state == VOIDED else None,
    )


GOOD = Event(
    opd="dinkes",
    app="simpus",
    kind="visit",
    state="registered",
    id="e-1",
    time=datetime(2026, 11, 23, 0, 48, 15, tzinfo=UTC),
    unit="pkm-pauh",
    service="poli-umum",
    channel="onsite",
    case="a-1",
)


_CASE = {"unit": "pkm-pauh", "service": "poli-umum", "channel": "onsite", "case": "a-1"}


def _document(event: Event = GOOD) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(event.to_json())
    return document


def _refusal(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(body)
    return caught.value


def _judge(body: bytes) -> None:
    """Either outcome will do, but nothing else, and an event must be able to travel on."""
    try:
        event = parse(body)
    except Refusal as refusal:
        _is_readable(refusal)
    else:
        assert parse(event.to_json()) == event


def _is_readable(refusal: Refusal) -> None:
    assert refusal.detail
    assert "\n" not in refusal.detail
    assert len(refusal.field) <= 200


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda noise: GOOD.to_json()[:-20] + noise))
def test_arbitrary_bytes(body: bytes) -> None:
    _judge(body)


@given(JSON)
def test_arbitrary_json(document: Any) -> None:
    _judge(json.dumps(document).encode())


@given(
    path=st.sampled_from(
        [(name,) for name in (*_document(), "traceparent")]
        + [("data", name) for name in (*_document()["data"], "voids")]
    ),
    value=JSON,
)
def test_an_event_with_anything_in_one_field(path: tuple[str, ...], value: Any) -> None:
    document = _document()
    inner = document if len(path) == 1 else document["data"]
    inner[path[-1]] = value
    _judge(json.dumps(document).encode())


@given(extensions=st.dictionaries(st.text(max_size=24), JSON, max_size=3))
def test_an_event_with_any_extensions(extensions: dict[str, Any]) -> None:
    _judge(json.dumps(extensions | _document()).encode())


@given(events())
def test_an_event_that_was_built_is_read_back(event: Event) -> None:
    assert parse(event.to_json()) == event
    assert event.time.utcoffset() == timedelta(0)


_NEW_FIELDS = st.from_regex(r"[a-z]{1,12}", fullmatch=True).filter(
    lambda name: name not in FORBIDDEN_KEYS and name not in ("unit", "service", "channel", "case")
)


@given(name=_NEW_FIELDS, value=st.integers(0, 9) | st.booleans() | st.none() | st.lists(st.booleans()))
def test_an_unknown_data_field_is_of_a_newer_schema(name: str, value: Any) -> None:
    document = _document()
    document["data"][name] = value
    refusal = _refusal(json.dumps(document).encode())
    assert (refusal.reason, refusal.field) == (Reason.NEWER_SCHEMA, f"data.{name}")


def test_an_unknown_field_counts_before_a_wrong_one() -> None:
    # Of a newer schema we cannot say what is wrong.
    document = _document()
    document["data"] = {"unit": "pkm-pauh", "bed": 7}
    assert _refusal(json.dumps(document).encode()).reason == Reason.NEWER_SCHEMA


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"type": "opd.parking.entered.v1"}, Reason.UNKNOWN_KIND, "type"),
        ({"type": "opd.visit.asleep.v1"}, Reason.UNKNOWN_STATE, "type"),
        ({"type": "opd.visit.registered.v2"}, Reason.NEWER_SCHEMA, "type"),
        ({"type": "opd.app.voided.v1"}, Reason.UNKNOWN_STATE, "type"),
        ({"type": "visit.registered"}, Reason.INVALID_ENVELOPE, "type"),
        ({"time": "2026-11-23T07:48:15"}, Reason.INVALID_ENVELOPE, "time"),
        ({"time": "2026-11-23"}, Reason.INVALID_ENVELOPE, "time"),
        ({"time": "1700000000"}, Reason.INVALID_ENVELOPE, "time"),
        ({"time": 1700000000}, Reason.INVALID_ENVELOPE, "time"),
        ({"time": "1999-12-31T23:59:59Z"}, Reason.INVALID_ENVELOPE, "time"),
        ({"time": "9999-12-31T23:59:59-07:00"}, Reason.INVALID_ENVELOPE, "time"),
        ({"time": "0001-01-01T00:00:00+07:00"}, Reason.INVALID_ENVELOPE, "time"),
        ({"source": "/opd/dinkes"}, Reason.INVALID_ENVELOPE, "source"),
        ({"specversion": "0.3"}, Reason.INVALID_ENVELOPE, "specversion"),
        ({"data": None}, Reason.INVALID_ENVELOPE, "data"),
        ({"data": {}}, Reason.INVALID_DATA, "data.unit"),
        ({"retries": 2**31}, Reason.INVALID_ENVELOPE, "retries"),
        ({"note": "x" * 513}, Reason.INVALID_ENVELOPE, "note"),
        ({"note": "pasien: h\u00e9"}, Reason.INVALID_ENVELOPE, "note"),
        ({"note": "two\nlines"}, Reason.INVALID_ENVELOPE, "note"),
        ({"note": "a\x00"}, Reason.INVALID_ENVELOPE, "note"),
        ({"id": "\uff11"}, Reason.INVALID_ENVELOPE, "id"),
        ({"source": "/opd/\uff11/simpus"}, Reason.INVALID_ENVELOPE, "source"),
        ({"type": "opd.visit.registered.v\uff11"}, Reason.INVALID_ENVELOPE, "type"),
        *(({"data": _CASE | {name: "\uff11"}}, Reason.INVALID_DATA, f"data.{name}") for name in _CASE),
        ({"Retries": 1}, Reason.INVALID_ENVELOPE, "Retries"),
        ({"retries\n": 1}, Reason.INVALID_ENVELOPE, "retries\n"),
        *(({name: "forged"}, Reason.INVALID_ENVELOPE, name) for name in HUB_EXTENSIONS),
    ],
)
def test_a_refusal_names_its_reason_and_field(changes: dict[str, Any], reason: Reason, field: str) -> None:
    refusal = _refusal(json.dumps(_document() | changes).encode())
    assert (refusal.reason, refusal.field) == (reason, field)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
@pytest.mark.parametrize("name", ["case", "weight"])
def test_numbers_that_json_does_not_have(name: str, value: str) -> None:
    document = _document()
    document["data"][name] = "MARK"
    refusal = _refusal(json.dumps(document).replace('"MARK"', value).encode())
    assert refusal.reason in {Reason.MALFORMED_JSON, Reason.INVALID_DATA, Reason.NEWER_SCHEMA}
    _refusal(json.dumps(_document() | {"weight": "MARK"}).replace('"MARK"', value).encode())


@pytest.mark.parametrize("depth", [50, 199, 250, 900, 1020, 1500, 5000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("name", ["case", "note"])
def test_deep_nesting(depth: int, opening: str, closing: str, name: str) -> None:
    document = _document()
    document["data"][name] = "MARK"
    body = json.dumps(document).replace('"MARK"', opening * depth + "1" + closing * depth).encode()
    _refusal(body)


def test_size_is_judged_before_anything_else() -> None:
    # No other fault may be found first: what is too large is not even read.
    assert _refusal(b"x" * (MAX_EVENT_BYTES + 1)).reason == Reason.TOO_LARGE
    padded = GOOD.to_json() + b" " * (MAX_EVENT_BYTES - len(GOOD.to_json()))
    assert parse(padded) == GOOD
    assert _refusal(padded + b" ").reason == Reason.TOO_LARGE


@given(
    event=events(),
    offset=st.integers(-14 * 60, 14 * 60),
    trace=st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    indent=st.none() | st.integers(0, 4),
    seed=st.randoms(use_true_random=False),
)
def test_the_digest_sees_no_form(event: Event, offset: int, trace: str | None, indent: int | None, seed: Any) -> None:
    document = _document(event)
    document["time"] = event.time.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    if trace:
        document["traceparent"] = trace
    for part in (document, document["data"]):
        pairs = list(part.items())
        seed.shuffle(pairs)
        part.clear()
        part.update(pairs)
    assert parse(json.dumps(document, indent=indent).encode()).digest() == event.digest()
    if offset == 0:
        document["time"] = event.time.isoformat().replace("+00:00", "z").replace("T", "t")
        assert parse(json.dumps(document).encode()).digest() == event.digest()


@given(one=events(), other=events())
def test_the_digest_sees_all_content(one: Event, other: Event) -> None:
    said = [(e.type, e.time, e.unit, e.service, e.channel, e.case, e.voids) for e in (one, other)]
    assert (one.digest() == other.digest()) == (said[0] == said[1])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "opd.visit.examined.v1"),
        ("time", (GOOD.time + timedelta(microseconds=1)).isoformat()),
        *((name, "another") for name in ("unit", "service", "case")),
        ("channel", "online"),
    ],
)
def test_the_digest_differs_where_one_field_does(field: str, value: str) -> None:
    document = _document()
    (document["data"] if field in document["data"] else document)[field] = value
    assert parse(json.dumps(document).encode()).digest() != GOOD.digest()


def test_the_digest_of_a_void_differs_by_what_it_voids() -> None:
    void = replace(GOOD, state=VOIDED, voids="e-2")
    assert void.digest() == replace(void, id="e-9").digest()
    assert void.digest() != replace(void, voids="e-3").digest()


@given(
    field=st.sampled_from(
        ("id", "source", "type", "time", "specversion", "subject", "unit", "service", "channel", "case")
    )
)
def test_a_refusal_quotes_no_value(field: str) -> None:
    document = _document()
    # Wrong everywhere: a line end is in no code, no id, no time.
    (document["data"] if field in document["data"] else document)[field] = (
        {"x": "qzxjv"} if field == "subject" else "qzxjv\n"
    )
    assert "qzxjv" not in str(_refusal(json.dumps(document).encode()))


def test_the_earliest_moment_is_taken() -> None:
    assert parse(json.dumps(_document() | {"time": EARLIEST.isoformat()}).encode()).time == EARLIEST


@pytest.mark.parametrize(
    "body",
    [
        GOOD.to_json().replace(b'"data"', b'"data" : {"nama":"Budi"}, "data"'),
        GOOD.to_json().replace(b'"case"', b'"case":"1371011203850001","case"'),
        GOOD.to_json().replace(b'"case"', b'"\\u0063ase":"1371011203850001","case"'),
        GOOD.to_json().replace(b'"id"', b'"id":"x","id"', 1),
    ],
)
def test_a_repeated_key_hides_nothing(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse(body)
    assert refused.value.reason is Reason.MALFORMED_JSON
    assert "twice" in refused.value.detail
