"""Visits: a patient's visit to a community health centre (Puskesmas)."""

from opd_schemas.lifecycle import Duration, Lifecycle, State

_LIVE = frozenset({"registered", "examined"})

LIFECYCLE = Lifecycle(
    kind="visit",
    version=1,
    title_id="Kunjungan",
    title_en="Health visit",
    states=(
        State("registered", 0, initial=True, waiting=True),
        State("examined", 1, after=frozenset({"registered"})),
        State("completed", 2, after=frozenset({"examined"}), terminal=True),
        State("referred", 2, after=_LIVE, terminal=True),
        State("cancelled", 2, after=_LIVE, terminal=True),
    ),
    durations=(
        Duration("wait", "registered", frozenset({"examined"})),
        Duration("visit", "registered", frozenset({"completed"}), serves=True),
    ),
    expires="local_day",
    health=True,
)
