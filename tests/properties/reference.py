"""Every figure worked out again, the plain way: from a list of published events, each time from the beginning.

Shares no code with the hub; what a lifecycle is, is written down here once more. Times and durations are whole
microseconds (since 1970).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

VOIDED = "voided"

#: State, then the states that may come next. In this order events of the same microsecond happened.
FOLLOWING = {
    "queue": {
        "issued": "transferred called abandoned no_show",
        "transferred": "called abandoned no_show",
        "called": "transferred served abandoned no_show",
        "served": "",
        "abandoned": "",
        "no_show": "",
    },
    "permit": {
        "submitted": "returned verified rejected withdrawn",
        "returned": "resubmitted rejected withdrawn",
        "resubmitted": "returned verified rejected withdrawn",
        "verified": "returned approved rejected withdrawn",
        "approved": "returned issued rejected withdrawn",
        "issued": "",
        "rejected": "",
        "withdrawn": "",
    },
    "visit": {
        "registered": "examined referred cancelled",
        "examined": "completed referred cancelled",
        "completed": "",
        "referred": "",
        "cancelled": "",
    },
}
INITIAL = {"queue": "issued", "permit": "submitted", "visit": "registered"}
#: Ends of a case; two of them in the same microsecond are ordered by application and id only.
ENDS = {
    "queue": {"served", "abandoned", "no_show"},
    "permit": {"issued", "rejected", "withdrawn"},
    "visit": {"completed", "referred", "cancelled"},
}
WAITING = {
    "queue": {"issued", "transferred"},
    "permit": {"submitted", "resubmitted"},
    "visit": {"registered"},
}
DURATIONS = {
    ("queue", "wait"): ("issued", {"called"}),
    ("queue", "service"): ("called", {"served"}),
    ("permit", "verify"): ("submitted", {"verified"}),
    ("permit", "lead"): ("submitted", {"issued", "rejected"}),
    ("visit", "wait"): ("registered", {"examined"}),
    ("visit", "visit"): ("registered", {"completed"}),
}
#: These cases end with the local day of their first event.
ENDS_AT_MIDNIGHT = {"queue", "visit"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60_000_000


@dataclass(frozen=True, repr=False)
class Event:
    """What an application published. A heartbeat is of kind `app` and has no place and no case."""

    app: str
    id: str
    kind: str
    state: str
    at: int
    unit: str | None = None
    service: str | None = None
    channel: str | None = None
    case: str | None = None
    voids: str | None = None
    opd: str = ""

    def __repr__(self) -> str:
        place = "/".join(filter(None, (self.unit, self.service, self.channel)))
        about = f" of {self.case} at {place}" if self.case else ""
        voids = f", voids {self.voids}" if self.voids else ""
        return f"<{self.app}/{self.id}: {moment(self.at):%m-%d %H:%M:%S.%f} {self.kind}.{self.state}{about}{voids}>"


@dataclass(frozen=True)
class Fact:
    """One thing to be counted: an event of a state, a duration, or an end before its start."""

    kind: str
    role: str
    name: str
    at: int
    opd: str
    unit: str
    service: str
    channel: str
    value: int
    case: str


@dataclass(frozen=True)
class Case:
    """A case as it is known now; `closed` None while nothing has ended it."""

    opd: str
    kind: str
    case: str
    events: tuple[Event, ...]
    opened: int
    closed: int | None
    flags: tuple[str, ...]

    def last(self, at: int) -> Event:
        """The newest event at or before a moment at which the case was open."""
        return [event for event in self.events if event.at <= at][-1]


@dataclass(frozen=True)
class Filter:
    """Which facts are asked for; None takes everything."""

    opd: tuple[str, ...] | None = None
    unit: tuple[str, ...] | None = None
    service: tuple[str, ...] | None = None
    channel: tuple[str, ...] | None = None

    def takes(self, opd: str, unit: str, service: str, channel: str) -> bool:
        wanted = (self.opd, self.unit, self.service, self.channel)
        return all(w is None or v in w for w, v in zip(wanted, (opd, unit, service, channel), strict=True))


@dataclass(frozen=True)
class Summary:
    """A duration over a window; times in exact microseconds, None where nothing ended."""

    n: int
    negative: int
    mean: Fraction | None
    median: int | None
    p90: int | None
    within: int


@dataclass(frozen=True)
class OpenGroup:
    """Open cases of one place, channel and state."""

    opd: str
    unit: str
    service: str
    channel: str
    state: str
    waiting: bool
    open: int
    oldest: int


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a time."""
    return _EPOCH + timedelta(microseconds=us)


def microseconds(at: datetime) -> int:
    """A time as microseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def local_day(at: int, zone: str) -> str:
    """The date on the city's clocks."""
    return moment(at).astimezone(ZoneInfo(zone)).date().isoformat()


def end_of_day(at: int, zone: str) -> int:
    """The first microsecond of the next local day, found by halving: clocks may be put forward or back meanwhile."""
    today = local_day(at, zone)
    inside, outside = at, at + 50 * 60 * _MINUTE
    while outside - inside > 1:
        middle = (inside + outside) // 2
        if local_day(middle, zone) == today:
            inside = middle
        else:
            outside = middle
    return outside


def first_committed(published: Iterable[Event]) -> list[Event]:
    """Of the events under one id of one application, only the first counts."""
    first: dict[tuple[str, str, str], Event] = {}
    for event in published:
        first.setdefault((event.opd, event.app, event.id), event)
    return list(first.values())


def _order(event: Event) -> tuple[int, int, str, str]:
    states = [state for state in FOLLOWING[event.kind] if state not in ENDS[event.kind]]
    rank = states.index(event.state) if event.state in states else len(states)
    return event.at, rank, event.app, event.id


class Reference:
    """All figures of a list of published events, in the order in which they were committed."""

    def __init__(self, published: Iterable[Event], zone: str) -> None:
        self.zone = zone
        events = [event for event in first_committed(published) if event.case is not None]
        self.cases: list[Case] = []
        for key in sorted({(event.opd, event.kind, event.case or "") for event in events}):
            mine = [event for event in events if (event.opd, event.kind, event.case) == key]
            taken_back = {(void.app, void.voids) for void in mine if void.state == VOIDED}
            live = [event for event in mine if event.state != VOIDED and (event.app, event.id) not in taken_back]
            if live:
                self.cases.append(self._case(key, sorted(live, key=_order)))
        self.facts = [fact for case in self.cases for fact in _facts(case)]

    def _case(self, key: tuple[str, str, str], events: Sequence[Event]) -> Case:
        opd, kind, case = key
        ends = [event.at for event in events if event.state in ENDS[kind]][:1]
        if kind in ENDS_AT_MIDNIGHT:
            ends.append(end_of_day(events[0].at, self.zone))
        starts = [event.at for event in events if event.state == INITIAL[kind]]
        flags = []
        if any(at != starts[0] for at in starts):
            flags.append("case_reused")
        if events[0].state != INITIAL[kind] or any(
            b.state != a.state and b.state not in FOLLOWING[kind][a.state].split() for a, b in pairwise(events)
        ):
            flags.append("out_of_order")
        return Case(opd, kind, case, tuple(events), events[0].at, min(ends, default=None), tuple(flags))

    def _in(self, kind: str, role: str, window: tuple[int, int], where: Filter) -> list[Fact]:
        """Facts of a window, which is cut to whole minutes."""
        from_, to = (at // _MINUTE * _MINUTE for at in window)
        return [
            fact
            for fact in self.facts
            if (fact.kind, fact.role) == (kind, role)
            and from_ <= fact.at < to
            and where.takes(fact.opd, fact.unit, fact.service, fact.channel)
        ]

    def states(self, kind: str, window: tuple[int, int], where: Filter) -> dict[str, tuple[int, int]]:
        """Per state: its events, and the cases that entered it for the first time."""
        facts = self._in(kind, "state", window, where)
        return {
            name: (sum(fact.name == name for fact in facts), sum(fact.value for fact in facts if fact.name == name))
            for name in {fact.name for fact in facts}
        }

    def channel_share(
        self, kind: str, state: str, channel: str, window: tuple[int, int], where: Filter
    ) -> tuple[int, int]:
        """Cases that entered a state: those through `channel`, and all."""
        cases = [fact for fact in self._in(kind, "state", window, where) if fact.name == state and fact.value]
        return sum(fact.channel == channel for fact in cases), len(cases)

    def duration(self, kind: str, name: str, window: tuple[int, int], limit: int, where: Filter) -> Summary:
        """A duration over a window, and how many lay at or below the limit."""
        values = sorted(fact.value for fact in self._in(kind, "duration", window, where) if fact.name == name)
        negative = sum(fact.name == name for fact in self._in(kind, "negative", window, where))
        n = len(values)
        if not n:
            return Summary(0, negative, None, None, None, 0)
        return Summary(
            n,
            negative,
            Fraction(sum(values), n),
            # Nearest rank: the value of rank ceil(p n), counted from one.
            values[-(-n * 5 // 10) - 1],
            values[-(-n * 9 // 10) - 1],
            sum(value <= limit for value in values),
        )

    def open_by_state(self, kind: str, at: int, where: Filter) -> list[OpenGroup]:
        """Cases open at a moment, as the events up to it tell."""
        found: dict[tuple[str, str, str, str, str], list[int]] = {}
        for case in self.cases:
            if case.kind == kind and case.opened <= at and (case.closed is None or at < case.closed):
                last = case.last(at)
                place = (case.opd, last.unit or "", last.service or "", case.events[0].channel or "")
                if where.takes(*place):
                    found.setdefault((*place, last.state), []).append(case.opened)
        return [
            OpenGroup(*key, waiting=key[4] in WAITING[kind], open=len(opened), oldest=min(opened))
            for key, opened in sorted(found.items())
        ]


def _facts(case: Case) -> Iterable[Fact]:
    def fact(role: str, name: str, event: Event, channel: str | None, value: int) -> Fact:
        where = (case.opd, event.unit or "", event.service or "", channel or "")
        return Fact(case.kind, role, name, event.at, *where, value=value, case=case.case)

    seen: set[str] = set()
    for event in case.events:
        yield fact("state", event.state, event, event.channel, 0 if event.state in seen else 1)
        seen.add(event.state)
    for (kind, name), (start, ends) in DURATIONS.items():
        if kind == case.kind and start in seen:
            began = [event.state for event in case.events].index(start)
            after = [event for event in case.events[began:] if event.state in ends]
            before = [event for event in case.events[:began] if event.state in ends]
            if after:
                value = after[0].at - case.events[began].at
                yield fact("duration", name, after[0], case.events[0].channel, value)
            elif before:
                yield fact("negative", name, before[0], case.events[0].channel, 0)
