"""What goes onward: an accepted event as it came, with the hub's stamps; a refused one without personal data."""

import json
from typing import Any

import orjson
import pytest

from opd_schemas.event import MAX_EVENT_BYTES, parse
from opd_schemas.refusal import Reason, Refusal
from services.aggregator.arrival import Refused, read_event, read_reject
from services.catalogue import Register
from services.ingest.app import decide
from services.ingest.onward import Onward, Origin, accepted, refused
from services.micros import to_us
from tests.ingest.town import NIK, PHONE, SUBJECT, body, envelope

ORIGIN = Origin(created_us=1_790_000_000_000_001, seq=42, received_us=1_790_000_123_456_789)
WHY = Refusal(Reason.INVALID_DATA, "data.case", "is odd")


def reject(content: bytes, subject: str = SUBJECT) -> tuple[Refused, bool]:
    onward = refused(WHY, subject, content, ORIGIN)
    assert NIK.encode() not in onward.payload
    assert PHONE.encode() not in onward.payload
    return read_reject(onward.payload), onward.erase


class TestAccepted:
    def onward(self, content: bytes, *, history: bool = False) -> Onward:
        return accepted(parse(content), content, ORIGIN, history=history)

    @pytest.mark.parametrize("around", [(b"", b""), (b" \n", b"\r\n\t ")])
    def test_the_event_as_it_came_with_stamps(self, around: tuple[bytes, bytes]) -> None:
        content = body("e-1", {"case": "Ké-1".replace("é", "e")}, traceparent="00-ab-cd-01")
        onward = self.onward(around[0] + content + around[1])
        document = orjson.loads(onward.payload)
        stamps = {name: document.pop(name) for name in ("hubinbox", "hubreceived", "hubtime", "hubdigest")}
        assert document == json.loads(content)
        event = parse(content)
        assert stamps == {
            "hubinbox": "1790000000000001:42",
            "hubreceived": "1790000123456789",
            "hubtime": str(to_us(event.time)),
            "hubdigest": event.digest().hex(),
        }
        assert (onward.subject, onward.erase) == ("event.visit.registered.dinkes.puskesmas-1", False)

    @pytest.mark.parametrize("history", [False, True])
    def test_the_aggregator_reads_the_same(self, history: bool) -> None:
        content = body("e-1", type="opd.visit.voided.v1", data=envelope("e-1")["data"] | {"voids": "e-0"})
        event = parse(content)
        arrival = read_event(self.onward(content, history=history).payload)
        assert (arrival.opd, arrival.app, arrival.event_id, arrival.kind, arrival.state, arrival.at_us) == (
            *(event.opd, event.app, event.id, event.kind, event.state),
            to_us(event.time),
        )
        assert (arrival.unit, arrival.service, arrival.channel) == (event.unit, event.service, event.channel)
        assert (arrival.case_id, arrival.voids, arrival.digest) == (event.case, event.voids, event.digest())
        assert (arrival.inbox_created_us, arrival.inbox_seq, arrival.received_us) == ORIGIN
        assert arrival.history is history

    def test_a_heartbeat_has_no_unit_in_its_subject(self) -> None:
        content = body("e-1", type="opd.app.heartbeat.v1", data={})
        assert self.onward(content).subject == "event.app.heartbeat.dinkes.-"
        assert read_event(self.onward(content).payload).case_id is None


class TestRefused:
    def test_who_sent_what_and_why(self) -> None:
        content = body("e-1", {"case": "K 1"})
        onward = refused(WHY, SUBJECT, content, ORIGIN)
        found = read_reject(onward.payload)
        assert (onward.subject, onward.erase) == ("reject.invalid_data.dinkes", False)
        assert (found.inbox_created_us, found.inbox_seq, found.received_us) == ORIGIN
        assert (found.reason, found.field, found.detail) == ("invalid_data", "data.case", "is odd")
        assert (found.subject, found.opd, found.app, found.event_id) == (SUBJECT, "dinkes", "simpus", "e-1")
        assert json.loads(found.payload) == json.loads(content)

    def test_a_sender_that_the_subject_does_not_name(self) -> None:
        onward = refused(WHY, f"opd.{NIK}", b"{}", ORIGIN)
        found = read_reject(onward.payload)
        assert (onward.subject, found.subject, found.opd, found.app) == ("reject.invalid_data.-", "opd.***", None, None)

    @pytest.mark.parametrize(
        "fields",
        [
            {"note": NIK},
            {"note": f"NIK{NIK}!"},
            {"note": "737101 420385 0001"},
            {"note": int(NIK)},
            {"note": float(NIK)},
            {"note": PHONE},
            {"note": "+62 812-3456-7890"},
            {NIK: "x"},
            {"a": {"b": [{"c": NIK}]}},
            {"nama": "Budi"},
            {"data": {"Nama_Lengkap": "Budi"}},
            {"alamat": {"jalan": "Budi"}},
        ],
    )
    def test_personal_data_is_masked_and_the_original_erased(self, fields: dict[str, Any]) -> None:
        found, erase = reject(body("e-1", **fields))
        assert erase
        assert "***" in found.payload
        assert "Budi" not in found.payload
        assert "812-3456" not in found.payload
        assert "420385" not in found.payload

    @pytest.mark.parametrize(
        "content",
        [
            b'{"id":"%s"' % NIK.encode(),
            b"\xff\xfe" + NIK.encode(),
            NIK.encode(),
            b"[" * 5000 + NIK.encode(),
            ("\ufeff" + json.dumps({"id": NIK})).encode("utf-16-le"),
            json.dumps({"id": NIK}).encode("utf-16"),
            json.dumps({"id": NIK}).encode("utf-32-be"),
            b"\x00".join(bytes([digit]) for digit in NIK.encode()),
            b'{"id":"' + b"".join(b"\\u%04x" % digit for digit in NIK.encode()) + b'"',
            b'{"id":"' + b"".join(b"\\u%04X" % digit for digit in NIK.encode()) + b'"}',
            b'{"id":"%s","id":"e-1"}' % NIK.encode(),
            b'{"nama":"Budi","nama":""}',
            *(b'{"a":"%s%s","a":""}' % (sign, PHONE.encode()) for sign in (b"\\n", b"\\u00a0", b"\\f")),
            *(b'{"a":"%s%s"' % (sign, PHONE.encode()) for sign in (b"\\n", b"\\u00a0", b"\xff", b"\x00")),
            *(b'{"a":"%s%s"}' % (sign, PHONE.encode()) for sign in (b"\\n", b"\\u0001")),
            *(b'{"a":"%s%s"' % (sign, NIK.encode()) for sign in (b"\\b", b"\\u00a0", b"\\ud83d\\ude00")),
            b'{"a":"' + "".join(f"\\uff{16 + int(digit):02x}" for digit in NIK).encode() + b'"',
            body("e-1", note="x" * 20_000 + NIK),
            body("e-1", note="x" * 8_060 + NIK + "x" * 9_000),
        ],
        ids=range(27),
    )
    def test_nothing_hides_it(self, content: bytes) -> None:
        found, erase = reject(content)
        assert erase
        assert "Budi" not in found.payload
        assert NIK not in found.payload.replace("\\x00", "")
        assert "\\uff17" not in found.payload

    @pytest.mark.parametrize("depth", [200, 254, 255, 300, 1000, 1024, 1025, 5000])
    def test_any_depth_can_be_refused(self, depth: int) -> None:
        content = b'{"id":"e-1","x":' + b"[" * depth + b"]" * depth + b"}"
        found, erase = reject(content)
        assert found.payload == content.decode()
        assert not erase

    @pytest.mark.parametrize(
        ("content", "payload"),
        [
            (b"", ""),
            (b"null", "null"),
            (b"\xff\x00{", "\\xff\\x00{"),
            (b'{"a":"\\u0000"}', '{"a":"\\u0000"}'),
            (b'{"a":"\\ud800"}', '{"a":"\\ud800"}'),
            (b'{"a":NaN}', '{"a":NaN}'),
            (b'{"a":1e400}', '{"a":1e400}'),
        ],
    )
    def test_what_is_no_event_is_kept_as_text_that_the_store_takes(self, content: bytes, payload: str) -> None:
        found, erase = reject(content)
        assert (found.payload, found.event_id, erase) == (payload, None, False)
        assert "\x00" not in found.payload

    @pytest.mark.parametrize(
        "content",
        [
            body("0190b5c2-7d1a-7c3e-9f10-123456789012", {"unit": "puskesmas-9"}),
            body("12345678-1234-4234-8234-123456789012", {"unit": "puskesmas-9"}),
            body("e-1", {"unit": "puskesmas-9", "case": "0000000000000000"}),
            body("e-1", {"unit": "puskesmas-9", "case": "9" * 40}),
            body("e-1", {"unit": "puskesmas-9"}, **{f"note{n}": "x" * 250 for n in range(60)}),
        ],
        ids=range(5),
    )
    def test_what_is_nobody_s_stays_as_it_came(self, content: bytes) -> None:
        found, erase = reject(content)
        assert found.payload.encode() == content
        assert not erase
        parse(found.payload.encode())

    def test_a_uuid_stays_beside_what_is_masked(self) -> None:
        some = "12345678-1234-4234-8234-123456789012"
        found, erase = reject(body(some, {"case": NIK}))
        assert erase
        assert json.loads(found.payload)["id"] == some

    def test_a_number_in_the_digits_of_another_script_is_somebody_s(self) -> None:
        wide = NIK.translate({48 + n: 0xFF10 + n for n in range(10)})
        for content in (body("e-1", note=wide), json.dumps({"note": wide}, ensure_ascii=False).encode()):
            found, erase = reject(content)
            assert erase
            assert wide not in found.payload
            assert "***" in found.payload

    @pytest.mark.parametrize("before", range(16_384 - 40, 16_384 + 150, 7))
    @pytest.mark.parametrize("written", [NIK, "".join(f"\\u{ord(digit):04x}" for digit in NIK)])
    def test_of_what_is_too_large_the_beginning_is_kept_and_no_half_number(self, before: int, written: str) -> None:
        content = b"y" * before + written.encode() + b"z" * 20_000
        found, erase = reject(content)
        assert erase
        assert found.payload.startswith("y" * 16_000)
        assert NIK[:6] not in found.payload
        assert "\\u003" not in found.payload
        assert len(found.payload) <= MAX_EVENT_BYTES

    def test_a_nul_in_a_name_or_subject_is_written_out(self) -> None:
        why = Refusal(Reason.NEWER_SCHEMA, "data.a\x00b", "names \x00")
        found = read_reject(refused(why, "opd.a\x00b", b"{}", ORIGIN).payload)
        assert (found.field, found.detail, found.subject) == ("data.a\\x00b", "names \\x00", "opd.a\\x00b")

    @pytest.mark.parametrize("event_id", [NIK, PHONE, "a b", "", 7, None, ["e-1"], "x" * 97])
    def test_only_a_good_id_is_told(self, event_id: object) -> None:
        assert reject(json.dumps({"id": event_id}).encode())[0].event_id is None


def test_a_fault_of_the_hub_costs_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("services.ingest.app.judge", fail)
    onward, outcome = decide("opd.x.y.queue.issued", b"{}", Origin(5, 7, 9), Register.__new__(Register))
    assert outcome == "hub_fault"
    assert onward.subject == "reject.hub_fault.-"
    reject = orjson.loads(onward.payload)
    assert reject["hubinbox"] == "5:7"
    assert reject["data"]["payload"] == ""
    assert "ZeroDivisionError" in reject["data"]["detail"]
