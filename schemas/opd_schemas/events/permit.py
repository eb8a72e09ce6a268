"""Permits: an application at the licensing office, over days and weeks."""

from opd_schemas.lifecycle import Duration, Lifecycle, State

_LIVE = frozenset({"submitted", "verified", "approved", "returned", "resubmitted"})

LIFECYCLE = Lifecycle(
    kind="permit",
    version=1,
    title_id="Perizinan",
    title_en="Permit",
    states=(
        State("submitted", 0, initial=True, waiting=True),
        # Returned to the applicant for correction: the office's clock pauses until it comes back.
        State("returned", 1, after=_LIVE, pauses=True),
        State("resubmitted", 2, after=frozenset({"returned"}), waiting=True),
        State("verified", 3, after=frozenset({"submitted", "resubmitted"})),
        State("approved", 4, after=frozenset({"verified"})),
        State("issued", 5, after=frozenset({"approved"}), terminal=True),
        State("rejected", 5, after=_LIVE, terminal=True),
        State("withdrawn", 5, after=_LIVE, terminal=True),
    ),
    durations=(
        Duration("verify", "submitted", frozenset({"verified"}), net=True),
        Duration("lead", "submitted", frozenset({"issued", "rejected"}), net=True, serves=True),
    ),
)
