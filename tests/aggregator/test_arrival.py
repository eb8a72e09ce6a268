"""What ingest wrote is read as it was meant; what it cannot have written is refused as a whole."""

from datetime import UTC, datetime

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from opd_schemas.event import Event
from opd_schemas.refusal import Reason, Refusal
from services.aggregator.app import read_events
from services.aggregator.arrival import read_event, read_reject
from services.ingest.onward import Origin, accepted, refused

ORIGIN = Origin(created_us=1_700_000_000_000_001, seq=7, received_us=1_763_348_400_123_456)
EVENT = Event(
    opd="dinkes",
    app="simpus",
    kind="visit",
    state="voided",
    id="e-2",
    time=datetime(2025, 11, 17, 1, 2, 3, 456789, UTC),
    unit="puskesmas-1",
    service="umum",
    channel="onsite",
    case="K-1",
    voids="e-1",
)


@pytest.mark.parametrize("history", [False, True])
def test_an_event(history: bool) -> None:
    body = accepted(EVENT, EVENT.to_json(), ORIGIN, history=history).payload
    arrival = read_event(body)
    assert arrival[:11] == (
        *("dinkes", "simpus", "e-2", "visit", "voided", 1_763_341_323_456_789),
        *("puskesmas-1", "umum", "onsite", "K-1", "e-1"),
    )
    assert arrival.digest == EVENT.digest()
    assert (arrival.inbox_created_us, arrival.inbox_seq, arrival.received_us) == ORIGIN
    assert arrival.history is history
    assert arrival.body == body


def test_a_heartbeat_has_no_place() -> None:
    event = Event("dinkes", "simpus", "app", "heartbeat", "h-1", EVENT.time)
    arrival = read_event(accepted(event, event.to_json(), ORIGIN, history=False).payload)
    assert (arrival.unit, arrival.service, arrival.channel, arrival.case_id, arrival.voids) == (None,) * 5


def test_a_reject() -> None:
    refusal = Refusal(Reason.UNKNOWN_UNIT, "data.unit", "is not in the catalogue")
    subject = "opd.dinkes.simpus.visit.voided"
    reject = read_reject(refused(refusal, subject, EVENT.to_json(), ORIGIN).payload)
    assert reject[:9] == (
        *(ORIGIN.created_us, ORIGIN.seq, "unknown_unit", "data.unit", "is not in the catalogue"),
        *(subject, "dinkes", "simpus", "e-2"),
    )
    assert reject.received_us == ORIGIN.received_us
    assert orjson.loads(reject.payload)["data"]["unit"] == "puskesmas-1"


GOOD = accepted(EVENT, EVENT.to_json(), ORIGIN, history=False).payload


CHANGED: list[dict[str, object]] = [
    {"hubinbox": "7"},
    {"hubinbox": None},
    {"hubtime": "soon"},
    {"hubdigest": "no hex"},
    {"type": "opd.visit.heartbeat.v1"},
    {"type": "opd.unheard.of.v1"},
    {"type": "opd.visit"},
    {"source": "/opd/dinkes"},
    {"data": []},
]
BAD = [b"", b"{", b"[]", b"7", *(orjson.dumps(orjson.loads(GOOD) | changed) for changed in CHANGED)]


@pytest.mark.parametrize("bad", BAD)
def test_what_ingest_cannot_have_written_costs_nobody_else(bad: bytes) -> None:
    messages = [Msg(_client=Client(), subject="event.visit", data=data) for data in (GOOD, bad, GOOD)]
    with capture_logs() as logs:
        arrivals, refused = read_events(messages)
    assert arrivals == [read_event(GOOD)] * 2
    assert [r.reason for r in refused] in ([], ["not_storable"])
    assert [entry["event"] for entry in logs] == ["cannot be read"]


def test_an_event_of_a_newer_ingest_goes_into_quarantine() -> None:
    document = orjson.loads(GOOD)
    document["type"] = "opd.visit.sung.v9"
    message = Msg(_client=Client(), subject="event.visit", data=orjson.dumps(document))
    arrivals, refused = read_events([message])
    assert arrivals == []
    (reject,) = refused
    assert (reject.inbox_created_us, reject.inbox_seq) == (
        read_event(GOOD).inbox_created_us,
        read_event(GOOD).inbox_seq,
    )
    assert reject.reason == "not_storable"
