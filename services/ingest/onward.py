"""What ingest publishes onward: the accepted event with the hub's stamps, or a reject with its masked payload.

The stamps are CloudEvents extensions: `hubinbox` (INBOX created:sequence), `hubreceived` and `hubtime` (microseconds
since 1970), `hubdigest` (of the publisher's content), and `hubhistory` where the importer sent it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from opd_schemas import privacy, subjects
from opd_schemas.event import MAX_EVENT_BYTES, Event, EventId
from opd_schemas.refusal import Reason, Refusal
from services.micros import from_us, to_us

_EVENT_ID = TypeAdapter(EventId)
#: A payload is cut behind the largest number, so that the mask sees whole what stands at the end.
_MARGIN = 128
#: What half a number at the cut is made of, escapes included.
_OF_NUMBERS = "0123456789 .-+\\u"


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
        "field": _storable(refusal.field),
        "detail": _storable(refusal.detail),
        "subject": _storable(privacy.mask_text(subject)),
        "opd": opd,
        "app": address.app if address else None,
        "event_id": event_id,
        "payload": payload[:MAX_EVENT_BYTES],
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


def _storable(text: str) -> str:
    """PostgreSQL takes no NUL in a text."""
    return text.replace("\x00", "\\x00")


def _masked(body: bytes) -> tuple[str, str | None, bool]:
    """The payload as text that the store takes, its event id if it has a good one, whether it holds personal data.

    Where it holds any, the text is masked; what cannot be anybody's stays as it came, for it may be replayed. It is
    looked for in what a parser sees, so that no escape hides it, and in the bytes themselves: a parser keeps one of
    two fields of one name, and in UTF-16 every digit is followed by a NUL.
    """
    if len(body) > MAX_EVENT_BYTES:
        # Never replayed, so that nothing is lost by erasing it unread; to read all of it would hold up the others.
        beginning = body[: MAX_EVENT_BYTES + _MARGIN].decode("utf-8", "backslashreplace").replace("\x00", "")
        return privacy.mask_text(beginning).rstrip(_OF_NUMBERS), None, True
    raw = body.decode("utf-8", "backslashreplace")
    bare = raw.replace("\x00", "")
    try:
        document = orjson.loads(body)
        text = orjson.dumps(document).decode()
    except (orjson.JSONDecodeError, TypeError):
        # No JSON; or nested so deep that it can be read but not written.
        document, text = None, bare
    # No letter of a replaced byte may stand before a number.
    seen = body.decode("utf-8", "replace")
    if (
        privacy.found_in_text(seen)
        or privacy.found_in_text(seen.replace("\x00", ""))
        or privacy.find_personal_data(document)
    ):
        return privacy.mask_text(text), _good_id(document), True
    return _storable(raw), _good_id(document), False


def _good_id(document: object) -> str | None:
    event_id = document.get("id") if isinstance(document, dict) else None
    try:
        good = _EVENT_ID.validate_python(event_id, strict=True)
    except ValidationError:
        return None
    return None if privacy.contains_number(good) else good
