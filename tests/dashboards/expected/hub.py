"""What panels about the hub itself have to show, reckoned from rows of the store, for no command tells it alike."""

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from tests.dashboards.expected.agency import applications
from tests.dashboards.expected.units import since
from tests.dashboards.town import Row, Town
from tests.dashboards.view import View

_SIX_HOURS = timedelta(hours=6)


def summary(town: Town, _: View, now: datetime) -> list[Row]:
    (pulse,) = town.owner("SELECT at, waiting_since FROM hub.pulse")
    return [
        {
            "lag_s": since(pulse["waiting_since"], now, 1),
            "pulse_s": since(pulse["at"], now, 1),
            "events_last_minute": _last_minute(town, now),
            "late_today_share": _late_today(town, now),
            "rejects_open": sum(standing == "open" for _, standing in _rejects(town)),
            "silent_apps": sum(app["silent"] for app in applications(town, now)),
            "commit_no": len(_commits(town)),
        }
    ]


def events(town: Town, view: View, now: datetime) -> list[Row]:
    """How fresh the wall is, and what goes on in the city now, as `warroom measure` tells it for this moment."""
    (pulse,) = town.owner("SELECT at, waiting_since FROM hub.pulse")
    lag = now - pulse["waiting_since"]
    fresh = "stale" if lag > timedelta(seconds=60) else "late" if lag > timedelta(seconds=10) else "fresh"
    level = {kind: town.measure(kind, view, end=now)["open"] for kind in ("queue", "visit", "permit")}
    return [
        {
            "freshness": f"{fresh}|{pulse['waiting_since'].astimezone(town.zone):%H:%M:%S}",
            "events": _last_minute(town, now),
            "queue_waiting": level["queue"]["waiting"],
            "visit_waiting": level["visit"]["waiting"],
            "permit_open": level["permit"]["open"],
        }
    ]


def pulse_of_the_city(town: Town, view: View) -> list[Row]:
    return [{"time": at, "counted": _total(rows, "counted")} for at, rows in _by_step(town, view, minutes=1)]


def throughput(town: Town, view: View) -> list[Row]:
    columns = ("counted", "duplicates", "rejected")
    return [
        {"time": at, **{column: _total(rows, column) for column in columns}}
        for at, rows in _by_step(town, view, minutes=_minutes(view))
    ]


def latency(town: Town, view: View) -> list[Row]:
    found = []
    for at, rows in _by_step(town, view, minutes=_minutes(view)):
        lasted = sorted(
            (row["committed_at"] - row["received_at"]).total_seconds() for row in rows if row["received_at"]
        )
        ranks = {name: lasted[math.ceil(p * len(lasted)) - 1] * 1_000 if lasted else None
                 for name, p in (("p50_ms", 0.5), ("p99_ms", 0.99))}  # fmt: skip
        found.append({"time": at, **ranks})
    return found


def rejects(town: Town, _: View) -> list[Row]:
    by_reason: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for row, standing in _rejects(town):
        by_reason[row["reason"]].append((row, standing))
    return [
        {
            "reason": reason,
            # No row stands open: no sum, which the panel shows as nothing.
            "open": sum(standing == "open" for _, standing in rows) or None,
            "all_time": len(rows),
            "apps": len({(row["opd"], row["app"]) for row, _ in rows}),
            "newest": max(row["received_at"] for row, _ in rows),
        }
        for reason, rows in by_reason.items()
    ]


def silent(town: Town, _: View, now: datetime) -> list[Row]:
    return [
        {
            "agency": app["agency"],
            "app": app["name"],
            "heard_at": app["heard_at"],
            "expected_min": app["every"] / timedelta(minutes=1),
            "silent_min": since(app["heard_at"], now, 60),
        }
        for app in applications(town, now)
        if app["silent"]
    ]


def _commits(town: Town) -> list[Row]:
    return town.owner("SELECT commit_no, committed_at, received_at, counted, duplicates, rejected FROM hub.commit_log")


def _by_step(town: Town, view: View, *, minutes: int) -> list[tuple[datetime, list[Row]]]:
    """The commits of a window in steps of so many whole minutes, those without any left out."""
    found: dict[datetime, list[Row]] = defaultdict(list)
    for row in _commits(town):
        if view.start <= row["committed_at"] < view.end:
            passed = int(row["committed_at"].timestamp()) // (60 * minutes) * 60 * minutes
            found[datetime.fromtimestamp(passed, UTC)].append(row)
    return sorted(found.items())


def _minutes(view: View) -> int:
    return 1 if view.end - view.start <= _SIX_HOURS else 60


def _total(rows: list[Row], column: str) -> int:
    return sum(row[column] for row in rows)


def _last_minute(town: Town, now: datetime) -> int:
    return sum(row["counted"] for row in _commits(town) if row["committed_at"] > now - timedelta(minutes=1))


def _late_today(town: Town, now: datetime) -> float | None:
    rows = town.owner("SELECT at, received_at FROM hub.event WHERE case_id IS NOT NULL AND NOT history")
    today = [row for row in rows if row["at"].astimezone(town.zone).date() == now.astimezone(town.zone).date()]
    late = [row for row in today if row["received_at"] - row["at"] > town.catalogue.city.late_after]
    return len(late) / len(today) if today else None


def _rejects(town: Town) -> list[tuple[Row, str]]:
    """Refused messages, each with whether it is open: neither replayed, nor counted after all under its id."""
    counted = {
        (row["opd"], row["app"], row["event_id"])
        for row in town.owner("SELECT c.opd, c.app, l.event_id FROM hub.ledger l JOIN hub.source c USING (source_id)")
    }
    found = []
    for row in town.owner("SELECT reason, opd, app, event_id, received_at, replayed_at FROM hub.reject"):
        if row["reason"] != "conflict" and (row["opd"], row["app"], row["event_id"]) in counted:
            found.append((row, "counted"))
        else:
            found.append((row, "replayed" if row["replayed_at"] else "open"))
    return found
