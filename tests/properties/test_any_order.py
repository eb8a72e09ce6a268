"""Whatever the order, repetition, split and worker: the same figures, and those that the reference works out."""

import json
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.city import City, of_agency
from tests.properties.reference import Reference, local_day, moment
from tests.properties.strategies import Message, deliveries, publications

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    print_blob=True,
    # One database serves all examples; each example has an agency of its own in it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(data=st.data())
async def test_any_order_gives_the_same_figures(a_city: City, data: st.DataObject) -> None:
    published = data.draw(publications(a_city.zone), "published")
    delivery = data.draw(deliveries(published), "delivery")

    opd = a_city.new_agency()
    await a_city.deliver(opd, delivery)
    figures, books = a_city.dump(opd), a_city.books(opd)

    sent = {message.seq: message for message in delivery.messages}
    assert [place.seq for place in books] == sorted(sent), "each message stands in one book, once"
    winners = {(place.app, place.event_id): place for place in books if place.book == "counted"}
    for place in books:
        winner = winners[place.app, place.event_id]
        if place != winner:
            same = sent[place.seq].event == sent[winner.seq].event
            assert (place.book, place.reason) == (("duplicate", None) if same else ("reject", "conflict"))
            assert place.commit_no >= winner.commit_no

    reference = Reference(of_agency(opd, (sent[place.seq].event for place in winners.values())), a_city.zone)
    assert_stored(figures, reference)

    plain = a_city.new_agency()
    rest = [message for message in delivery.messages if message.seq not in {w.seq for w in winners.values()}]
    first = [sent[place.seq] for place in winners.values()]
    await a_city.deliver_at_once(plain, [Message(seq, m.event) for seq, m in enumerate([*first, *rest], 1)])
    assert a_city.dump(plain) == figures

    await a_city.deliver(opd, delivery)
    assert a_city.dump(opd) == figures
    assert a_city.books(opd) == books


def assert_stored(figures: list[tuple[str, str]], reference: Reference) -> None:
    """The tables hold what the reference works out."""
    stored: dict[str, Counter[tuple[object, ...]]] = {}
    for table, row in figures:
        stored.setdefault(table, Counter())
