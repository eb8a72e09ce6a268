"""What the broker hands over, read once: an accepted event from EVENTS or a refused one from REJECTS.

Both carry what ingest stamped on them: where they came from in INBOX (created, sequence) and when the broker received
them. Times are microseconds since 1970.
"""

from typing import NamedTuple

import orjson

from opd_schemas import privacy
from opd_schemas.events import KINDS
from opd_schemas.refusal import Reason


class Arrival(NamedTuple):
    """An accepted event. A heartbeat has no unit, service, channel or case."""

    opd: str
    app: str
    event_id: str
    kind: str
    state: str
    at_us: int
    unit: str | None
    service: str | None
    channel: str | None
    case_id: str | None
    voids: str | None
    digest: bytes
    inbox_created_us: int
    inbox_seq: int
    received_us: int
    history: bool
    body: bytes


class Refused(NamedTuple):
    """A refused event as it goes into the quarantine; `payload` is masked."""

    inbox_created_us: int
    inbox_seq: int
    reason: str
    field: str
    detail: str
    subject: str
    opd: str | None
    app: str | None
    event_id: str | None
    payload: str
    received_us: int


def read_event(body: bytes) -> Arrival:
    """Read one message of EVENTS; raises a ValueError, KeyError, TypeError or AttributeError if ingest did not."""
    document = orjson.loads(body)
    _, _, opd, app = document["source"].split("/")
    _, kind, state, _ = document["type"].split(".")
    data = document["data"]
    get = data.get
    created, seq = document["hubinbox"].split(":")
    if state not in KINDS[kind].event_states:
        raise ValueError(f"unknown state of {kind}")
    return Arrival(
        opd,
        app,
        document["id"],
        kind,
        state,
        int(document["hubtime"]),
        get("unit"),
        get("service"),
        get("channel"),
        get("case"),
        get("voids"),
        bytes.fromhex(document["hubdigest"]),
        int(created),
        int(seq),
        int(document["hubreceived"]),
        "hubhistory" in document,
        body,
    )


def unread(body: bytes) -> Refused | None:
    """The reject of a message that bears ingest's stamps and that `read_event` fails on: a newer ingest may have
    written it. None if it bears none, so that nothing of ours can be in it.
    """
    try:
        document = orjson.loads(body)
        created, seq = document["hubinbox"].split(":")
        return Refused(
            int(created),
            int(seq),
            Reason.NOT_STORABLE,
            "",
            "this aggregator cannot read it; bring it to the version of ingest, then replay the event",
            "",
            None,
            None,
            None,
            privacy.mask_text(body.decode("utf-8", "backslashreplace")),
            int(document["hubreceived"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_reject(body: bytes) -> Refused:
    """Read one message of REJECTS; raises a ValueError, KeyError, TypeError or AttributeError if ingest did not."""
    document = orjson.loads(body)
    data = document["data"]
    created, seq = document["hubinbox"].split(":")
    return Refused(
        int(created),
        int(seq),
        data["reason"],
        data["field"],
        data["detail"],
        data["subject"],
        data.get("opd"),
        data.get("app"),
        data.get("event_id"),
        data["payload"],
        int(document["hubreceived"]),
    )
