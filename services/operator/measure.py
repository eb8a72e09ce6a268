"""Prints what schema `wall` says of one kind over one window; it computes nothing itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

import psycopg
from psycopg.rows import dict_row

from opd_schemas.event import CHANNELS
from opd_schemas.events import KINDS
from services.db import load

SQL = load(__file__)


@dataclass(frozen=True)
class Filter:
    """What to take; None is everything. Windows are [from, to), cut to whole minutes; levels are those at `at`."""

    start: datetime
    end: datetime
    at: datetime
    opd: list[str] | None = None
    unit: list[str] | None = None
    service: list[str] | None = None
    channel: list[str] | None = None

    def parameters(self) -> dict[str, Any]:
        return {
            "from": self.start,
            "to": self.end,
            "at": self.at,
            "opd": self.opd,
            "unit": self.unit,
            "service": self.service,
            "channel": self.channel,
        }


def unknown_names(url: str, kind: str, chosen: Filter) -> list[str]:
    """One line for each chosen name that neither the catalogue nor any figure of the kind knows, with near ones."""
    lines = []
    with psycopg.connect(url, connect_timeout=5) as connection:
        known = {(option, name) for option, name in connection.execute(SQL["known_names"])}
        known |= {("channel", name) for name in CHANNELS}
        always = Filter(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC), chosen.at).parameters()
        for option in ("opd", "unit", "service", "channel"):
            for name in getattr(chosen, option) or ():
                if (option, name) in known:
                    continue
                # A name that has left the catalogue keeps its figures.
                if connection.execute(SQL["states"], {**always, "kind": kind, option: [name]}).fetchone():
                    continue
                near = get_close_matches(name, sorted(n for o, n in known if o == option), n=3)
                hint = f"did you mean {', '.join(near)}?" if near else "see the catalogue"
                lines.append(f"--{option} {name} is not in the catalogue; {hint}")
    return lines


def measure(url: str, kind: str, chosen: Filter, limits: list[timedelta]) -> dict[str, Any]:
    """Every figure of a kind as plain data; durations in seconds, shares as fractions, None where there is no case, or
    where a health kind has too few.

    `limits`, of time as it passes, are asked for besides those of the catalogue. `net` is working time without pauses.
    """
    with psycopg.connect(url, connect_timeout=5) as connection:
        return measure_on(connection, kind, chosen, limits)


def measure_on(
    connection: psycopg.Connection[Any], kind: str, chosen: Filter, limits: list[timedelta]
) -> dict[str, Any]:
    """The same on a connection that is open already."""
    lifecycle = KINDS[kind]
    base = {"kind": kind, **chosen.parameters()}
    cursor = connection.cursor(row_factory=dict_row)

    def rows(statement: str, /, **more: Any) -> list[dict[str, Any]]:
        return cursor.execute(SQL[statement], {**base, **more}).fetchall()

    order = {state.name: state.rank for state in lifecycle.states}
    states = sorted(rows("states"), key=lambda row: (order[row["state"]], row["state"]))
    known = [(row["duration"], row["within_limit"]) for row in rows("limits") if row["kind"] == kind]
    initial = next(state.name for state in lifecycle.states if state.initial)
    shares = {name: rows("channel_share", state=initial, name=name)[0] for name in CHANNELS}
    durations = {}
    for duration in lifecycle.durations:
        plain = rows("duration", name=duration.name, limit=None, clock="gross")[0]
        del plain["within"], plain["within_share"]
        wanted = sorted({limit for name, limit in known if name == duration.name} | set(limits))
        plain["limits"] = [
            {"limit_s": limit.total_seconds(), "within": found["within"], "share": found["within_share"]}
            for limit in wanted
            for found in rows("duration", name=duration.name, limit=limit, clock="gross")
        ]
        if duration.net:
            net = rows("duration", name=duration.name, limit=None, clock="net")[0]
            plain["net"] = {name: net[name] for name in ("n", "mean_s", "median_s", "p90_s")}
        durations[duration.name] = plain
    level = rows("open")[0]
    return {
        "kind": kind,
        "from": chosen.start,
        "to": chosen.end,
        "filter": {
            name: value for name, value in chosen.parameters().items() if value and name not in ("from", "to", "at")
        },
        # Hidden cells of a health kind are not in it.
        "events": sum(row["events"] or 0 for row in states),
        "states": {row["state"]: {"events": row["events"], "cases": row["cases"]} for row in states},
        "channels": {
            "of": initial,
            **{name: {"cases": row["n"], "share": row["share"]} for name, row in shares.items() if row["n"] != 0},
        },
        "durations": durations,
        "open": {"at": chosen.at, **level},
    }
