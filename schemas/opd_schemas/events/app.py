"""Applications: a heartbeat says that a publisher lives, even when no citizen comes."""

from opd_schemas.lifecycle import Lifecycle, State

LIFECYCLE = Lifecycle(
    kind="app",
    version=1,
    title_id="Aplikasi",
    title_en="Application",
    states=(State("heartbeat", 0, initial=True),),
    has_cases=False,
)
