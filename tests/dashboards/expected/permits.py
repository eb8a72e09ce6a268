"""What the panels of the permit dashboard have to show, as `warroom measure permit` tells it, and for what is overdue
`warroom kpi`; stages and places of open cases, of which no command tells, are reckoned from the raw events.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from opd_schemas.measures import Overdue
from tests.dashboards.expected.queues import cases, entered, online_share
from tests.dashboards.expected.units import per, share, since
from tests.dashboards.replay import Case, Entry
from tests.dashboards.town import Row, Town, takes
from tests.dashboards.view import View

_HOUR_S, _DAY_S = 3_600, 86_400
_ORDER = ("submitted", "returned", "resubmitted", "verified", "approved")


def now(town: Town, view: View) -> list[Row]:
    level = town.measure("permit", view)["open"]
    return [
        {
            "open": level["open"],
            "overdue": overdue(town, view),
            "oldest_days": since(level["oldest_open"], view.end, _DAY_S),
        }
    ]


def overdue(town: Town, view: View) -> int:
    """What the KPIs tell of cases overdue; the raw events where a choice goes through the middle of a KPI."""
    late = [kpi for kpi in town.catalogue.kpis if isinstance(kpi.measure, Overdue)]
    halved = [kpi for kpi in late if view.opd and 0 < len(set(kpi.filter.opds) - set(view.opd)) < len(kpi.filter.opds)]
    if halved or view.service is not None:
        return sum(overdue_by_service(town, view).values())
    board = town.board(view.end, (view.end - timedelta(days=1), view.end))
    return round(sum(board[kpi.kpi]["value"] for kpi in late if takes_any(view.opd, kpi.filter.opds)))


def takes_any(chosen: tuple[str, ...] | None, values: tuple[str, ...]) -> bool:
    return any(takes(chosen, value) for value in values)


def overdue_by_service(town: Town, view: View) -> Counter[tuple[str, str]]:
    """Cases that are overdue, by (opd, service) where they stand."""
    found: Counter[tuple[str, str]] = Counter()
    for case, entry in standing(town, view, "permit"):
        at, done = town.due.get((case.opd, case.kind, case.case_id), (None, None))
        if at is not None and at <= view.end and (done is None or done > view.end):
            found[case.opd, entry.service] += 1
    return found


def standing(town: Town, view: View, kind: str) -> Iterator[tuple[Case, Entry]]:
    """Cases open at the end of the window, with the entry at which each stands."""
    for case in town.cases:
        entry = case.at(view.end) if case.kind == kind and takes(view.opd, case.opd) else None
        if entry is not None and takes(view.unit, entry.unit) and takes(view.service, entry.service):
            yield case, entry


def lead_time(town: Town, view: View) -> list[Row]:
    lead = town.measure("permit", view)["durations"]["lead"]
    net = lead["net"]
    return [
        {
            "gross_median_days": per(lead["median_s"], _DAY_S),
            "gross_p90_days": per(lead["p90_s"], _DAY_S),
            "net_median_hours": per(net["median_s"], _HOUR_S),
            "net_p90_hours": per(net["p90_s"], _HOUR_S),
        }
    ]


def shares(town: Town, view: View) -> list[Row]:
    found = town.measure("permit", view)
    return [
        {
            "returned_share": share(cases(found, "returned"), cases(found, "submitted")),
            "online_share": online_share(found),
        }
    ]


def by_service(town: Town, view: View) -> list[Row]:
    late = overdue_by_service(town, view)
    rows = []
    for opd, service in town.services("permit", view):
        found = town.measure("permit", view, opd=(opd,), service=(service,))
        open_ = found["open"]["open"]
        if entered(found, ("submitted", "issued", "returned")) or open_:
            rows.append(
                {
                    "name": town.service_names[opd, service],
                    "owner": opd.upper(),
                    "submitted": cases(found, "submitted"),
                    "open": open_,
                    "overdue": late[opd, service],
                    "issued": cases(found, "issued"),
                    "returned_share": share(cases(found, "returned"), cases(found, "submitted")),
                }
            )
    return rows


def lead_by_service(town: Town, view: View) -> list[Row]:
    rows = []
    for opd, service in town.services("permit", view):
        lead = town.measure("permit", view, opd=(opd,), service=(service,))["durations"]["lead"]
        if lead["n"]:
            rows.append(
                {
                    "name": town.service_names[opd, service],
                    "owner": opd.upper(),
                    "n": lead["n"],
                    "gross_median_days": per(lead["median_s"], _DAY_S),
                    "gross_p90_days": per(lead["p90_s"], _DAY_S),
                    "net_median_hours": per(lead["net"]["median_s"], _HOUR_S),
                }
            )
    return rows


def by_stage(town: Town, view: View) -> list[Row]:
    stages: dict[str, list[Case]] = {}
    for case, entry in standing(town, view, "permit"):
        stages.setdefault(entry.state, []).append(case)
    return [
        {
            "state": state,
            "open": len(stages[state]),
            "oldest_days": since(min(case.opened for case in stages[state]), view.end, _DAY_S),
        }
        for state in _ORDER
        if state in stages
    ]


def flow(town: Town, view: View) -> list[Row]:
    rows = []
    for start, end in town.steps(view, by_hour=False):
        found = town.measure("permit", view, start=start, end=end)
        states = ("submitted", "issued", "rejected", "returned")
        if entered(found, states):
            rows.append({"time": start, **{state: cases(found, state) for state in states}})
    return rows


def lead(town: Town, view: View) -> list[Row]:
    rows = []
    for start, end in town.steps(view, by_hour=False):
        lasted = town.measure("permit", view, start=start, end=end)["durations"]["lead"]
        if lasted["n"]:
            days = {"gross_median_days": lasted["median_s"], "gross_p90_days": lasted["p90_s"]}
            rows.append({"time": start, **{name: per(value, _DAY_S) for name, value in days.items()}})
    return rows
