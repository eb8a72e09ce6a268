"""The committed JSON: dashboards, panels and queries, as Grafana reads them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path("dashboards/json")


class Panel(NamedTuple):
    """A panel with the dashboard that it stands on."""

    dashboard: dict[str, Any]
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.dashboard['uid']}: {self.body['id']} {self.body.get('title', '')}"

    @property
    def sql(self) -> str | None:
        """What it asks the database, if it asks itself."""
        return next((str(target["rawSql"]) for target in self.body.get("targets", []) if "rawSql" in target), None)

    @property
    def columns(self) -> set[str]:
        """The columns that it describes."""
        overrides = self.body.get("fieldConfig", {}).get("overrides", [])
        return {str(each["matcher"]["options"]) for each in overrides if each["matcher"]["id"] == "byName"}


def dashboards() -> list[dict[str, Any]]:
    """Both sets."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*/*.json"))]


def panels() -> list[Panel]:
    """Every panel, also those in closed rows, but the rows themselves."""
    return [panel for dashboard in dashboards() for panel in _panels(dashboard)]


def _panels(dashboard: dict[str, Any]) -> Iterator[Panel]:
    for body in dashboard["panels"]:
        for each in body.get("panels", []) if body["type"] == "row" else [body]:
            yield Panel(dashboard, each)


def source_of(panel: Panel) -> Panel:
    """The panel that asks for it: itself, or the one whose answer it shares."""
    for target in panel.body.get("targets", []):
        if "panelId" in target:
            return next(each for each in _panels(panel.dashboard) if each.body["id"] == target["panelId"])
    return panel
