"""Every figure worked out again, the plain way: from a list of published events, each time from the beginning.

Shares no code with the hub; what a lifecycle is, is written down here once more. Times and durations are whole
microseconds (since 1970).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
#: These are told in working time too, without the time in which the applicant has the case.
NET = {("permit", "verify"), ("permit", "lead")}
PAUSES = {"queue": set[str](), "permit": {"returned"}, "visit": set[str]()}
#: Fewer than five of these are not told of.
HEALTH = {"visit"}
#: Unit u1 is open on these hours of working days but not on these days; all other units never close.
OPEN_HOURS = ((9, 12), (13, 17))
CLOSED_DAYS = {"2025-11-18", "2025-10-27"}
#: What a case is due by: the duration, and its limit in open time (u1, others), from the day on which it holds.
DUE = {
    "permit": ("lead", {"u1": 14 * 3_600_000_000}, 48 * 3_600_000_000, "net", "2025-10-26"),
    "queue": ("wait", {}, 900_000_000, "gross", "2025-01-01"),
}
_WORKING_DAY = {"u1": 7 * 3_600_000_000}
_DAY = 24 * 3_600_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE


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
    due: int | None = None
    done: int | None = None

    def last(self, at: int) -> Event:
        """The newest event at or before a moment at which the case was open."""
        return [event for event in self.events if event.at <= at][-1]

    def open_at(self, at: int) -> bool:
        """Whether it was open at a moment."""
        return self.opened <= at and (self.closed is None or at < self.closed)

    def overdue_at(self, at: int) -> bool:
        """Whether it was due by a moment at which it was open, and not done."""
        return self.due is not None and self.due <= at and (self.done is None or at < self.done)


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
    open: int | None
    oldest: int | None
    overdue: int | None


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
        self.facts = [fact for case in self.cases for fact in self._facts(case)]

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
        found = Case(opd, kind, case, tuple(events), events[0].at, min(ends, default=None), tuple(flags))
        due, done = self._due(found)
        return replace(found, due=due, done=done)

    def open_spans(self, unit: str | None, start: int, end: int) -> list[tuple[int, int]]:
        """The stretches of [start, end) in which a unit is open."""
        if unit != "u1":
            return [(start, end)] if start < end else []
        zone = ZoneInfo(self.zone)
        spans = []
        day, last = (moment(at).astimezone(zone).date() for at in (start, end))
        while day <= last:
            if day.weekday() < 5 and day.isoformat() not in CLOSED_DAYS:
                for opens, closes in OPEN_HOURS:
                    first, then = (
                        microseconds(datetime(day.year, day.month, day.day, h, tzinfo=zone)) for h in (opens, closes)
                    )
                    if max(first, start) < min(then, end):
                        spans.append((max(first, start), min(then, end)))
            day += timedelta(days=1)
        return spans

    def net_spans(self, case: Case, unit: str | None, start: int, end: int) -> list[tuple[int, int]]:
        """The same without the time in which the applicant has the case."""
        held = [
            (event.at, after.at if after else 2**60)
            for event, after in zip(case.events, [*case.events[1:], None], strict=True)
            if event.state in PAUSES[case.kind]
        ]
        spans = []
        for first, last in self.open_spans(unit, start, end):
            cuts = sorted({first, last} | {at for hold in held for at in hold if first < at < last})
            spans += [(a, b) for a, b in pairwise(cuts) if not any(h <= a and b <= on for h, on in held)]
        return spans

    def _due(self, case: Case) -> tuple[int | None, int | None]:
        """When the case is due, and when what the limit is of had ended."""
        if case.kind not in DUE:
            return None, None
        name, by_unit, usual, clock, since = DUE[case.kind]
        began, ended = _endpoints(case, name)
        if began is None or local_day(began.at, self.zone) < since:
            return None, None
        unit = case.events[0].unit
        left = by_unit.get(unit or "", usual)
        horizon = began.at + 60 * _DAY
        spans = [(began.at, horizon)] if clock == "gross" else self.net_spans(case, unit, began.at, horizon)
        for first, last in spans:
            if left <= last - first:
                return first + left, ended.at if ended else None
            left -= last - first
        return None, None

    def limit_left(self, case: Case, at: int) -> int | None:
        """What is left of the limit at a moment, in open time; None while no limit runs."""
        if case.kind not in DUE:
            return None
        name, by_unit, usual, clock, since = DUE[case.kind]
        began, ended = _endpoints(case, name)
        if began is None or at < began.at or (ended and at > ended.at) or local_day(began.at, self.zone) < since:
            return None
        unit = case.events[0].unit
        limit = by_unit.get(unit or "", usual)
        spans = self.net_spans(case, unit, began.at, at) if clock == "net" else [(began.at, at)]
        return limit - sum(last - first for first, last in spans)

    def _in(self, kind: str, role: str, window: tuple[int, int], where: Filter) -> list[Fact]:
        """Facts of a window, which is cut to whole minutes; of a health kind to whole hours, which hold it."""
        from_, to = (at // _MINUTE * _MINUTE for at in window)
        if kind in HEALTH:
            from_, to = from_ // _HOUR * _HOUR, -(-window[1] // _HOUR) * _HOUR
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

    def net(self, name: str, window: tuple[int, int], where: Filter) -> list[int]:
        """A permit's duration in working time over a window."""
        return [fact.value for fact in self._in("permit", "net", window, where) if fact.name == name]

    def overdue(self, kind: str, at: int, where: Filter) -> dict[tuple[str, str, str], tuple[int, int]]:
        """By place, the cases overdue at a moment and when the first of them was due."""
        found: dict[tuple[str, str, str], list[int]] = {}
        for case in self.cases:
            if case.kind == kind and case.open_at(at) and case.due is not None and case.overdue_at(at):
                last = case.last(at)
                place = (case.opd, last.unit or "", last.service or "")
                if where.takes(*place, case.events[0].channel or ""):
                    found.setdefault(place, []).append(case.due)
        return {place: (len(dues), min(dues)) for place, dues in found.items()}

    def level(self, kind: str, name: str, at: int, opds: set[str]) -> int:
        """Cases of some agencies that are open, waiting or overdue at a moment."""
        where = Filter(tuple(opds))
        if name == "overdue":
            return sum(n for n, _ in self.overdue(kind, at, where).values())
        groups = self.open_by_state(kind, at, where)
        return sum(g.open or 0 for g in groups if name == "open" or g.waiting)

    def open_by_state(self, kind: str, at: int, where: Filter) -> list[OpenGroup]:
        """Cases open at a moment, as the events up to it tell."""
        found: dict[tuple[str, str, str, str, str], list[Case]] = {}
        for case in self.cases:
            if case.kind == kind and case.open_at(at):
                last = case.last(at)
                place = (case.opd, last.unit or "", last.service or "", case.events[0].channel or "")
                if where.takes(*place):
                    found.setdefault((*place, last.state), []).append(case)
        return [
            OpenGroup(
                *key,
                waiting=key[4] in WAITING[kind],
                open=len(cases),
                oldest=min(case.opened for case in cases),
                overdue=sum(case.overdue_at(at) for case in cases),
            )
            for key, cases in sorted(found.items())
        ]

    def _facts(self, case: Case) -> Iterable[Fact]:
        def fact(role: str, name: str, event: Event, channel: str | None, value: int, at: int | None = None) -> Fact:
            where = (case.opd, event.unit or "", event.service or "", channel or "")
            return Fact(case.kind, role, name, event.at if at is None else at, *where, value=value, case=case.case)

        first_channel = case.events[0].channel
        seen: set[str] = set()
        for event in case.events:
            yield fact("state", event.state, event, event.channel, 0 if event.state in seen else 1)
            seen.add(event.state)
        for (kind, name), (start, ends) in DURATIONS.items():
            if kind != case.kind or start not in seen:
                continue
            began, ended = _endpoints(case, name)
            assert began is not None
            before = [event for event in case.events[: case.events.index(began)] if event.state in ends]
            if ended:
                yield fact("duration", name, ended, first_channel, ended.at - began.at)
                if (kind, name) in NET:
                    spans = self.net_spans(case, ended.unit, began.at, ended.at)
                    yield fact("net", name, ended, first_channel, sum(last - first for first, last in spans))
            elif before:
                yield fact("negative", name, before[0], first_channel, 0)

        starts = [event for event in case.events if event.state == INITIAL[case.kind]]
        for event in starts:
            if event.at != starts[0].at:
                yield fact("signal", "restart", event, event.channel, 1)
        returns = [
            event
            for before, event in pairwise([None, *case.events])
            if event is not None
            and event.state in PAUSES[case.kind]
            and (before is None or before.state not in PAUSES[case.kind])
        ]
        for number, event in enumerate(returns):
            if number:
                yield fact("signal", "return_again", event, event.channel, 1)
            if (left := self.limit_left(case, event.at)) is not None:
                day = _WORKING_DAY.get(case.events[0].unit or "", _DAY)
                yield fact("signal", "late_return", event, event.channel, 1 if 0 <= left <= day else 0)
        if case.kind not in ENDS_AT_MIDNIGHT:
            for name, at, event, change in _changes(case):
                yield fact("level", name, event, first_channel, change, at)


def _endpoints(case: Case, name: str) -> tuple[Event | None, Event | None]:
    """The first start of a duration, and the first end after it."""
    start, ends = DURATIONS[case.kind, name]
    began = next((event for event in case.events if event.state == start), None)
    if began is None:
        return None, None
    after = case.events[case.events.index(began) + 1 :]
    return began, next((event for event in after if event.state in ends), None)


def _changes(case: Case) -> Iterable[tuple[str, int, Event, int]]:
    """Where and when a case begins (+1) and ends (-1) to be open, waiting or overdue; looked at whenever one may be."""
    never = 2**60
    closed = never if case.closed is None else case.closed
    due = never if case.due is None else case.due
    done = never if case.done is None else case.done
    times = sorted({event.at for event in case.events} | {closed, due, done} - {never})
    held: dict[str, Event | None] = {"open": None, "waiting": None, "overdue": None}
    for at in times:
        now = case.last(at) if case.opened <= at < closed else None
        waiting = now if now is not None and now.state in WAITING[case.kind] else None
        overdue = now if now is not None and due <= at < done else None
        for name, event in (("open", now), ("waiting", waiting), ("overdue", overdue)):
            before = held[name]
            if (before and (before.unit, before.service)) != (event and (event.unit, event.service)):
                if before is not None:
                    yield name, at, before, -1
                if event is not None:
                    yield name, at, event, 1
            held[name] = event
