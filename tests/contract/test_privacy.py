"""No plausible NIK passes, wherever it stands and however it is written; a UUID is never taken for one."""

import json
import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opd_schemas import privacy
from opd_schemas.event import parse
from opd_schemas.refusal import Reason, Refusal

_NUMBERS = st.integers(1, 99).map("{:02d}".format)


@st.composite
def niks(draw: st.DrawFn) -> str:
    """Sixteen digits that may be somebody's: province, region, district, DDMMYY with 40 added for women, serial."""
    province = draw(st.sampled_from(("11", "13", "19", "21", "31", "36", "53", "65", "73", "76", "82", "91", "97")))
    month = draw(st.integers(1, 12))
    day = draw(st.integers(1, 29 if month == 2 else 30)) + draw(st.sampled_from((0, 40)))
    year, serial = draw(st.integers(0, 99)), draw(st.integers(1, 9999))
    return f"{province}{draw(_NUMBERS)}{draw(_NUMBERS)}{day:02d}{month:02d}{year:02d}{serial:04d}"


@st.composite
def written(draw: st.DrawFn) -> str:
    """A NIK as people write it: bare, in groups, with a word or sign before or behind it."""
    nik = draw(niks())
    sign = draw(st.sampled_from(" .-"))
    groups = draw(
        st.sampled_from(
            (
                (nik,),
                (nik[:4], nik[4:8], nik[8:12], nik[12:]),
                (nik[:6], nik[6:12], nik[12:]),
            )
        )
    )
    before, behind = (
        draw(st.sampled_from(("", "NIK", "NIK:", "P", "no. ", "_", "/"))),
        draw(st.sampled_from(("", "_", "X"))),
    )
    return before + sign.join(groups) + behind


@st.composite
def phones(draw: st.DrawFn) -> str:
    """An Indonesian mobile number."""
    prefix = draw(st.sampled_from(("08", "628", "+628", "+62 8", "0 8")))
    digits = draw(st.text("0123456789", min_size=7, max_size=10))
    return f"{prefix}{draw(st.integers(1, 9))}{draw(st.sampled_from(('', '-', ' ')))}{digits}"


def _document(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "0190b5c2-7d1a-7c3e-9f10-aabbccddeeff",
        "source": "/opd/dinkes/simpus",
        "type": "opd.visit.registered.v1",
        "time": "2026-11-23T07:48:15+07:00",
        "data": {"unit": "pkm-pauh", "service": "poli-umum", "channel": "onsite", "case": "a-1"},
    } | changes


def _with(place: str, value: Any) -> dict[str, Any]:
    """A good event with `value` in one place of it."""
    document = _document()
    match place.split(":"):
        case ["data", name]:
            document["data"][name] = value
        case ["nested", name]:
            document["data"][name] = [{"deep": [value]}]
        case ["data key"]:
            document["data"][str(value)] = 1
        case ["extension key"]:
            document[str(value)] = "x"
        case ["source"]:
            document["source"] = f"/opd/{value}/simpus"
        case [name]:
            document[name] = value
    return document


_PLACES = (
    *("id", "type", "time", "source", "subject", "data key", "extension key", "nested:note"),
    *(f"data:{name}" for name in ("unit", "service", "channel", "case", "voids", "note")),
)


def _escaped(body: str, digits: set[str]) -> bytes:
    """The same JSON with some digits written as escapes."""
    return re.sub(r"(?<!\\)[0-9]", lambda m: f"\\u{ord(m[0]):04x}" if m[0] in digits else m[0], body).encode()


def _refusal(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parse(body)
    return caught.value


@given(place=st.sampled_from(_PLACES), text=written() | phones())
def test_a_number_that_may_be_a_persons_is_refused_anywhere(place: str, text: str) -> None:
    refusal = _refusal(json.dumps(_with(place, text)).encode())
    assert refusal.reason == Reason.PERSONAL_DATA
    for shown in (refusal.field, refusal.detail):
        assert not privacy.contains_number(shown)
        assert re.sub(r"\D", "", text) not in shown


@given(place=st.sampled_from(_PLACES), nik=niks())
def test_a_nik_as_a_json_number_is_refused(place: str, nik: str) -> None:
    assert _refusal(json.dumps(_with(place, int(nik))).encode()).reason == Reason.PERSONAL_DATA


@given(
    place=st.sampled_from(("id", "subject", "data:case", "data:unit")),
    nik=niks(),
    escape=st.sets(st.sampled_from("0123456789"), min_size=1),
)
def test_an_escaped_number_is_refused_and_masked(place: str, nik: str, escape: set[str]) -> None:
    whole = json.dumps(_with(place, "MARK"))
    body = whole.encode().replace(b"MARK", _escaped(nik, escape))
    assert _refusal(body).reason == Reason.PERSONAL_DATA
    masked = privacy.mask_text(body.decode())
    assert nik not in masked
    assert nik not in json.dumps(json.loads(masked))


@given(body=st.text('0123456789 .-+NIKabc:"\\u', max_size=40), number=written() | phones(), at=st.integers(0, 40))
def test_the_cheap_look_never_misses_what_the_thorough_one_finds(body: str, number: str, at: int) -> None:
    for text in (body, body[:at] + number + body[at:]):
        if privacy.contains_number(text):
            assert privacy.may_contain_number(json.dumps(text).encode())


@given(st.uuids() | st.text("0123456789", min_size=32, max_size=32).map(lambda digits: uuid.UUID(hex=digits)))
def test_a_uuid_is_nobodys_number(some: uuid.UUID) -> None:
    assert not privacy.contains_number(str(some))
    assert parse(json.dumps(_document(id=str(some))).encode()).id == str(some)


@given(st.lists(st.text(max_size=12) | st.text("0123456789", min_size=14, max_size=20) | written()).map("".join))
def test_the_mask_leaves_no_run_of_sixteen_digits(text: str) -> None:
    assert not re.search(r"\d{16}", privacy.mask_text(text))


@given(text=st.text(max_size=20), number=written() | phones())
def test_the_mask_leaves_no_number_of_a_person(text: str, number: str) -> None:
    masked = privacy.mask_text(f"{text} {number}")
    assert not privacy.contains_number(masked)
    assert number not in masked


_NAMED = st.sampled_from(("nama", "Nama Lengkap", "no_hp", "NIK", "alamat", "e-mail", "tgl_lahir", "n\\u0061ma"))


@given(
    key=_NAMED,
    value=st.sampled_from(('"Budi S."', '["Budi S."]', '{"first": "Budi S."}', '"a \\"Budi S.\\""', '"Budi S.')),
)
def test_the_value_of_a_telling_field_is_masked_at_any_depth(key: str, value: str) -> None:
    for text in (
        f'{{"{key}": {value}',
        f'{{"x": 1, "data": {{"y": "z", "{key}" :{value}, "w": 1}}}}',
        f'[{{"{key}":\n{value}',
    ):
        assert "Budi" not in privacy.mask_text(text)


@given(some=st.uuids(), before=st.sampled_from(("", "no. ", '{"id":"', "a:")), number=written() | phones())
def test_a_uuid_stays_in_the_mask_and_hides_nothing_beside_it(some: uuid.UUID, before: str, number: str) -> None:
    masked = privacy.mask_text(f"{before}{some}, {number}")
    assert masked.startswith(f"{before}{some}, ")
    assert number not in masked
    assert privacy.found_in_text(f"{before}{some}, {number}")
    assert not privacy.found_in_text(f"{before}{some}")


@given(nik=niks(), script=st.sampled_from((0xFF10, 0x0660, 0x0966)))
def test_a_number_in_any_script_is_refused(nik: str, script: int) -> None:
    text = "".join(chr(script + int(digit)) for digit in nik)
    for ascii_only in (True, False):
        assert _refusal(json.dumps(_document(note=text), ensure_ascii=ascii_only).encode()).reason is (
            Reason.PERSONAL_DATA
        )


@pytest.mark.parametrize("key", ["nama", "Nama_Lengkap", "no-hp", "NIK", "email", "tgl lahir"])
@pytest.mark.parametrize("place", ["data:", "nested", "extension"])
def test_a_telling_field_is_refused_whatever_its_value(key: str, place: str) -> None:
    document = _document()
    match place:
        case "data:":
            document["data"][key] = "x"
        case "nested":
            document["data"]["note"] = {"patient": {key: None}}
        case _:
            document[key] = "x"
    assert _refusal(json.dumps(document).encode()).reason == Reason.PERSONAL_DATA


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T07:48:15.123456+07:00",
        "loket-kk:2026-11-23:B-017",
        "PBG-137101-22112026-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "1371015508900001a7f3",
        "13710155089000",
        "1371013208900001",
        "1371015513900001",
        "0071015508900001",
        "case-10011",
        "",
    ],
)
def test_ordinary_numbers_pass(text: str) -> None:
    assert not privacy.contains_number(text)


def test_the_path_of_a_number_in_a_key_is_masked_and_short() -> None:
    document = _document(data={"a" * 500: {"b": [{"1371015508900001": 1}]}})
    refusal = _refusal(json.dumps(document).encode())
    assert refusal.reason == Reason.PERSONAL_DATA
    assert len(refusal.field) <= 200
    shallow = _refusal(json.dumps(_document(data={"a": {"b": [{"1371015508900001": 1}]}})).encode())
    assert shallow.field == "data.a.b[0].***"
