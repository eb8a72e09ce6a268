"""One message, one verdict: an event and whether it is history, or a refusal that names reason and field."""

from datetime import UTC, datetime, timedelta

import pytest

from opd_schemas.refusal import Reason, Refusal
from services.catalogue import Register
from services.ingest.judge import judge
from services.micros import to_us
from tests.ingest.town import SUBJECT, body, catalogue

REGISTER = Register(catalogue())
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def refusal(subject: str, content: bytes) -> tuple[Reason, str]:
    with pytest.raises(Refusal) as raised:
        judge(subject, content, received_us=to_us(NOW), register=REGISTER)
    return raised.value.reason, raised.value.field


def good(**fields: object) -> bytes:
    return body("e-1", **{"time": NOW.isoformat(), **fields})  # type: ignore[arg-type]


def test_a_good_event() -> None:
    event, history = judge(SUBJECT, good(traceparent="00-ab-cd-01"), received_us=to_us(NOW), register=REGISTER)
    assert (event.opd, event.app, event.kind, event.state) == ("dinkes", "simpus", "visit", "registered")
    assert (event.time, event.extensions, history) == (NOW, {"traceparent": "00-ab-cd-01"}, False)


def test_history_is_what_the_subject_says() -> None:
    old = good(time="2003-01-01T00:00:00+08:00")
    assert judge(SUBJECT.replace("opd.", "import.", 1), old, received_us=to_us(NOW), register=REGISTER)[1] is True
    assert judge(SUBJECT, old, received_us=to_us(NOW), register=REGISTER)[1] is False


@pytest.mark.parametrize(
    "subject",
    [
        "opd.dinkes.simpus.visit",
        "opd.dinkes.simpus.visit.registered.again",
        "opd.dinkes.Simpus.visit.registered",
        "opd.dinkes.simpus.visit.Registered",
        "event.dinkes.simpus.visit.registered",
        "opd",
    ],
)
def test_a_subject_of_no_known_form(subject: str) -> None:
    assert refusal(subject, good()) == (Reason.BAD_SUBJECT, "")


@pytest.mark.parametrize(
    ("subject", "fields", "field"),
    [
        (SUBJECT, {"source": "/opd/dukcapil/simpus"}, "source"),
        (SUBJECT, {"source": "/opd/dinkes/rujukan"}, "source"),
        (SUBJECT, {"type": "opd.visit.examined.v1"}, "type"),
        ("opd.dinkes.simpus.permit.submitted", {}, "type"),
        ("opd.dinkes.rujukan.visit.registered", {}, "source"),
    ],
)
def test_the_envelope_says_what_the_subject_says(subject: str, fields: dict[str, object], field: str) -> None:
    assert refusal(subject, good(**fields)) == (Reason.SUBJECT_MISMATCH, field)


@pytest.mark.parametrize(
    ("data", "reason", "field"),
    [
        ({"unit": "puskesmas-9"}, Reason.UNKNOWN_UNIT, "data.unit"),
        ({"unit": "gudang"}, Reason.UNKNOWN_UNIT, "data.unit"),
        ({"service": "gigi"}, Reason.UNKNOWN_SERVICE, "data.service"),
        ({"service": "izin"}, Reason.UNKNOWN_SERVICE, "data.service"),
    ],
)
def test_units_and_services_are_those_of_the_catalogue_and_the_kind(
    data: dict[str, object], reason: Reason, field: str
) -> None:
    assert refusal(SUBJECT, body("e-1", data, time=NOW.isoformat())) == (reason, field)


@pytest.mark.parametrize(
    ("sender", "reason"), [("dinkes/gudang", Reason.UNKNOWN_APP), ("hantu/simpus", Reason.UNKNOWN_OPD)]
)
def test_senders_are_those_of_the_catalogue(sender: str, reason: Reason) -> None:
    subject = f"opd.{sender.replace('/', '.')}.visit.registered"
    assert refusal(subject, good(source=f"/opd/{sender}")) == (reason, "source")


def test_a_heartbeat_concerns_no_unit_but_a_known_sender() -> None:
    beat = {"type": "opd.app.heartbeat.v1", "data": {}}
    subject = "opd.dinkes.simpus.app.heartbeat"
    event, _ = judge(subject, good(**beat), received_us=to_us(NOW), register=REGISTER)
    assert (event.kind, event.unit, event.case) == ("app", None, None)
    unknown = good(**beat, source="/opd/dinkes/gudang")
    assert refusal(subject.replace("simpus", "gudang"), unknown) == (Reason.UNKNOWN_APP, "source")


def test_five_minutes_ahead_of_the_broker_are_taken_and_no_more() -> None:
    edge = NOW + timedelta(minutes=5)
    event, _ = judge(SUBJECT, good(time=edge.isoformat()), received_us=to_us(NOW), register=REGISTER)
    assert event.time == edge
    for subject in (SUBJECT, SUBJECT.replace("opd.", "import.", 1)):
        late = good(time=(edge + MICROSECOND).isoformat())
        assert refusal(subject, late) == (Reason.TIME_AHEAD, "time")


def test_an_app_cannot_mark_history_by_itself() -> None:
    assert refusal(SUBJECT, good(hubhistory=True)) == (Reason.INVALID_ENVELOPE, "hubhistory")


def test_the_broker_s_own_answer_is_no_event() -> None:
    with pytest.raises(Refusal, match="a confirmation that the broker stored here") as raised:
        judge(SUBJECT, b'{"stream":"INBOX","seq":7}', received_us=to_us(NOW), register=REGISTER)
    assert raised.value.reason is Reason.INVALID_ENVELOPE


def test_what_is_wrong_with_the_body_comes_before_what_is_wrong_with_its_place() -> None:
    assert refusal("opd.hantu.hantu.visit.registered", b"{")[0] is Reason.MALFORMED_JSON
