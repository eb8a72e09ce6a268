"""Cases told anew from the raw events, in plain Python: what no command tells is reckoned from these."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED

_EVENTS = """
SELECT c.opd, c.app, e.event_id, e.at, e.case_id, e.state, e.voids, s.kind, s.unit, s.service, s.channel
FROM hub.event e JOIN hub.source c USING (source_id) JOIN hub.series s USING (series_id)
"""


class Entry(NamedTuple):
    """A case entered a state; sorted as a case is ordered."""

    at: datetime
    rank: int
    app: str
    event_id: str
    state: str
    unit: str
    service: str
    channel: str


@dataclass(frozen=True)
class Case:
    """The events of a case that hold, in order; it is open from the first until `closed` (None: still)."""

    opd: str
    kind: str
    case_id: str
    entries: tuple[Entry, ...]
    closed: datetime | None

    @property
    def opened(self) -> datetime:
        return self.entries[0].at

    def at(self, moment: datetime) -> Entry | None:
        """Where the case stands at a moment, if it is open then."""
        if moment < self.opened or (self.closed is not None and moment >= self.closed):
            return None
        return [entry for entry in self.entries if entry.at <= moment][-1]


def cases_of(query: Callable[[Any], list[dict[str, Any]]], zone: ZoneInfo) -> list[Case]:
    """Every case of the store; `query` runs SQL as its owner."""
    rows = query(_EVENTS)
    taken_back = {(row["opd"], row["app"], row["voids"]) for row in rows if row["state"] == VOIDED}
    found: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for row in rows:
        if row["state"] != VOIDED and (row["opd"], row["app"], row["event_id"]) not in taken_back:
            rank = KINDS[row["kind"]].by_name[row["state"]].rank
            entry = Entry(
                row["at"], rank, *(row[n] for n in ("app", "event_id", "state", "unit", "service", "channel"))
            )
            found[row["opd"], row["kind"], row["case_id"]].append(entry)
    for entries in found.values():
        entries.sort()
    return [Case(*key, tuple(entries), _end(key[1], entries, zone)) for key, entries in found.items()]


def _end(kind: str, entries: list[Entry], zone: ZoneInfo) -> datetime | None:
    ends = [entry.at for entry in entries if KINDS[kind].by_name[entry.state].terminal][:1]
    if KINDS[kind].expires:
        day = entries[0].at.astimezone(zone).date() + timedelta(days=1)
        ends.append(datetime.combine(day, time(), zone))
    return min(ends, default=None)
