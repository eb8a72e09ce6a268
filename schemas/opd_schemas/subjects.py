"""Every NATS subject and stream name of the hub, built and parsed here and nowhere else.

Subjects carry codes of agencies and units, never ids of people or cases.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

INBOX = "INBOX"
EVENTS = "EVENTS"
REJECTS = "REJECTS"

#: What applications publish, and what only the importer's identity may publish (the prefix marks history).
LIVE_PREFIX = "opd"
HISTORY_PREFIX = "import"
INBOX_SUBJECTS = (f"{LIVE_PREFIX}.>", f"{HISTORY_PREFIX}.>")
EVENTS_SUBJECTS = ("event.>",)
REJECTS_SUBJECTS = ("reject.>",)

INGEST_DURABLE = "ingest"
AGGREGATOR_DURABLE = "aggregator"

#: Core subjects: hints that may be lost.
KPI_CHANGED = "kpi.changed"
CATALOGUE_CHANGED = "catalogue.changed"

#: Lower-case codes of agencies, applications, units and services: one subject token each.
CODE_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$"
_CODE = re.compile(CODE_PATTERN)
_STATE = re.compile(r"^[a-z][a-z_]{0,30}$")
_NO_UNIT = "-"


@dataclass(frozen=True)
class Address:
    """Who speaks about what, as the broker vouches for it: permissions bind a publisher to `opd` and `app`."""

    opd: str
    app: str
    kind: str
    state: str
    history: bool


def publish_subject(*, opd: str, app: str, kind: str, state: str, history: bool = False) -> str:
    """Where an application (or, for history, the importer) publishes one event."""
    return f"{HISTORY_PREFIX if history else LIVE_PREFIX}.{opd}.{app}.{kind}.{state}"


def publish_permission(*, opd: str, app: str) -> str:
    """The only subjects an application may publish to."""
    return f"{LIVE_PREFIX}.{opd}.{app}.>"


def reply_prefix(*, opd: str, app: str) -> str:
    """The application's own reply inbox, which no other application may listen to."""
    return f"_INBOX_{opd}_{app}"


@lru_cache(maxsize=4096)
def parse_publish_subject(subject: str) -> Address | None:
    """The inverse of `publish_subject`; None if the subject is not of its form."""
    match subject.split("."):
        case [("opd" | "import") as prefix, opd, app, kind, state] if (
            _CODE.fullmatch(opd) and _CODE.fullmatch(app) and _STATE.fullmatch(kind) and _STATE.fullmatch(state)
        ):
            return Address(opd, app, kind, state, history=prefix == HISTORY_PREFIX)
    return None


def event_subject(*, kind: str, state: str, opd: str, unit: str | None) -> str:
    """Where the hub republishes an accepted event; heartbeats, which have no unit, use "-"."""
    return f"event.{kind}.{state}.{opd}.{unit or _NO_UNIT}"


def reject_subject(*, reason: str, opd: str | None) -> str:
    """Where the hub reports a refused event; `opd` is the sender's as the broker vouches for it."""
    return f"reject.{reason}.{opd or _NO_UNIT}"
