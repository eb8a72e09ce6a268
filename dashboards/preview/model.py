"""The committed dashboards: `json/<language>/*.json` in Grafana's own form, and what of it the server needs to know."""

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import orjson

from dashboards.macros import Variable, parse_interval
from dashboards.preview.live import Query

_HERE = Path(__file__).parent
#: The page's files, by the address at which each is served.
PAGE = {f"/{file.name}": file for kind in ("css", "js") for file in _HERE.glob(f"*.{kind}")} | {
    "/": _HERE / "page.html"
}


@dataclass(frozen=True)
class Dashboard:
    """One dashboard in one language; `body` is its JSON as Grafana gets it."""

    lang: str
    body: Mapping[str, Any]

    @property
    def uid(self) -> str:
        return str(self.body["uid"])

    @property
    def title(self) -> str:
        return str(self.body["title"])

    @property
    def variables(self) -> Sequence[Mapping[str, Any]]:
        """The definitions of its variables, in the order in which one may use another."""
        definitions: list[Mapping[str, Any]] = self.body.get("templating", {}).get("list", [])
        return definitions

    def zone(self, city: str) -> str:
        """Its own time zone where it names one, else the city's."""
        named = str(self.body.get("timezone") or "")
        return "UTC" if named == "utc" else named if named in available_timezones() else city

    def query(self, sql: str, city_zone: str, chosen: Iterable[Variable], **options: Any) -> Query:
        """A query over the dashboard's time, with those of the chosen variables that it names."""
        time: Mapping[str, str] = self.body.get("time", {})
        span = {"start": time.get("from", "now-6h"), "end": time.get("to", "now")}
        return Query(
            sql,
            **(span | options),
            zone=self.zone(city_zone),
            variables=tuple(variable for variable in chosen if variable.name in sql),
        )

    def queries(self, city_zone: str, chosen: Sequence[Variable], opened: Container[str]) -> dict[int, list[Query]]:
        """The queries of each panel in view, by the panel's id; a closed row's panels are, once it was `opened`."""
        found: dict[int, list[Query]] = {}
        shared: dict[int, list[int]] = {}
        for panel in self._panels(opened):
            number, options = int(panel["id"]), _options(panel)
            targets = [target for target in panel.get("targets", []) if not target.get("hide")]
            found[number] = [
                self.query(target["rawSql"], city_zone, chosen, form=target.get("format", "table"), **options)
                for target in targets
                if target.get("rawSql")
            ]
            # Another panel's answer, as Grafana's data source "-- Dashboard --" gives it.
            shared[number] = [int(target["panelId"]) for target in targets if "panelId" in target]
        for number, others in shared.items():
            found[number] += [query for other in others for query in found.get(other, [])]
        return {number: queries for number, queries in found.items() if queries}

    def _panels(self, opened: Container[str]) -> Iterator[Mapping[str, Any]]:
        for panel in self.body.get("panels", []):
            if panel["type"] != "row":
                yield panel
            elif str(panel["id"]) in opened:
                yield from panel.get("panels", [])


def _options(panel: Mapping[str, Any]) -> dict[str, Any]:
    """What a panel says of its own time and of its `$__interval`."""
    options: dict[str, Any] = {}
    if panel.get("timeFrom"):
        options |= {"start": f"now-{panel['timeFrom']}", "end": "now"}
    if panel.get("maxDataPoints"):
        options["points"] = int(panel["maxDataPoints"])
    if panel.get("interval"):
        options["at_least"] = parse_interval(str(panel["interval"]))
    return options


@dataclass(frozen=True)
class Library:
    """All dashboards by uid, and which of them a playlist shows in turn."""

    dashboards: Mapping[str, Dashboard]
    in_turn: Container[str]

    @cached_property
    def build(self) -> str:
        """Changes with any dashboard and any file of the page: a browser that has another one loads anew."""
        digest = hashlib.sha256(orjson.dumps([dashboard.body for dashboard in self.dashboards.values()]))
        for file in sorted(PAGE.values()):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]


def read(folder: Path) -> Library:
    """Every dashboard in the folder: those of the playlists in their order, then the others by uid."""
    lists = [orjson.loads(path.read_bytes())["items"] for path in sorted(folder.glob("playlist-*.json"), reverse=True)]
    places = {str(item["value"]): place for place, item in enumerate(item for items in lists for item in items)}
    found = [Dashboard(path.parent.name, orjson.loads(path.read_bytes())) for path in folder.glob("*/*.json")]
    found.sort(key=lambda one: (one.lang != "id", places.get(one.uid, len(places)), one.uid))
    return Library({dashboard.uid: dashboard for dashboard in found}, frozenset(places))
