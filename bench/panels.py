"""The statements of the committed dashboards' panels, each over its dashboard's own time and of the whole city."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import psycopg

from dashboards.macros import Variable, expand
from dashboards.preview.timerange import window

_JSON = Path(__file__).parents[1] / "dashboards" / "json" / "id"
_INTERVAL = timedelta(minutes=1)


def statements(reader: psycopg.Connection) -> dict[str, str]:
    """By dashboard and panel; a variable is All, or what its dashboard was saved with, or the first of its choices."""
    (zone,) = reader.execute("SELECT timezone FROM wall.city").fetchone() or ("UTC",)
    found = {}
    for path in sorted(_JSON.glob("*.json")):
        body: dict[str, Any] = orjson.loads(path.read_bytes())
        times = body["time"]
        during = window(times["from"], times["to"], datetime.now(UTC), ZoneInfo(zone))
        chosen: list[Variable] = []
        for each in body.get("templating", {}).get("list", []):
            several = bool(each.get("multi"))
            sql = expand(each["query"], during, _INTERVAL, chosen).sql
            values = [value for _, value in reader.execute(sql.encode()).fetchall()]
            saved = each.get("current", {}).get("value")
            picked = (saved,) if saved in values else tuple(values[:1])
            chosen.append(Variable(each["name"], picked, several, each.get("allValue") if several else None))
        for panel in _panels(body):
            for target in panel.get("targets", []):
                if "rawSql" in target:
                    name = f"{body['uid'].removeprefix('warroom-')}: {panel.get('title') or panel['id']}"
                    found[name] = expand(target["rawSql"], during, _INTERVAL, chosen).sql
    return found


def _panels(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in body["panels"]:
        yield panel
        yield from panel.get("panels", [])
