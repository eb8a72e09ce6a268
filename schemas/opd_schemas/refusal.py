"""Why an event is refused: one named reason, the field it concerns, and a sentence for the person who mends it."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of the quarantine. They are data: screens, counts and replays are grouped by them."""

    TOO_LARGE = "too_large"
    MALFORMED_JSON = "malformed_json"
    PERSONAL_DATA = "personal_data"
    BAD_SUBJECT = "bad_subject"
    INVALID_ENVELOPE = "invalid_envelope"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_STATE = "unknown_state"
    NEWER_SCHEMA = "newer_schema"
    INVALID_DATA = "invalid_data"
    SUBJECT_MISMATCH = "subject_mismatch"
    UNKNOWN_OPD = "unknown_opd"
    UNKNOWN_APP = "unknown_app"
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_SERVICE = "unknown_service"
    TIME_AHEAD = "time_ahead"
    # Found by the aggregator, not at the edge: the id was counted before with other content.
    CONFLICT = "conflict"
    # Judging it failed in a way that nobody foresaw: a fault of the hub. The payload stays in INBOX only.
    HUB_FAULT = "hub_fault"
    # Passed the edge, and yet the store refuses it: a fault of the hub.
    NOT_STORABLE = "not_storable"


class Refusal(Exception):
    """An event is refused: `reason`, the `field` (dotted path or "" for the whole), and `detail` with the next step.

    `detail` never quotes a value of the payload, which may hold personal data.
    """

    def __init__(self, reason: Reason, field: str, detail: str) -> None:
        super().__init__(f"{reason} at {field or 'the whole event'}: {detail}")
        self.reason = reason
        self.field = field
        self.detail = detail
