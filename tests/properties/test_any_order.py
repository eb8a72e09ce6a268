"""Whatever the order, repetition, split and worker: the same figures, and those that the reference works out."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.city import City, of_agency
from tests.properties.reference import Case, Event, Fact, Reference, local_day, microseconds
from tests.properties.strategies import CATALOGUED, HOUR, Message, deliveries, examples, publications


@examples(50)
@given(data=st.data())
async def test_any_order_gives_the_same_figures(a_city: City, data: st.DataObject) -> None:
    published = data.draw(publications(a_city.zone), "published")
    delivery = data.draw(deliveries(published), "delivery")
    opd = a_city.new_agency()

    await a_city.deliver(opd, delivery)
    figures, books = a_city.dump(opd), a_city.books(opd)

    # Each message stands in one book: of one id one content counts, the first committed.
    sent = {message.seq: message.event for message in delivery.messages}
    assert [place.seq for place in books] == sorted(sent)
    winners = {(place.app, place.event_id): place for place in books if place.book == "counted"}
    for place in books:
        winner = winners[place.app, place.event_id]
        if place is not winner:
            repeated = sent[place.seq] == sent[winner.seq]
            assert (place.book, place.reason) == (("duplicate", None) if repeated else ("reject", "conflict"))
            assert place.commit_no >= winner.commit_no

    counted = [sent[winner.seq] for winner in winners.values()]
    assert_stored(figures, counted, Reference(of_agency(opd, counted), a_city.zone))

    # The plainest way to the same figures: one batch, and what counted comes first.
    plain = a_city.new_agency()
    await a_city.deliver_at_once(plain, [Message(seq, event) for seq, event in enumerate([*counted, *published], 1)])
    assert a_city.dump(plain) == figures

    # Once more, all of it.
    await a_city.deliver(opd, delivery)
    assert a_city.dump(opd) == figures
    assert a_city.books(opd) == books


def assert_stored(figures: Iterable[tuple[str, str]], counted: Iterable[Event], reference: Reference) -> None:
    """The store holds what the reference works out, and nothing else."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table, text in figures:
        rows.setdefault(table, []).append(json.loads(text))

    assert Counter(_stored_event(row) for row in rows.get("event", ())) == Counter(map(_event, counted))
    assert {_stored_case(row) for row in rows.get("case", ()) if row["opened_at"]} == set(map(_case, reference.cases))
    assert sum((_stored_fact(row) for row in rows.get("contribution", ())), Counter()) == Counter(
        map(_fact, reference.facts)
    )
    cuts: list[tuple[str, Callable[[int], object]]] = [
        ("hour", lambda at: at // HOUR * HOUR),
        ("day", lambda at: local_day(at, reference.zone)),
    ]
    for bucket, cut in cuts:
        n: Counter[tuple[object, ...]] = Counter()
        total: Counter[tuple[object, ...]] = Counter()
        for row in rows.get(f"rollup_{bucket}", ()):
            assert row["n"] > 0, "a sum of nothing is not kept"
            n[_key(row, bucket)] += row["n"]
            total[_key(row, bucket)] += row["total"]
        facts = [((*_place(fact), cut(fact.at)), fact) for fact in reference.facts]
        assert n == Counter(key for key, _ in facts)
        right: Counter[tuple[object, ...]] = Counter()
        for key, fact in facts:
            right[key] += fact.value
        assert total == right

        durations = [(key, fact) for key, fact in facts if fact.role == "duration"]
        within = [{**row, "role": "duration"} for row in rows.get(f"within_{bucket}", ())]
        assert {(*_key(row, bucket), row["limit_us"]): row["n"] for row in within} == Counter(
            (*key, limit)
            for key, fact in durations
            for limit in CATALOGUED[fact.kind, fact.name]
            if fact.value <= limit
        )


def _us(text: str) -> int:
    return microseconds(datetime.fromisoformat(text))


def _key(row: dict[str, Any], bucket: str) -> tuple[object, ...]:
    at = row[bucket] if bucket == "day" else _us(row[bucket])
    return row["kind"], row["role"], row["name"], row["unit"], row["service"], row["channel"], at


def _place(fact: Fact) -> tuple[object, ...]:
    return fact.kind, fact.role, fact.name, fact.unit, fact.service, fact.channel


def _fact(fact: Fact) -> tuple[object, ...]:
    return (*_place(fact), fact.at, fact.case, fact.value)


def _stored_fact(row: dict[str, Any]) -> Counter[tuple[object, ...]]:
    return Counter({(*_key(row, "at"), row["case_id"], row["value"]): row["n"]})


def _event(event: Event) -> tuple[object, ...]:
    # A heartbeat has no series, and so no kind, in the store.
    kind = event.kind if event.case else None
    about = (event.unit, event.service, event.channel, event.case, event.voids)
    return (event.app, event.id, kind, event.state, event.at, *about)


def _stored_event(row: dict[str, Any]) -> tuple[object, ...]:
    about = (row["unit"], row["service"], row["channel"], row["case_id"], row["voids"])
    return (row["app"], row["event_id"], row["kind"], row["state"], _us(row["at"]), *about)


def _case(case: Case) -> tuple[object, ...]:
    last = case.events[-1]
    place = (last.state, last.unit, last.service, last.channel, case.events[0].channel)
    return (case.kind, case.case, case.opened, case.closed, last.at, *place, case.flags, (case.due, case.done))


def _stored_case(row: dict[str, Any]) -> tuple[object, ...]:
    place = (row["state"], row["unit"], row["service"], row["last_channel"], row["channel"])
    closed = None if row["closed_at"] == "infinity" else _us(row["closed_at"])
    times = (_us(row["opened_at"]), closed, _us(row["last_at"]))
    due = tuple(row[name] and _us(row[name]) for name in ("due_at", "due_done_at"))
    return (row["kind"], row["case_id"], *times, *place, tuple(row["flags"]), due)
