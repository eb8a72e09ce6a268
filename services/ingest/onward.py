"""What ingest publishes onward: the accepted event with the hub's stamps, or a reject with its masked payload.

The stamps are CloudEvents extensions: `hubinbox` (INBOX created:sequence), `hubreceived` and `hubtime` (microseconds
since 1970), `hubdigest` (of the publisher's content), and `hubhistory` where the importer sent it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from opd_schemas import privacy, subjects
from opd_schemas.event import Event, EventId
from opd_schemas.refusal import Reason, Refusal
from services.micros import from_us, to_us

_EVENT_ID = TypeAdapter(EventId)
#: A refused payload is kept up to this many characters: enough to see what it was.
_KEPT = 8192


class Origin(NamedTuple):
    """Where a message came from: INBOX's creation and its sequence there, and when the broker received it."""

    created_us: int
    seq: int
    received_us: int

    @property
    def id(self) -> str:
        return f"{self.created_us}:{self.seq}"


class Onward(NamedTuple):
    """One message to publish; `erase` says that its original holds personal data and must leave INBOX."""

    subject: str
    payload: bytes
    erase: bool


def accepted(event: Event, body: bytes, origin: Origin, *, history: bool) -> Onward:
    """The publisher's own envelope with the stamps put in before its closing brace."""
    stamps = (
        f',"hubinbox":"{origin.id}","hubreceived":"{origin.received_us}",'
        f'"hubtime":"{to_us(event.time)}","hubdigest":"{event.digest().hex()}"'
        + (',"hubhistory":true}' if history else "}")
    )
    subject = subjects.event_subject(kind=event.kind, state=event.state, opd=event.opd, unit=event.unit)
    return Onward(subject, body.rstrip()[:-1] + stamps.encode(), erase=False)


def refused(refusal: Refusal, subject: str, body: bytes, origin: Origin) -> Onward:
    """A reject: who sent what, why it was refused, and its payload with personal data masked."""
    address = subjects.parse_publish_subject(subject)
    payload, event_id, is_personal = _masked(body)
    opd = address.opd if address else None
    data = {
        "reason": refusal.reason,
        "field": refusal.field,
        "detail": refusal.detail,
        "subject": privacy.mask_text(subject),
        "opd": opd,
        "app": address.app if address else None,
        "event_id": event_id,
        "payload": payload[:_KEPT],
    }
    return Onward(subjects.reject_subject(reason=refusal.reason, opd=opd), _reject(origin, data), erase=is_personal)


def not_judged(fault: str, origin: Origin) -> Onward:
    """A reject for a message on which ingest itself failed; its payload stays in INBOX, for nothing is known of it."""
    data = {
        "reason": Reason.HUB_FAULT,
        "field": "",
        "detail": f"the hub failed on it ({fault}); report it to the hub's maintainer",
        "subject": "",
        "payload": "",
    }
    return Onward(subjects.reject_subject(reason=Reason.HUB_FAULT, opd=None), _reject(origin, data), erase=False)


def _reject(origin: Origin, data: Mapping[str, object]) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": origin.id,
        "source": "/hub/ingest",
        "type": "hub.rejected.v1",
        "time": from_us(origin.received_us).isoformat(),
        "datacontenttype": "application/json",
        "hubinbox": origin.id,
        "hubreceived": str(origin.received_us),
        "data": data,
    }
    return orjson.dumps(envelope)


def _masked(body: bytes) -> tuple[str, str | None, bool]:
    """The payload as text without personal data and NUL, its event id if it has a good one, whether any data was found.

    It is looked for in what a parser sees, so that no escape hides it, and in the bytes themselves: a parser keeps one
    of two fields of one name, and in UTF-16 every digit is followed by a NUL.
    """
    raw = body.decode("utf-8", "backslashreplace")
    bare = raw.replace("\x00", "")
    masked_bare = privacy.mask_text(bare)
    is_hidden = masked_bare != bare
    try:
        document = orjson.loads(body)
        text = orjson.dumps(document).decode("utf-8", "backslashreplace")
    except (orjson.JSONDecodeError, TypeError):
        # No JSON; or nested so deep that it can be read but not written.
        text = raw.replace("\x00", "\\x00")
        masked = privacy.mask_text(text)
        return masked_bare if is_hidden else masked, None, is_hidden or masked != text
    masked = privacy.mask_text(text)
    return masked, _good_id(document), is_hidden or masked != text


def _good_id(document: object) -> str | None:
    event_id = document.get("id") if isinstance(document, dict) else None
    try:
        good = _EVENT_ID.validate_python(event_id, strict=True)
    except ValidationError:
        return None
    return None if privacy.contains_number(good) else good
