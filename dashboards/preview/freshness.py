"""Whether the wall may be believed: live, or stale since when. Stale figures stay on the screen, grey and dated."""

from dataclasses import dataclass
from datetime import datetime, timedelta

#: The hub may lag, be silent, or be out of reach this long; past it no figure is live (DESIGN.md, trust).
LIMIT = timedelta(seconds=60)


@dataclass(frozen=True)
class Hub:
    """What the hub says of itself (`wall.hub`): its last sign of life, and since when its oldest message waits.

    One that cannot say anything gives no sign of life.
    """

    pulse_at: datetime | None = None
    waiting_since: datetime | None = None


@dataclass(frozen=True)
class Freshness:
    """`reason` is "live" or a key of page.js; `since` is the moment up to which the figures are complete, if known."""

    since: datetime | None = None
    reason: str = "live"


def judge(unanswered_since: datetime | None, hub: Hub | None, now: datetime) -> Freshness:
    """The gravest reason first.

    `unanswered_since` is since when the database has not answered one of the queries in view; `hub` is None before it
    was asked for the first time.
    """
    if unanswered_since is not None and now - unanswered_since > LIMIT:
        return Freshness(unanswered_since, "unreachable")
    if hub is None:
        return Freshness()
    if hub.pulse_at is None or now - hub.pulse_at > LIMIT:
        return Freshness(hub.pulse_at, "silent")
    if hub.waiting_since is not None and now - hub.waiting_since > LIMIT:
        return Freshness(hub.waiting_since, "lag")
    return Freshness()
