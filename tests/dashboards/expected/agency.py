"""What the panels of an agency's dashboard have to show: `warroom kpi` and `warroom measure` of that agency; open cases
by place, and signs of figures made to look good, are reckoned from rows of the store.
"""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from opd_schemas.events import KINDS
from tests.dashboards.expected.permits import overdue, standing
from tests.dashboards.expected.units import rounded, share, shown, since
from tests.dashboards.town import Row, Town
from tests.dashboards.view import View

_KINDS = ("queue", "permit", "visit")
_BEGINS = {kind: next(state.name for state in KINDS[kind].states if state.initial) for kind in _KINDS}
_CONTRIBUTIONS = """
SELECT m.role, m.name, m.terminal, m.serves, s.unit, c.at, c.value
FROM hub.contribution c JOIN hub.measure m USING (measure_id) JOIN hub.series s USING (series_id)
WHERE m.kind = %(kind)s AND s.opd = %(opd)s AND c.at >= %(start)s AND c.at < %(end)s
"""
_SECOND_US = 1_000_000


def kpis(town: Town, view: View, now: datetime) -> list[Row]:
    return [
        {
            "name": kpi["name_id"],
            "value": rounded(kpi["value"], 1),
            "as_of": kpi["as_of"],
            "heard": f"{kpi['heard']}/{kpi['expected']}",
            **{name: kpi[name] for name in ("status", "target", "unit", "achievement", "reason", "n", "late_share")},
        }
        for kpi in town.board(now).values()
        if kpi["owner"] == _of(view) and kpi["status"] is not None
    ]


def apps(town: Town, view: View, now: datetime) -> list[Row]:
    return [
        {
            "name": each["name"],
            "heard": "never" if each["heard_at"] is None else "silent" if each["silent"] else "heard",
            "heard_at": each["heard_at"],
            "expected_min": each["every"] / timedelta(minutes=1),
        }
        for each in applications(town, now)
        if each["opd"] == _of(view)
    ]


def applications(town: Town, now: datetime) -> list[Row]:
    """All applications, when each was last heard by the broker's clock, and whether that is too long ago."""
    heard = {
        (row["opd"], row["app"]): row["heard_at"]
        for row in town.owner(
            "SELECT c.opd, c.app, max(e.received_at) AS heard_at FROM hub.event e JOIN hub.source c USING (source_id)"
            " WHERE NOT e.history GROUP BY 1, 2"
        )
    }
    found = []
    for agency in town.catalogue.agencies:
        for app in agency.apps:
            at = heard.get((agency.opd, app.app))
            found.append(
                {
                    "opd": agency.opd,
                    "agency": agency.name.id,
                    "name": app.name.id,
                    "heard_at": at,
                    "every": app.expected_every,
                    "silent": at is None or at < now - app.expected_every,
                }
            )
    return found


def levels(town: Town, view: View) -> list[Row]:
    queue, permit, visit = (town.measure(kind, view)["open"] for kind in _KINDS)
    return [
        {
            "queue_waiting": queue["waiting"],
            "queue_oldest_min": since(queue["oldest_waiting"], view.end, 60),
            "visit_waiting": visit["waiting"],
            "permit_open": permit["open"],
            "permit_overdue": overdue(town, view),
        }
    ]


def flow(town: Town, view: View) -> list[Row]:
    """Cases that began, by day."""
    rows = []
    for start, end in town.steps(view, by_hour=False):
        told = {kind: town.measure(kind, view, start=start, end=end)["states"].get(_BEGINS[kind]) for kind in _KINDS}
        if any(told.values()):
            rows.append({"time": start, **{kind: found["cases"] if found else None for kind, found in told.items()}})
    return rows


def places(town: Town, view: View) -> list[Row]:
    """Queues and permits by place and service, from the cases; visits by place, as `warroom measure` tells them."""
    rows = []
    for kind in ("queue", "permit"):
        found: dict[tuple[str, str], list[tuple[str, datetime]]] = defaultdict(list)
        for case, entry in standing(town, view, kind):
            found[entry.unit, entry.service].append((entry.state, case.opened))
        for (unit, service), cases in found.items():
            waiting = sum(KINDS[kind].by_name[state].waiting for state, _ in cases)
            rows.append(
                {
                    "unit": town.unit_names[_of(view), unit],
                    "service": town.service_names[_of(view), service],
                    "kind": kind,
                    "open": len(cases),
                    "waiting": waiting,
                    "oldest_hours": since(min(opened for _, opened in cases), view.end, 3_600),
                }
            )
    for opd, unit in town.places("visit", view):
        told = town.measure("visit", view, opd=(opd,), unit=(unit,))["open"]
        if told["open"]:
            rows.append(
                {
                    "unit": town.unit_names[opd, unit],
                    "service": "–",
                    "kind": "visit",
                    **{name: told[name] for name in ("open", "waiting")},
                    "oldest_hours": since(told["oldest_open"], view.end, 3_600),
                }
            )
    return rows


def integrity(town: Town, view: View) -> list[Row]:
    """Of the seven days before the end of the window."""
    rows = []
    for kind in _KINDS:
        health = KINDS[kind].health
        week_ago = view.end - timedelta(days=7)
        start, end = (_hour(week_ago), _next_hour(view.end)) if health else (_minute(week_ago), _minute(view.end))
        by_unit: dict[str, list[Row]] = defaultdict(list)
        for row in town.owner(_CONTRIBUTIONS, kind=kind, opd=_of(view), start=start, end=end):
            by_unit[row["unit"]].append(row)
        for unit, found in by_unit.items():
            signs = _signs(found, bulk=town.catalogue.city.bulk_closing, health=health)
            if signs["closed"]:
                rows.append({"unit": town.unit_names[_of(view), unit], "kind": kind, **signs})
    return rows


def _signs(rows: list[Row], *, bulk: int, health: bool) -> Row:
    closed = Counter(_minute(row["at"]) for row in rows if row["terminal"] and row["value"] == 1)
    timed = [row["value"] for row in rows if row["role"] == "duration" and row["serves"]]
    signals = {name: [row["value"] for row in rows if row["role"] == "signal" and row["name"] == name] for name in
               ("late_return", "restart", "return_again")}  # fmt: skip

    def count(n: int) -> int | None:
        return shown(n) if health else n

    def part(n: int, whole: int) -> float | None:
        return None if count(whole - n) is None else share(count(n), count(whole))

    return {
        "closed": count(closed.total()),
        "bulk_share": part(sum(n for n in closed.values() if n >= bulk), closed.total()),
        "zero_share": part(sum(value < _SECOND_US for value in timed), len(timed)),
        "late_return_share": part(sum(signals["late_return"]), len(signals["late_return"])),
        "restarts": count(len(signals["restart"])),
        "returned_again": count(len(signals["return_again"])),
    }


def _of(view: View) -> str:
    assert view.opd is not None
    return view.opd[0]


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _next_hour(at: datetime) -> datetime:
    """The end of the hour in which a window ends; a whole hour is its own."""
    return _hour(at) if _hour(at) == at else _hour(at) + timedelta(hours=1)
