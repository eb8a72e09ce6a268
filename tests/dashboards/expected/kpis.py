"""What the panels that show KPIs have to show, as `warroom kpi` tells it at the same moment, or for the same window."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tests.dashboards.expected.units import rounded
from tests.dashboards.town import Row, Town, takes
from tests.dashboards.view import View

#: From the worst on.
_SEVERITY = ("critical", "warning", "stale", "no_data", "ok")


def ledger(town: Town, view: View, now: datetime) -> list[Row]:
    before = town.board(now - timedelta(days=7))
    plain = ("dimension", "unit", "baseline", "target", "target_by", "status", "achievement", "next_review")
    return [
        {
            "programme": kpi["programme_id"],
            "name": kpi["name_id"],
            "owner": kpi["owner"].upper(),
            "value": rounded(kpi["value"], 1),
            "trend": _trend(kpi, before[kpi["kpi"]]),
            "rpjmd": _joined(kpi["rpjmd_code"], kpi["rpjmd_indicator"]),
            "source_verified": str(kpi["source_verified"]).lower(),
            **{name: kpi[name] for name in plain},
        }
        for kpi in _in_effect(town, now)
        if takes(view.dimension, kpi["dimension"])
    ]


def _trend(kpi: Row, before: Row) -> str:
    if kpi["value"] is None or before["status"] is None or before["value"] is None:
        return "unknown"
    if kpi["value"] == before["value"]:
        return "same"
    fell = kpi["value"] < before["value"]
    return "better" if fell == (kpi["direction"] == "lower") else "worse"


def chosen(town: Town, view: View, now: datetime) -> list[Row]:
    kpi = town.board(now)[view.kpi or ""]
    told = {
        "programme": kpi["programme_id"],
        "owner": f"{kpi['programme_owner']} ({kpi['owner']})",
        "period": f"{kpi['programme_start']} – {kpi['programme_end']}",
        "next_review": kpi["next_review"],
        "rpjmd": _joined(kpi["rpjmd_code"], kpi["rpjmd_indicator"]),
        "source": kpi["source"],
        "source_verified": str(kpi["source_verified"]).lower(),
        "window": kpi["window_text"],
        "minimum_sample": kpi["minimum_sample"],
        "runbook": kpi["runbook"],
    }
    return [{"part": part, "written": str(value)} for part, value in told.items() if value is not None]


def chosen_series(town: Town, view: View) -> list[Row]:
    return [{**row, "baseline": town.board(view.end)[view.kpi or ""]["baseline"]} for row in series(town, view)]


def series(town: Town, view: View) -> list[Row]:
    """One KPI step by step: each is what `warroom kpi --window FROM/TO` tells, up to the end of the view. A count is
    held to its target over the KPI's own window alone.
    """
    rows = []
    for start, end in town.steps(view, by_hour=view.by_hour):
        kpi = town.board(view.end, (start, min(end, view.end)))[view.kpi or ""]
        own = "PT1H" if view.by_hour else ("P1D", "day")
        judged = kpi["form"] != "count" or kpi["window_text"] in own
        rows.append({"time": start, "value": kpi["value"], "target": kpi["target"] if judged else None})
    return rows


def chosen_status(town: Town, view: View) -> list[Row]:
    """A status may be held by the one before it, so the whole series is that of `warroom kpi`."""
    board = town.board(view.end, (view.start, view.end), of_days=not view.by_hour)
    return [{"time": step["at"], "status": step["status"]} for step in board[view.kpi or ""]["series"]]


def status(town: Town, _: View, now: datetime) -> list[Row]:
    """Promises by dimension, how many KPIs stand how, and the worst."""
    found = _in_effect(town, now)
    promises: dict[tuple[str, str], list[str]] = {}
    for kpi in found:
        promises.setdefault((kpi["dimension"], kpi["programme_id"]), []).append(kpi["status"])
    rows = []
    for (dimension, name), statuses in promises.items():
        worst = min(statuses, key=_SEVERITY.index)
        rows.append(_part(dimension, _place(worst), name, f"{worst}|{statuses.count(worst)}/{len(statuses)}"))
    counts = Counter(kpi["status"] for kpi in found)
    rows += [_part("count", _place(each), "", f"{each}|{counts[each]}") for each in _SEVERITY]
    return rows + [_part("worst", n, *_worst(kpi)) for n, kpi in enumerate(_by_severity(found), start=1)][:6]


def _by_severity(found: list[Row]) -> list[Row]:
    bad = [kpi for kpi in found if kpi["status"] in ("critical", "warning")]
    return sorted(bad, key=lambda kpi: (_place(kpi["status"]), kpi["achievement"]))


def _worst(kpi: Row) -> tuple[str, str]:
    value = rounded(kpi["value"], 1 if abs(kpi["value"]) < 10 else 0)
    sign = "≤" if kpi["direction"] == "lower" else "≥"
    name = f"{kpi['name_id']} · {kpi['owner'].upper()}"
    digits = 1 if abs(kpi["value"]) < 10 else 0
    # As it is written in Indonesian.
    figures = f"{value:.{digits}f}|{kpi['unit']}|{sign} {rounded(kpi['target'], 1):g}".replace(".", ",")
    return name, f"{kpi['status']}|{figures}"


def _in_effect(town: Town, now: datetime) -> list[Row]:
    return [kpi for kpi in town.board(now).values() if kpi["status"] is not None]


def _part(part: str, place: int, name: str, shown: str) -> Row:
    return {"part": part, "place": place, "name": name, "shown": shown}


def _place(status: str) -> int:
    return _SEVERITY.index(status) + 1


def _joined(*words: Any) -> str:
    return " ".join(word for word in words if word is not None)
