"""What the panels of the queue dashboard have to show, as `warroom measure queue` tells it."""

from typing import Any

from tests.dashboards.expected.units import per, share, since
from tests.dashboards.town import Row, Town
from tests.dashboards.view import View

_STATES = ("issued", "served", "abandoned")


def now(town: Town, view: View) -> list[Row]:
    level = town.measure("queue", view)["open"]
    return [{"waiting": level["waiting"], "oldest_min": since(level["oldest_waiting"], view.end, 60)}]


def summary(town: Town, view: View) -> list[Row]:
    found = town.measure("queue", view)
    issued = cases(found, "issued")
    return [
        {
            **wait_of(found, view),
            "abandoned_share": share(cases(found, "abandoned"), issued),
            "online_share": online_share(found),
        }
    ]


def by_unit(town: Town, view: View) -> list[Row]:
    rows = []
    for opd, unit in town.places("queue", view):
        found = town.measure("queue", view, opd=(opd,), unit=(unit,))
        level = found["open"]
        if entered(found, _STATES) or level["waiting"] or found["durations"]["wait"]["n"]:
            rows.append(
                {
                    "name": town.unit_names[opd, unit],
                    "owner": opd.upper(),
                    "waiting": level["waiting"],
                    "oldest_min": since(level["oldest_waiting"], view.end, 60),
                    "served": cases(found, "served"),
                    **wait_of(found, view),
                    "abandoned_share": share(cases(found, "abandoned"), cases(found, "issued")),
                }
            )
    return rows


def flow(town: Town, view: View) -> list[Row]:
    rows = []
    for start, end in town.steps(view, by_hour=view.by_hour):
        found = town.measure("queue", view, start=start, end=end)
        if entered(found, _STATES):
            rows.append({"time": start, **{state: cases(found, state) for state in _STATES}})
    return rows


def wait(town: Town, view: View) -> list[Row]:
    return waits(town, view, "queue")


def waits(town: Town, view: View, kind: str) -> list[Row]:
    """Waits step by step; a step in which none ended is left out."""
    rows = []
    for start, end in town.steps(view, by_hour=view.by_hour):
        lasted = town.measure(kind, view, start=start, end=end)["durations"]["wait"]
        if lasted["n"] != 0:
            rows.append({"time": start, "median_min": per(lasted["median_s"], 60), "p90_min": per(lasted["p90_s"], 60)})
    return rows


def waiting(town: Town, view: View) -> list[Row]:
    found = [
        (town.unit_names[opd, unit], town.measure("queue", view, opd=(opd,), unit=(unit,))["open"]["waiting"])
        for opd, unit in town.places("queue", view)
    ]
    return [{"name": name, "waiting": n} for name, n in found if n]


def entered(found: dict[str, Any], states: tuple[str, ...]) -> bool:
    """Whether any case entered one of the states; of a time or place without, panels show nothing."""
    return any(state in found["states"] for state in states)


def cases(found: dict[str, Any], state: str) -> int:
    """Cases that entered a state, 0 where no event of it is."""
    n: int = found["states"].get(state, {"cases": 0})["cases"]
    return n


def online_share(found: dict[str, Any]) -> float | None:
    """Of the cases that began, those that did online; the command leaves out a channel that nobody used."""
    channels = found["channels"]
    if "online" in channels:
        told: float | None = channels["online"]["share"]
        return told
    return share(0, cases(found, channels["of"]))


def wait_of(found: dict[str, Any], view: View) -> Row:
    """Median, p90, and the share within the chosen limit."""
    assert view.limit is not None
    lasted = found["durations"]["wait"]
    (within,) = (each for each in lasted["limits"] if each["limit_s"] == view.limit.total_seconds())
    return {
        "median_min": per(lasted["median_s"], 60),
        "p90_min": per(lasted["p90_s"], 60),
        "within_share": within["share"],
    }
