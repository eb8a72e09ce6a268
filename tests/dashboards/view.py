"""What a person has chosen on a dashboard: a window of time, and a value of each variable."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards.macros import Variable, Window, expand
from tests.dashboards.committed import Panel, source_of

_THREE_DAYS = timedelta(days=3)


@dataclass(frozen=True)
class View:
    """A window and choices; None where a variable has All. `name` is for the lists of tests."""

    name: str
    start: datetime
    end: datetime
    opd: tuple[str, ...] | None = None
    unit: tuple[str, ...] | None = None
    service: tuple[str, ...] | None = None
    dimension: tuple[str, ...] | None = None
    limit: timedelta | None = None
    kpi: str | None = None

    def __str__(self) -> str:
        chosen = (*(self.opd or ()), *(self.unit or ()), *(self.service or ()), *(self.dimension or ()))
        return " ".join((self.name, *chosen, *filter(None, (self.kpi,))))

    @property
    def by_hour(self) -> bool:
        """Panels with steps draw hours up to three days, and days beyond."""
        return self.end - self.start <= _THREE_DAYS

    def values(self, name: str) -> tuple[str, ...] | None:
        """What is chosen of a variable; None is All."""
        match name:
            case "limit":
                return (str(self.limit or ""),)
            case "kpi":
                return (self.kpi or "none",)
            case _:
                chosen: tuple[str, ...] | None = getattr(self, name)
                return chosen


def asked(panel: Panel, view: View) -> str:
    """The SQL of a panel for a view, as PostgreSQL gets it."""
    sql = source_of(panel).sql
    assert sql is not None, f"{panel} asks nothing"
    return expanded(sql, panel.dashboard, view)


def expanded(sql: str, dashboard: dict[str, Any], view: View) -> str:
    """SQL with the macros and the variables of a dashboard filled in."""
    found = expand(sql, Window(view.start, view.end), timedelta(minutes=1), _variables(dashboard, view)).sql
    assert "$__" not in found, found
    assert "${" not in found, found
    return found


def _variables(dashboard: dict[str, Any], view: View) -> Iterator[Variable]:
    for each in declared(dashboard):
        name, several = each["name"], bool(each.get("multi"))
        chosen = view.values(name)
        yield Variable(name, chosen or ("none",), several, each["allValue"] if several and chosen is None else None)


def declared(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The variables of a dashboard."""
    found: list[dict[str, Any]] = dashboard.get("templating", {}).get("list", [])
    return found


def hours(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The whole hours that a window touches."""
    at = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found = []
    while at < end:
        found.append((at, at + timedelta(hours=1)))
        at += timedelta(hours=1)
    return found
