"""What must be true once the flow has stopped: every message has its one place, and figures are what was published.

The figures are worked out again from the published bytes by the reference of the property tests, which shares no code
with the hub; the sums are compared with the stored contributions by `verify`.
"""

from collections import Counter, defaultdict

from nats.js import JetStreamContext
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from opd_schemas import subjects
from opd_schemas.event import Event, parse
from opd_schemas.refusal import Reason
from services import db
from services.aggregator.verify import verify
from services.micros import to_us
from services.operator.books import Books, read_books
from tests.faults.load import Sent
from tests.properties import reference

_PLACES = """
SELECT inbox_seq, 'counted' FROM hub.ledger
UNION ALL SELECT inbox_seq, 'duplicate' FROM hub.duplicate
UNION ALL SELECT inbox_seq, reason FROM hub.reject_state WHERE NOT same_message
"""
_FACTS = """
SELECT s.kind, m.role, m.name, x.at, s.opd, s.unit, s.service, s.channel, x.value, c.case_id
FROM hub.contribution x JOIN hub.cases c USING (case_no) JOIN hub.series s ON s.series_id = x.series_id
JOIN hub.measure m USING (measure_id) WHERE m.role = ANY (ARRAY['state', 'duration', 'negative'])
"""
#: What follows from a lifecycle alone; the rest needs the calendars of this city, and `verify` recomputes it.
_PLAIN = {"state", "duration", "negative"}


async def check(js: JetStreamContext, database_url: str, timezone: str, confirmed: dict[int, Sent]) -> Books:
    """Assert all of it for a hub at rest whose INBOX got only what `confirmed` tells (and unconfirmed copies)."""
    async with db.pool(database_url, size=3, name="books") as pool:
        async with pool.connection() as connection:
            books = await read_books(js, connection)
            assert books.close, books
            places: dict[int, str] = dict(await _rows(connection, _PLACES))
            facts = Counter(await _rows(connection, _FACTS))
        verdict = await verify(pool)
    assert not verdict.differences, "\n".join(map(str, verdict.differences[:20]))
    assert places.keys() == set(range(1, books.accepted + 1))
    assert books.accepted >= len(confirmed)

    for seq, sent in confirmed.items():
        # One that ought to count may repeat an id: then it is a duplicate, or a conflict where its content differs.
        allowed = {sent.reason} if sent.reason else {"counted", "duplicate", Reason.CONFLICT}
        assert places[seq] in allowed, f"{seq}: {places[seq]}, not {allowed}: {sent!s:.400}"
    counted = [seq for seq, place in places.items() if place == "counted"]
    events = [parse(confirmed[seq].body if seq in confirmed else await _stored(js, seq)) for seq in sorted(counted)]
    identities = {(event.opd, event.app, event.id) for event in events}
    assert len(identities) == len(events), "an id was counted twice"
    for sent in confirmed.values():
        if sent.event is not None:
            assert (sent.event.opd, sent.event.app, sent.event.id) in identities, f"never counted: {sent.event}"
    expected = _facts(events, timezone)
    assert facts == expected, (
        f"surplus {list((facts - expected).items())[:5]}, lacks {list((expected - facts).items())[:5]}"
    )
    return books


async def _rows(connection: AsyncConnection[TupleRow], statement: str) -> list[TupleRow]:
    return await (await connection.execute(statement.encode())).fetchall()


async def _stored(js: JetStreamContext, seq: int) -> bytes:
    """A copy whose confirmation was lost: only INBOX knows it."""
    message = await js.get_msg(subjects.INBOX, seq)
    assert message.data is not None
    return message.data


def _facts(events: list[Event], timezone: str) -> Counter[TupleRow]:
    cases: dict[tuple[str, str, str], list[reference.Event]] = defaultdict(list)
    for event in events:
        if event.case is not None:
            app, event_id, kind, state, at = event.app, event.id, event.kind, event.state, to_us(event.time)
            unit, service, channel = event.unit, event.service, event.channel
            cases[event.opd, kind, event.case].append(
                reference.Event(
                    app, event_id, kind, state, at, unit, service, channel, event.case, event.voids, event.opd
                )
            )
    return Counter(
        (f.kind, f.role, f.name, reference.moment(f.at), f.opd, f.unit, f.service, f.channel, f.value, f.case)
        for published in cases.values()
        for f in reference.Reference(published, timezone).facts
        if f.role in _PLAIN
    )
