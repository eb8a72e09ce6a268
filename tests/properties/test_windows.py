"""What the wall says of any window, moment and filter, asked as Grafana asks, is what the reference works out."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services import db
from services.aggregator.verify import verify
from tests.databases import Databases
from tests.properties.city import City, of_agency, open_city
from tests.properties.reference import DURATIONS, FOLLOWING, Event, Filter, Reference
from tests.properties.strategies import (
    CHANNELS,
    LIMITS,
    SERVICES,
    UNITS,
    ZONES,
    Message,
    deliveries,
    moments,
    publications,
    some,
    windows,
)


def ask(city: City, reference: Reference, opds: st.SearchStrategy[tuple[str, ...] | None], data: st.DataObject) -> None:
    """Ask the wall about random windows and moments, and compare."""
    filters = st.builds(Filter, opds, some(UNITS), some(SERVICES), some(CHANNELS))
    for _ in range(4):
        window, where = data.draw(windows(city.zone), "window"), data.draw(filters, "filter")
        for kind, states in FOLLOWING.items():
            assert city.wall.states(kind, window, where) == reference.states(kind, window, where)
            share = (data.draw(st.sampled_from(sorted(states))), data.draw(st.sampled_from(CHANNELS)))
            # Its own channel stands in the place of the filter's.
            among = Filter(where.opd, where.unit, where.service)
            assert city.wall.channel_share(kind, *share, window, among) == reference.channel_share(
                kind, *share, window, among
            )
        for kind, name in data.draw(st.sets(st.sampled_from(sorted(DURATIONS)), min_size=1, max_size=3), "durations"):
            # A limit of the catalogue, another one, or one that is met to the microsecond.
            met = {
                fact.value for fact in reference.facts if (fact.kind, fact.role, fact.name) == (kind, "duration", name)
            }
            limit = data.draw(st.sampled_from([*LIMITS, *sorted(met)]), "limit")
            city.wall.check_duration(reference, kind, name, window, limit, where)
    for _ in range(3):
        at, where = data.draw(moments(city.zone), "moment"), data.draw(filters, "filter")
        for kind in FOLLOWING:
            city.wall.check_open(reference, kind, at, where)


@settings(
    max_examples=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
async def test_any_window_and_moment_is_as_the_reference_says(a_city: City, data: st.DataObject) -> None:
    opds = (a_city.new_agency(), a_city.new_agency())
    events: list[Event] = []
    for opd in opds:
        published = data.draw(publications(a_city.zone), opd)
        await a_city.deliver_at_once(opd, [Message(seq, event) for seq, event in enumerate(published, 1)])
        events += of_agency(opd, published)
    # Always these agencies: those of other examples are in the same database.
    chosen = st.lists(st.sampled_from(opds), unique=True).map(tuple)
    ask(a_city, Reference(events, a_city.zone), chosen, data)


@settings(
    max_examples=5,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
async def test_without_a_filter_the_whole_city_is_asked(databases: Databases, data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES), "zone")
    database = databases.create(zone)
    try:
        async with open_city(database, zone) as city:
            opds = [city.new_agency() for _ in range(3)]
            events: list[Event] = []
            for opd in opds:
                delivery = data.draw(deliveries(data.draw(publications(zone), opd)))
                await city.deliver(opd, delivery)
                sent = {message.seq: message.event for message in delivery.messages}
                counted = [sent[place.seq] for place in city.books(opd) if place.book == "counted"]
                events += of_agency(opd, counted)
            ask(city, Reference(events, zone), some(opds), data)
            # The hub's own proof has nothing to say, commit numbers without a gap included.
            async with db.pool(database.owner_url, size=2, name="verify") as pool:
                assert (await verify(pool)).differences == []
    finally:
        databases.drop(database)
