"""What is looked at on each dashboard: windows that cut through what happened, all of it and a part."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.dashboards import city
from tests.dashboards.town import Town
from tests.dashboards.view import View

Named = dict[str, Callable[[Town], View]]
_SHORT, _LONG = timedelta(minutes=15), timedelta(minutes=60)


def _hours(town: Town) -> View:
    """A part of yesterday, to an odd minute."""
    return View("hours", town.local(1, "08:20"), town.local(1, "11:37"), limit=_SHORT)


def _days(town: Town) -> View:
    return View("days", town.local(6, "09:13"), town.local(1, "11:23"), limit=_SHORT)


def _quiet_hour(town: Town) -> View:
    return View("a quiet hour", town.local(city.QUIET_DAY, "08:10"), town.local(city.QUIET_DAY, "09:21"), limit=_LONG)


def _weeks(town: Town) -> View:
    return View("weeks", *(town.local(days, clock) for days, clock in city.WEEKS))


def _two_weeks(town: Town) -> View:
    return replace(_weeks(town), start=town.local(13, "09:13"))


def _log(town: Town) -> View:
    """Five weeks of the real permit log."""
    if not city.has_log():
        pytest.skip(city.WHERE_TO_PUT_IT)
    start, end = (datetime.fromisoformat(f"2011-{at}+07:00") for at in ("03-02T10:20", "04-06T14:37"))
    return View("log", start, end)


def _some_of_the_log(town: Town) -> View:
    found = _log(town)
    return replace(found, start=found.end - timedelta(days=9))


def _twelve_hours(town: Town) -> View:
    """As many steps as `warroom kpi` tells."""
    return View("hours", town.local(1, "04:50"), town.local(1, "15:37"))


def _fourteen_days(town: Town) -> View:
    return View("days", town.local(14, "09:13"), town.local(1, "15:37"))


def _commits(town: Town) -> View:
    """From the third commit to the last but one, which is the first that is left out."""
    at = [row["committed_at"] for row in town.owner("SELECT committed_at FROM hub.commit_log ORDER BY commit_no")]
    return View("commits", at[2], at[-2])


def _half_a_day(town: Town) -> View:
    found = _commits(town)
    return replace(found, name="half a day", start=found.end - timedelta(hours=12))


def _with(view: Callable[[Town], View], **chosen: object) -> Callable[[Town], View]:
    return lambda town: replace(view(town), **chosen)  # type: ignore[arg-type]


KPI_VIEWS: Named = {"hours": _twelve_hours, "days": _fourteen_days}
VIEWS: dict[str, Named] = {
    "warroom-city-wall": {"all": _commits},
    "warroom-queues": {
        "hours": _hours,
        "days": _days,
        "an agency": _with(_hours, opd=("disdukcapil",)),
        "a unit": _with(_hours, unit=("mpp-lantai-1",)),
        # Two agencies have one of this code.
        "a service": _with(_hours, service=("farmasi",)),
    },
    "warroom-permits": {
        "weeks": _weeks,
        "log": _log,
        "an agency": _with(_weeks, opd=("dpmptsp",)),
        "a service": _with(_weeks, service=("ahli-waris",)),
    },
    "warroom-visits": {
        "hours": _with(_hours, limit=_LONG),
        "days": _with(_days, limit=_LONG),
        "quiet": _quiet_hour,
        "an agency": _with(_hours, limit=_LONG, opd=("rsud-rasidin",)),
        "a unit": _with(_hours, limit=_LONG, unit=("pkm-andalas",)),
        "a service": _with(_hours, limit=_LONG, service=("gawat-darurat",)),
    },
    "warroom-agency": {
        "permits and queues": _with(_days, opd=("disdukcapil",)),
        "visits and queues": _with(_hours, opd=("dinkes",)),
        "quiet": _with(_quiet_hour, opd=("dinkes",)),
        "licences": _with(_two_weeks, opd=("dpmptsp",)),
        "log": _with(_some_of_the_log, opd=(city.OF_LOG,)),
    },
    "warroom-ledger": {
        f"{kpi} {name}": _with(view, kpi=kpi)
        for kpi in ("puskesmas-tunggu-60-menit", "adminduk-tunggu-p90", "mpp-terlayani", "pbg-tempo")
        for name, view in KPI_VIEWS.items()
    }
    | {
        "overdue": _with(_fourteen_days, kpi="izin-nakes-terlambat"),
        "a dimension": _with(_fourteen_days, kpi="izin-daring", dimension=("living",)),
    },
    "warroom-hub-health": {"commits": _commits, "half a day": _half_a_day},
}
