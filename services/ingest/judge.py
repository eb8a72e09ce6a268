"""Judges one message of INBOX: an `Event` that may go on, or a `Refusal`. Pure: catalogue and clock are given."""

from opd_schemas import subjects
from opd_schemas.event import MAX_AHEAD, Event, parse
from opd_schemas.refusal import Reason, Refusal
from services.catalogue import Register
from services.micros import from_us

#: How the broker's answers to a publisher begin.
_CONFIRMATION = b'{"stream":"%s",' % subjects.INBOX.encode()


def judge(subject: str, body: bytes, *, received_us: int, register: Register) -> tuple[Event, bool]:
    """The event in `body` and whether it is history; raises `Refusal`.

    The subject is what the broker vouches for, so the envelope must say the same. `received_us` is the broker's own
    time stamp in microseconds since 1970.
    """
    if body.startswith(_CONFIRMATION):
        raise Refusal(
            *(Reason.INVALID_ENVELOPE, ""),
            "is a confirmation that the broker stored here because a publisher named this subject as its reply",
        )
    address = subjects.parse_publish_subject(subject)
    if address is None:
        raise Refusal(Reason.BAD_SUBJECT, "", "the subject must be opd.<opd>.<app>.<kind>.<state>")
    event = parse(body)
    if event.opd != address.opd or event.app != address.app:
        raise Refusal(Reason.SUBJECT_MISMATCH, "source", "names another application than the one that published it")
    if event.kind != address.kind or event.state != address.state:
        raise Refusal(Reason.SUBJECT_MISMATCH, "type", "differs from the kind and state of the subject")
    register.check(event)
    if event.time > from_us(received_us) + MAX_AHEAD:
        raise Refusal(
            Reason.TIME_AHEAD, "time", "lies more than 5 minutes ahead of the hub's clock; set the application's clock"
        )
    return event, address.history
