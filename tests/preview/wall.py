"""Small dashboards in Grafana's form, with every kind of panel that the preview draws."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: What stands in a panel's JSON beside its query and its place.
Look = dict[str, Any]

WAITING = "SELECT waiting FROM wall.open('queue', $__timeTo(), ARRAY[${opd:sqlstring}])"
EVERYWHERE = "SELECT waiting FROM wall.open('queue')"
STATES = "SELECT state, events FROM wall.states('queue', now() - interval '1 day', now() + interval '1 minute')"
STATUSES = "SELECT s AS shown FROM unnest(ARRAY['critical|78|minutes', 'ok|12|minutes', 'no_data||']) AS s"
GAPS = """
    SELECT $__timeTo()::timestamptz - i * interval '1 hour' AS "time", nullif(i % 2, 0) AS v
    FROM generate_series(1, 5) i
"""
HOURS = "SELECT $__timeTo()::timestamptz - i * interval '1 hour' AS \"time\", i AS v FROM generate_series(1, 5) i"
PLACES = """
    SELECT * FROM (VALUES ('Batua', -5.15, 119.45, 90), ('Jongaya', -5.18, 119.41, 10))
    AS x(name, latitude, longitude, wait)
"""
CHANGES = """
    SELECT now() - i * interval '1 hour' AS "time", CASE WHEN i > 2 THEN 'ok' ELSE 'late' END AS queue
    FROM generate_series(5, 1, -1) i
"""
COLOURS = {"critical": "#d8413c", "ok": "#3f9c5a", "no_data": "#8a8f98"}

_OPD = {
    "type": "query",
    "name": "opd",
    "label": "OPD",
    "query": "SELECT name_id AS __text, opd AS __value FROM wall.agency ORDER BY 2",
    "current": {"value": "dukcapil"},
}
_PATTERNS = [
    {
        "type": "regex",
        "options": {"pattern": f"/^{code}\\|(.*)\\|(.*)$/", "result": {"text": f"{code} $1 $2", "color": colour}},
    }
    for code, colour in COLOURS.items()
]
_STATUS: Look = {
    "options": {
        "reduceOptions": {"values": True, "fields": "/^shown$/"},
        "colorMode": "background",
        "textMode": "value",
    },
    "fieldConfig": {"defaults": {"mappings": _PATTERNS}, "overrides": []},
}
_MAP: Look = {
    "options": {
        "layers": [
            {
                "location": {"latitude": "latitude", "longitude": "longitude"},
                "config": {"style": {"color": {"field": "wait"}}},
            }
        ]
    },
    "fieldConfig": {"defaults": {"thresholds": {"steps": [{"color": "green"}, {"color": "red", "value": 60}]}}},
}
_SHARE: Look = {"fieldConfig": {"defaults": {"unit": "percentunit", "max": 1}}}
_NOTHING: Look = {"fieldConfig": {"defaults": {"noValue": "Belum ada data"}}}
_ROWS: Look = {"options": {"reduceOptions": {"values": True}}}
_WORDS: Look = {"options": {"content": "## Antrean\n**Loket** <script>alert(1)</script>"}}


def panel(
    number: int, kind: str, sql: str | None, place: tuple[int, int, int, int] = (0, 0, 6, 4), **look: Any
) -> dict[str, Any]:
    """A panel with one query, at (x, y, w, h)."""
    x, y, w, h = place
    target = {"refId": "A", "rawSql": sql, "format": "time_series" if kind == "timeseries" else "table"}
    return {
        "id": number,
        "type": kind,
        "title": f"Panel {number}",
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "targets": [] if sql is None else [target],
        **look,
    }


def write(folder: Path, uid: str, title: str, panels: Iterable[dict[str, Any]], **more: Any) -> None:
    """Put a dashboard where the preview reads it."""
    body = {"uid": uid, "title": title, "time": {"from": "now-6h", "to": "now"}, "panels": list(panels), **more}
    (folder / "id").mkdir(exist_ok=True)
    (folder / "id" / f"{uid}.json").write_text(json.dumps(body), encoding="utf-8")


def dashboards(folder: Path) -> None:
    """Three dashboards, and a playlist of two."""
    row = panel(12, "row", None, (0, 21, 24, 1), panels=[panel(13, "stat", EVERYWHERE, (0, 22, 6, 4))])
    wall = [
        panel(1, "stat", WAITING, (0, 0, 6, 4)),
        panel(2, "table", STATES, (6, 0, 9, 8)),
        panel(3, "stat", STATUSES, (0, 4, 6, 4), **_STATUS),
        panel(4, "stat", "SELECT nothing FROM wall.city", (15, 0, 9, 4)),
        panel(5, "stat", "SELECT NULL::int AS n", (15, 4, 9, 4), **_NOTHING),
        panel(6, "timeseries", HOURS, (0, 8, 12, 6)),
        panel(7, "geomap", PLACES, (12, 8, 12, 6), **_MAP),
        panel(8, "bargauge", STATES, (0, 14, 8, 5), **_ROWS),
        panel(9, "gauge", "SELECT 0.25 AS share", (8, 14, 8, 5), **_SHARE),
        panel(10, "state-timeline", CHANGES, (16, 14, 8, 5)),
        panel(11, "text", None, (0, 19, 24, 2), **_WORDS),
        row,
        panel(14, "timeseries", GAPS, (0, 22, 12, 6)),
    ]
    write(folder, "first", "Dinding", wall, templating={"list": [_OPD]}, links=[{"url": "/d/second", "title": "Kedua"}])
    several = {**_OPD, "multi": True, "includeAll": True}
    write(folder, "second", "Kedua", [panel(1, "stat", EVERYWHERE)], templating={"list": [several]})
    write(folder, "long", "Panjang", [panel(1, "table", "SELECT generate_series(1, 60)::text AS n")])
    (folder / "playlist-id.json").write_text(json.dumps({"items": [{"value": "first"}, {"value": "second"}]}))
