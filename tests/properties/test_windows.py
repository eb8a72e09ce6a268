"""What the wall says of any window, moment and filter, asked as Grafana asks, is what the reference works out."""

from hypothesis import given
from hypothesis import strategies as st

from services import db
from services.aggregator.verify import verify
from tests.databases import Databases
from tests.properties.city import City, of_agency, open_city
from tests.properties.reference import DURATIONS, FOLLOWING, HEALTH, Event, Filter, Reference
from tests.properties.strategies import (
    CHANNELS,
    MINUTE,
    ZONES,
    Message,
    deliveries,
    examples,
    filters,
    limits,
    publications,
    questions,
    windows,
)
from tests.properties.wall import shown


def ask(city: City, reference: Reference, filters: st.SearchStrategy[Filter], data: st.DataObject) -> None:
    """Ask the wall about random windows and moments, and compare."""
    times = sorted({fact.at for fact in reference.facts} | {case.closed for case in reference.cases if case.closed})
    kinds = st.sampled_from(sorted(FOLLOWING))
    for _ in range(6):
        kind, window = data.draw(kinds), data.draw(windows(city.zone, times), "window")
        where = data.draw(filters, "filter")
        assert city.wall.states(kind, window, where) == {
            state: (shown(kind, n), shown(kind, cases))
            for state, (n, cases) in reference.states(kind, window, where).items()
        }
        share = (data.draw(st.sampled_from(sorted(FOLLOWING[kind]))), data.draw(st.sampled_from(CHANNELS)))
        # Its own channel stands in the place of the filter's.
        among = Filter(where.opd, where.unit, where.service)
        right = reference.channel_share(kind, *share, window, among)
        assert city.wall.channel_share(kind, *share, window, among) == tuple(shown(kind, n) for n in right)
        for name in [name for of_kind, name in DURATIONS if of_kind == kind]:
            facts = [fact for fact in reference.facts if (fact.kind, fact.role, fact.name) == (kind, "duration", name)]
            limit = data.draw(limits(sorted({fact.value for fact in facts} - {0})), "limit")
            city.wall.check_duration(reference, kind, name, window, limit, where)
    if ended := [fact for fact in reference.facts if fact.role == "duration" and fact.value]:
        # The limit is met to the microsecond, in a window that may be all edges.
        fact = data.draw(st.sampled_from(ended), "duration")
        minutes = st.integers(1, 70).map(lambda number: number * MINUTE)
        window = (fact.at - data.draw(minutes), fact.at + data.draw(minutes))
        city.wall.check_duration(reference, fact.kind, fact.name, window, fact.value, Filter((fact.opd,)))
    for _ in range(6):
        kind, at = data.draw(kinds), data.draw(questions(city.zone, times), "moment")
        where = data.draw(filters, "filter")
        city.wall.check_open(reference, kind, at, where)
        if kind not in HEALTH:
            city.wall.check_overdue(reference, kind, at, where)
    for name in ("verify", "lead"):
        city.wall.check_net(
            reference, name, data.draw(windows(city.zone, times), "window"), data.draw(filters, "filter")
        )


@examples(30)
@given(data=st.data())
async def test_any_window_and_moment_is_as_the_reference_says(a_city: City, data: st.DataObject) -> None:
    opds = (a_city.new_agency(), a_city.new_agency())
    events: list[Event] = []
    for opd in opds:
        published = data.draw(publications(a_city.zone), opd)
        await a_city.deliver_at_once(opd, [Message(seq, event) for seq, event in enumerate(published, 1)])
        events += of_agency(opd, published)
    # Always these agencies: those of other examples are in the same database.
    ask(a_city, Reference(events, a_city.zone), filters([opds, opds[:1], opds[1:], ()]), data)


@examples(5)
@given(data=st.data())
async def test_without_a_filter_the_whole_city_is_asked(databases: Databases, data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES), "zone")
    database = databases.create(zone)
    try:
        async with open_city(database, zone, agencies=3) as city:
            opds = [city.new_agency() for _ in range(3)]
            events: list[Event] = []
            for opd in opds:
                delivery = data.draw(deliveries(data.draw(publications(zone), opd)))
                await city.deliver(opd, delivery)
                sent = {message.seq: message.event for message in delivery.messages}
                counted = [sent[place.seq] for place in city.books(opd) if place.book == "counted"]
                events += of_agency(opd, counted)
            ask(city, Reference(events, zone), filters([None, None, tuple(opds[:2]), ()]), data)
            # The hub's own proof has nothing to say, commit numbers without a gap included.
            async with db.pool(database.owner_url, size=2, name="verify") as pool:
                assert (await verify(pool)).differences == []
    finally:
        databases.drop(database)
