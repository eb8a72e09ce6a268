"""Variables that several dashboards share: places of a kind, and the limit that durations are held against."""

from dashboards.screen import Screen
from dashboards.words import Words, same


def places(screen: Screen, kind: str) -> None:
    """Agency, unit and service, each a list of those that take the kind."""
    screen.choose("opd", same("OPD"), "agencies_of_kind", kind=kind)
    screen.choose("unit", Words("Tempat", "Place"), "units_of_kind", kind=kind)
    screen.choose("service", Words("Layanan", "Service"), "services", kind=kind)


def choose_limit(screen: Screen, kind: str, duration: str) -> None:
    """One of the limits that the catalogue counts exactly; the middle one at first."""
    known = sorted(each.limit for each in screen.catalogue.limits if (each.kind, each.duration) == (kind, duration))
    chosen = None
    if known:
        seconds = int(known[len(known) // 2].total_seconds())
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
        chosen = (clock.removeprefix("0"), f"{clock}:{seconds % 60:02}")
    label = Words("Batas (jam:menit)", "Limit (hours:minutes)")
    screen.choose("limit", label, "limits", several=False, chosen=chosen, kind=kind, duration=duration)
