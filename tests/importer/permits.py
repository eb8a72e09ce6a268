"""The real permit log, read without a line of the hub's own code: what the figures must be."""

import csv
import itertools
import math
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from holidays import country_holidays

#: Outside the repository: public data that this project does not publish.
FILE = Path(__file__).parents[3] / "shared" / "data" / "permit-receipts.csv"
MICROSECOND = timedelta(microseconds=1)
ZONE = ZoneInfo("Europe/Amsterdam")
DUTCH = country_holidays("NL", years=range(2010, 2013))

STATES = {
    "Confirmation of receipt": "submitted",
    "T02 Check confirmation of receipt": "verified",
    "T04 Determine confirmation of receipt": "approved",
    "T05 Print and send confirmation of receipt": "issued",
}
RANK = {"submitted": 0, "verified": 3, "approved": 4, "issued": 5}
BEFORE = {"submitted": set(), "verified": {"submitted"}, "approved": {"verified"}, "issued": {"approved"}}


def office_us(start: datetime, end: datetime) -> int:
    """Monday to Friday 09:00-17:00 less Dutch holidays, each day's hours cut to the span; microseconds."""
    total = timedelta()
    day = start.astimezone(ZONE).date()
    while day <= end.astimezone(ZONE).date():
        if day.weekday() < 5 and day not in DUTCH:
            first, last = (datetime.combine(day, time(hour), ZONE).astimezone(UTC) for hour in (9, 17))
            total += max(timedelta(), min(last, end) - max(first, start))
        day += timedelta(days=1)
    return total // MICROSECOND


@dataclass(frozen=True)
class Step:
    """One row of the log that changes a permit's state."""

    at: datetime
    state: str
    event_id: str
    channel: str


@dataclass(frozen=True)
class Durations:
    """Exact microseconds, sorted."""

    values: list[int]

    @property
    def mean_s(self) -> float:
        return sum(self.values) / len(self.values) / 1e6

    def percentile_s(self, p: float) -> float:
        """Nearest rank."""
        return self.values[math.ceil(p * len(self.values)) - 1] / 1e6

    def within(self, limit: timedelta) -> int:
        return sum(value <= limit // MICROSECOND for value in self.values)


class Log:
    """All cases of the log, each a list of steps in order of time."""

    def __init__(self, file: Path = FILE) -> None:
        cases: dict[str, list[Step]] = {}
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if row["concept:name"] in STATES:
                    at = datetime.fromisoformat(row["time:timestamp"]).astimezone(UTC)
                    step = Step(at, STATES[row["concept:name"]], row["concept:instance"], row["case:channel"])
                    cases.setdefault(row["case:concept:name"], []).append(step)
        self.cases = {
            case: sorted(steps, key=lambda step: (step.at, RANK[step.state], step.event_id))
            for case, steps in cases.items()
        }

    def events(self, state: str) -> int:
        return sum(step.state == state for steps in self.cases.values() for step in steps)

    def entered(self, state: str) -> int:
        """Cases that were in the state at least once."""
        return sum(any(step.state == state for step in steps) for steps in self.cases.values())

    def durations(self, start: str, end: str) -> Durations:
        """From the first start of each case to the first end behind it."""
        found = []
        for steps in self.cases.values():
            began = next((index for index, step in enumerate(steps) if step.state == start), None)
            if began is not None:
                ended = next((step.at for step in steps[began + 1 :] if step.state == end), None)
                if ended is not None:
                    found.append((ended - steps[began].at) // MICROSECOND)
        return Durations(sorted(found))

    def net_lead(self) -> Durations:
        """From submission to issue in office hours of the Netherlands, day by day."""
        found = []
        for steps in self.cases.values():
            began = next((index for index, step in enumerate(steps) if step.state == "submitted"), None)
            if began is not None:
                ended = next((step.at for step in steps[began + 1 :] if step.state == "issued"), None)
                if ended is not None:
                    found.append(office_us(steps[began].at, ended))
        return Durations(sorted(found))

    def overdue_at(self, at: datetime, limit: timedelta) -> int:
        """Cases submitted, not issued by then, whose office hours since are the limit or more."""
        late = 0
        for steps in self.cases.values():
            began = next((index for index, step in enumerate(steps) if step.state == "submitted"), None)
            if began is None or steps[began].at > at:
                continue
            # Issued before it was submitted: closed all the same.
            closed = any(step.state == "issued" and step.at <= at for step in steps)
            late += not closed and office_us(steps[began].at, at) >= limit // MICROSECOND
        return late

    def share_of_channel(self, channel: str) -> float:
        """Of the submitted cases, by the channel of the first submission."""
        first = [next(step for step in steps if step.state == "submitted") for steps in self.cases.values()]
        return sum(step.channel == channel for step in first) / len(first)

    def open_at(self, at: datetime) -> int:
        """Cases that had begun and were not issued yet."""
        return sum(
            steps[0].at <= at and not any(step.state == "issued" and step.at <= at for step in steps)
            for steps in self.cases.values()
        )

    def out_of_order(self) -> set[str]:
        """Cases that skip a state, go back, or begin in the middle."""
        return {
            case
            for case, steps in self.cases.items()
            if steps[0].state != "submitted"
            or any(
                step.state != before.state and before.state not in BEFORE[step.state]
                for before, step in itertools.pairwise(steps)
            )
        }
