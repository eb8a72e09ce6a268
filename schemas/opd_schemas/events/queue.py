"""Queues: a ticket at a service counter, from the kiosk to the end of the service."""

from datetime import date

from opd_schemas.lifecycle import Duration, Lifecycle, State

_LIVE = frozenset({"issued", "called", "transferred"})

LIFECYCLE = Lifecycle(
    kind="queue",
    version=1,
    title_id="Antrean",
    title_en="Queue",
    states=(
        State("issued", 0, initial=True, waiting=True),
        # The unit of a transfer is the one that receives the ticket.
        State("transferred", 1, after=_LIVE, waiting=True),
        State("called", 2, after=_LIVE),
        State("served", 3, after=frozenset({"called"}), terminal=True),
        State("abandoned", 3, after=_LIVE, terminal=True),
        State("no_show", 3, after=_LIVE, terminal=True),
    ),
    durations=(
        Duration("wait", "issued", frozenset({"called"})),
        Duration("service", "called", frozenset({"served"}), serves=True),
    ),
    expires="local_day",
)


def case_id(*, unit: str, day: date, ticket: str) -> str:
    """The case id of a ticket: a kiosk prints A-001 every day, so unit of issue and local day belong to it."""
    return f"{unit}:{day.isoformat()}:{ticket}"
