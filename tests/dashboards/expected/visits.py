"""What the panels of the dashboard of health visits have to show, as `warroom measure visit` tells it: counts of one to
four are None there, and so here.
"""

from typing import Any

from tests.dashboards.expected.queues import entered, online_share, wait_of, waits
from tests.dashboards.expected.units import share
from tests.dashboards.town import Row, Town
from tests.dashboards.view import View


def wait_now(town: Town, view: View) -> list[Row]:
    found = town.measure("visit", view)
    return [{"waiting": found["open"]["waiting"], **wait_of(found, view)}]


def shares(town: Town, view: View) -> list[Row]:
    found = town.measure("visit", view)
    registered = _cases(found, "registered", none=None)
    return [
        {
            "registered": registered,
            "referred_share": share(_cases(found, "referred", none=0), registered),
            "online_share": online_share(found),
        }
    ]


def by_unit(town: Town, view: View) -> list[Row]:
    coordinates = {
        (agency.opd, unit.unit): (unit.latitude, unit.longitude)
        for agency in town.catalogue.agencies
        for unit in agency.units
    }
    rows = []
    for opd, unit in town.places("visit", view):
        found = town.measure("visit", view, opd=(opd,), unit=(unit,))
        latitude, longitude = coordinates[opd, unit]
        rows.append(
            {
                "name": town.unit_names[opd, unit],
                "owner": opd.upper(),
                "registered": _cases(found, "registered", none=0),
                **wait_of(found, view),
                "referred": _cases(found, "referred", none=0),
                "latitude": latitude,
                "longitude": longitude,
            }
        )
    return rows


def flow(town: Town, view: View) -> list[Row]:
    rows = []
    for start, end in town.steps(view, by_hour=view.by_hour):
        found = town.measure("visit", view, start=start, end=end)
        states = ("registered", "completed", "referred")
        if entered(found, states):
            rows.append({"time": start, **{state: _cases(found, state, none=None) for state in states}})
    return rows


def wait(town: Town, view: View) -> list[Row]:
    return waits(town, view, "visit")


def _cases(found: dict[str, Any], state: str, *, none: int | None) -> int | None:
    """Cases that entered a state; `none` where no event of it is."""
    n: int | None = found["states"].get(state, {"cases": none})["cases"]
    return n
