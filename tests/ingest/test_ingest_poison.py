"""Bad messages on the running hub: each is quarantined alone with its reason, its neighbours in the same batch are
counted, and personal data is nowhere afterwards.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

import nats.errors
import orjson
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from opd_schemas import subjects
from opd_schemas.event import MAX_EVENT_BYTES
from services import catalogue_store
from services.streams import MAX_MESSAGE_BYTES
from tests.hubs import RunningHub, running_hub
from tests.ingest.town import NIK, PHONE, SUBJECT, body, catalogue

APPLICATIONS = [("dinkes", "simpus"), ("dinkes", "rujukan"), ("dinkes", "gudang"), ("hantu", "simpus")]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub whose broker knows two applications that are not in its catalogue."""
    with running_hub(tmp_path_factory.mktemp("poison"), catalogue(), APPLICATIONS) as running:
        yield running


class Poison(NamedTuple):
    """A message that must be refused with `reason` at `field`."""

    name: str
    content: bytes
    reason: str
    field: str = ""
    subject: str = SUBJECT


def hidden(text: str) -> bytes:
    return "".join(f"\\u{ord(character):04x}" for character in text).encode()


GOOD = body("replaced")
POISONS = (
    Poison("not JSON", b'{"specversion":', "malformed_json"),
    Poison("nothing", b"", "malformed_json"),
    Poison("a list", b"[" + GOOD + b"]", "malformed_json"),
    Poison("NaN", GOOD.replace(b'"1.0"', b"NaN"), "malformed_json"),
    Poison("1e400", body("p", level=0).replace(b": 0", b": 1e400"), "malformed_json"),
    Poison("invalid UTF-8", GOOD.replace(b"K-", b"K\xff"), "malformed_json"),
    Poison("a raw NUL", GOOD.replace(b"K-", b"K\x00"), "malformed_json"),
    Poison("an escaped NUL", GOOD.replace(b"K-", b"K\\u0000"), "invalid_data", "data.case"),
    Poison("half a character", GOOD.replace(b"K-", b"K\\ud800"), "malformed_json"),
    Poison("a field twice", GOOD.replace(b'"id"', b'"id": "other", "id"'), "malformed_json"),
    Poison("300 deep", GOOD[:-1] + b',"x":' + b"[" * 300 + b"]" * 300 + b"}", "malformed_json"),
    Poison("7,000 deep", b"[" * 7_000 + b"]" * 7_000, "malformed_json"),
    Poison("10,000 deep", b"[" * 10_000 + b"]" * 10_000, "too_large"),
    Poison("more than 16 KiB", body("p", note="x" * MAX_EVENT_BYTES), "too_large"),
    Poison("more than 200 KiB", body("p", note="x" * 200 * 1024), "too_large"),
    Poison("no time zone", body("p", time="2026-03-02T08:00:00"), "invalid_envelope", "time"),
    Poison("no case", body("p").replace(b'"case"', b'"kasus"'), "newer_schema", "data.kasus"),
    Poison("another specversion", body("p", specversion="0.3"), "invalid_envelope", "specversion"),
    Poison("a mark of history", body("p", hubhistory=True), "invalid_envelope", "hubhistory"),
    Poison("a newer version", body("p", type="opd.visit.registered.v2"), "newer_schema", "type"),
    Poison("a field that nobody knows", body("p", {"priority": "high"}), "newer_schema", "data.priority"),
    Poison(
        *("an unknown kind", body("p", type="opd.birth.registered.v1"), "unknown_kind", "type"),
        "opd.dinkes.simpus.birth.registered",
    ),
    Poison(
        *("an unknown state", body("p", type="opd.visit.healed.v1"), "unknown_state", "type"),
        "opd.dinkes.simpus.visit.healed",
    ),
    Poison("an unknown unit", body("p", {"unit": "puskesmas-9"}), "unknown_unit", "data.unit"),
    Poison("an unknown service", body("p", {"service": "gigi"}), "unknown_service", "data.service"),
    Poison("an unknown channel", body("p", {"channel": "telepati"}), "invalid_data", "data.channel"),
    Poison(
        *("an unknown application", body("p", source="/opd/dinkes/gudang"), "unknown_app", "source"),
        "opd.dinkes.gudang.visit.registered",
    ),
    Poison(
        *("an unknown agency", body("p", source="/opd/hantu/simpus"), "unknown_opd", "source"),
        "opd.hantu.simpus.visit.registered",
    ),
    Poison("another's name", body("p", source="/opd/dukcapil/simpus"), "subject_mismatch", "source"),
    Poison("a sister's name", body("p", source="/opd/dinkes/rujukan"), "subject_mismatch", "source"),
    Poison("another state", body("p", type="opd.visit.examined.v1"), "subject_mismatch", "type"),
    Poison("a short subject", body("p"), "bad_subject", "", "opd.dinkes.simpus.visit"),
    # Further ahead than a whole run of the tests takes: the event is made when they are collected.
    Poison(
        *("two hours ahead", body("p", time=(datetime.now(UTC) + timedelta(hours=2)).isoformat())),
        *("time_ahead", "time"),
    ),
    Poison("a NIK as case", body("p", {"case": NIK}), "personal_data", "data.case"),
    Poison("a NIK in a case", body("p", {"case": f"K:{NIK}:1"}), "personal_data", "data.case"),
    Poison("a NIK as id", body(NIK), "personal_data", "id"),
    Poison("a NIK in an extension", body("p", note=f"pasien {NIK}"), "personal_data", "note"),
    Poison("a NIK as a number", body("p", note=int(NIK)), "personal_data", "note"),
    Poison("a NIK as a key", body("p", **{NIK: "x"}), "personal_data", "***"),
    Poison("a NIK as a data key", body("p", {NIK: "x"}), "personal_data", "data.***"),
    Poison("a NIK in escapes", GOOD.replace(b"K-", hidden(NIK)), "personal_data", "data.case"),
    Poison("a NIK deep within", body("p", x={"a": [{"b": NIK}]}), "personal_data", "x.a[0].b"),
    Poison("a NIK in groups", body("p", note="737101 420385 0001"), "personal_data", "note"),
    Poison("a NIK in half a JSON", b'{"id":"' + NIK.encode(), "malformed_json"),
    Poison("a NIK in a double field", GOOD.replace(b'"id"', f'"id": "{NIK}", "id"'.encode()), "malformed_json"),
    Poison("a NIK in UTF-16", body(NIK).decode().encode("utf-16"), "malformed_json"),
    Poison("a NIK behind 16 KiB", body("p", note="x" * MAX_EVENT_BYTES + NIK), "too_large"),
    Poison("a telephone number", body("p", note=PHONE), "personal_data", "note"),
    Poison("a name", body("p", nama="Budi Santoso"), "personal_data", "nama"),
)  # fmt: skip


def user_of(subject: str) -> str:
    _, opd, app, *_ = subject.split(".")
    return f"app-{opd}-{app}"


class Sent(NamedTuple):
    """Where each message of the one batch stands in INBOX."""

    good: dict[int, str]
    poisons: dict[int, Poison]


async def publish(js: JetStreamContext, content: bytes, subject: str = SUBJECT) -> int:
    return (await js.publish(subject, content)).seq


@pytest.fixture(scope="module")
async def sent(hub: RunningHub) -> Sent:
    """Every poison with a good event before and behind it, all taken by ingest in one batch, and all settled."""
    hub.stack.stop("ingest")
    good: dict[int, str] = {}
    poisons: dict[int, Poison] = {}
    async with hub.client() as client:
        js = client.jetstream()
        good[await publish(js, body("good"))] = "good"
        for number, poison in enumerate(POISONS):
            poisons[await publish(js, poison.content, poison.subject)] = poison
            good[await publish(js, body(f"good-{number}"))] = f"good-{number}"
    hub.stack.start("ingest")
    await hub.settle()
    return Sent(good, poisons)


def test_each_is_quarantined_alone_with_its_reason(hub: RunningHub, sent: Sent) -> None:
    rows = hub.query("SELECT inbox_seq, reason, field, subject FROM hub.reject ORDER BY inbox_seq")
    expected = [(seq, poison.reason, poison.field, poison.subject) for seq, poison in sent.poisons.items()]
    names = {seq: poison.name for seq, poison in sent.poisons.items()}
    assert [(names.get(row[0]), *row) for row in rows] == [(names[row[0]], *row) for row in expected]


def test_all_their_neighbours_are_counted(hub: RunningHub, sent: Sent) -> None:
    assert dict(hub.query("SELECT inbox_seq, event_id FROM hub.ledger")) == sent.good
    assert hub.query("SELECT count(*) FROM hub.duplicate") == [(0,)]
    assert hub.query(
        "SELECT events, cases FROM wall.states('visit', now() - interval '1 day', now() + interval '1 day')"
    ) == [(len(sent.good), len(sent.good))]


def test_a_detail_is_a_sentence_and_a_payload_is_bounded(hub: RunningHub, sent: Sent) -> None:
    for detail, payload in hub.query("SELECT detail, payload FROM hub.reject"):
        assert len(detail.split()) >= 3
        assert len(payload) <= MAX_EVENT_BYTES


async def contents(js: JetStreamContext, stream: str) -> dict[int, bytes]:
    """All that a stream holds, headers included."""
    state = (await js.stream_info(stream)).state
    found = {}
    for seq in range(state.first_seq, state.last_seq + 1):
        try:
            message = await js.get_msg(stream, seq)
        except NotFoundError:
            continue
        found[seq] = f"{message.subject} {message.headers}".encode() + (message.data or b"")
    return found


def traces() -> list[bytes]:
    """A NIK, a number and a name in every form in which they were sent."""
    texts = [NIK, PHONE, "737101 420385 0001", "Budi"]
    plain = [text.encode() for text in texts]
    return plain + [hidden(text) for text in texts] + [text.encode("utf-16-le") for text in texts]


async def test_personal_data_is_nowhere(hub: RunningHub, sent: Sent) -> None:
    personal = {seq for seq, poison in sent.poisons.items() if any(trace in poison.content for trace in traces())}
    assert len(personal) == sum("NIK" in poison.name or poison.reason == "personal_data" for poison in POISONS)
    async with hub.client() as client:
        js = client.jetstream()
        inbox = await contents(js, subjects.INBOX)
        # What is too large is erased unread.
        large = {seq for seq, poison in sent.poisons.items() if poison.reason == "too_large"}
        assert set(inbox) == (set(sent.good) | set(sent.poisons)) - personal - large
        held = [*inbox.values(), *(await contents(js, subjects.EVENTS)).values()]
        held += (await contents(js, subjects.REJECTS)).values()
    assert len(held) == len(inbox) + len(sent.good) + len(sent.poisons)
    for schema, table in hub.query("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('hub', 'wall')"):
        held += [row.encode() for (row,) in hub.query(f'SELECT t::text FROM "{schema}"."{table}" t')]
    logs = [hub.stack.log(name).read_bytes() for name in ("ingest", "aggregator", "nats", "postgres")]
    assert any(b"catalogue in force" in log for log in logs)
    for trace in traces():
        assert [text for text in [*held, *logs] if trace in text] == []


def test_personal_data_is_not_on_the_broker_s_disk(hub: RunningHub, sent: Sent) -> None:
    blocks = [path.read_bytes() for path in (hub.stack.state / "nats").rglob("*") if path.is_file()]
    assert any(b"puskesmas-1" in block for block in blocks)
    for trace in traces():
        assert not any(trace in block for block in blocks)


async def test_the_same_id_again(hub: RunningHub, sent: Sent) -> None:
    """With the same content it is a duplicate, with another a conflict; the first stays counted."""
    first = body("again", {"case": "K-1"})
    time = json.loads(first)["time"]
    async with hub.client(user_of(SUBJECT), inbox_prefix=b"_INBOX_dinkes_simpus") as client:
        js = client.jetstream()
        counted = await publish(js, first)
        same = await publish(js, body("again", {"case": "K-1"}, time=time, traceparent="00-ab-cd-01"))
        other = await publish(js, body("again", {"case": "K-2"}, time=time))
    await hub.settle()
    where = "WHERE event_id = 'again'"
    assert hub.query(f"SELECT inbox_seq FROM hub.ledger {where}") == [(counted,)]
    assert hub.query(f"SELECT inbox_seq FROM hub.duplicate {where}") == [(same,)]
    assert hub.query(f"SELECT inbox_seq, reason, field FROM hub.reject {where}") == [(other, "conflict", "id")]
    assert hub.query("SELECT case_id FROM hub.event WHERE event_id = 'again'") == [("K-1",)]


async def test_one_application_s_message_ids_swallow_no_other_s_events(hub: RunningHub, sent: Sent) -> None:
    """But for the tenth of a second that the broker cannot do without."""
    for number, app in enumerate(("simpus", "rujukan")):
        await asyncio.sleep(0.2)
        subject = SUBJECT.replace("simpus", app)
        async with hub.client(user_of(subject), inbox_prefix=f"_INBOX_dinkes_{app}".encode()) as client:
            answer = await client.jetstream().publish(
                subject, body(f"id-{number}", source=f"/opd/dinkes/{app}"), headers={"Nats-Msg-Id": "1"}
            )
            assert not answer.duplicate
    await hub.settle()
    assert hub.query("SELECT event_id FROM hub.ledger WHERE event_id LIKE 'id-_' ORDER BY 1") == [("id-0",), ("id-1",)]


async def test_the_broker_itself_refuses_what_is_huge(hub: RunningHub, sent: Sent) -> None:
    async with hub.client() as client:
        js = client.jetstream()
        before = (await js.stream_info(subjects.INBOX)).state.last_seq
        with pytest.raises(APIError, match="message size exceeds maximum allowed"):
            await js.publish(SUBJECT, body("huge", note="x" * MAX_MESSAGE_BYTES))
        assert (await js.stream_info(subjects.INBOX)).state.last_seq == before


async def test_only_the_importer_publishes_history(hub: RunningHub, sent: Sent) -> None:
    subject = SUBJECT.replace("opd.", "import.", 1)
    refused: list[str] = []

    async def note(error: Exception) -> None:
        refused.append(str(error))

    old = body("old", time="2010-10-11T13:45:40.276+02:00")
    for user, prefix in (("app-dinkes-simpus", b"_INBOX_dinkes_simpus"), ("importer", b"_INBOX_importer")):
        async with hub.client(user, inbox_prefix=prefix, error_cb=note) as client:
            try:
                await client.jetstream().publish(subject, old, timeout=2 if user == "importer" else 0.3)
            except nats.errors.TimeoutError:
                refused.append("not confirmed")
    assert refused == [f'nats: permissions violation for publish to "{subject}"', "not confirmed"]
    await hub.settle()
    assert hub.query("SELECT history, count(*) FROM hub.event GROUP BY 1 ORDER BY 1")[1:] == [(True, 1)]
    assert hub.query("SELECT at FROM hub.event WHERE history") == [(datetime(2010, 10, 11, 11, 45, 40, 276000, UTC),)]


async def hinted(hub: RunningHub, client: Client, version: int) -> None:
    """Tell of a new catalogue, and wait until ingest has it."""
    word = f'"version": {version}, "event": "catalogue in force"'
    await client.publish(subjects.CATALOGUE_CHANGED, orjson.dumps({}))
    async with asyncio.timeout(30):
        while word not in hub.stack.log("ingest").read_text():
            await client.flush()


async def test_a_new_catalogue_is_in_force_without_a_restart(hub: RunningHub, sent: Sent) -> None:
    pid = hub.stack.pid("ingest")
    applied = catalogue_store.apply(hub.endpoints.database_url, catalogue("puskesmas-9"))
    async with hub.client() as client:
        await hinted(hub, client, applied.version)
        await publish(client.jetstream(), body("ninth", {"unit": "puskesmas-9"}))
    await hub.settle()
    assert hub.query("SELECT count(*) FROM hub.ledger WHERE event_id = 'ninth'") == [(1,)]
    assert hub.stack.pid("ingest") == pid


async def raw(hub: RunningHub, *lines: bytes) -> None:
    """Speak to the broker as an application that uses no client library; return when it has taken every line."""
    where = urlsplit(hub.endpoints.nats_url_for(user_of(SUBJECT)))
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    login = {"user": where.username, "pass": where.password, "verbose": False, "headers": True}
    writer.write(b"CONNECT " + json.dumps(login).encode() + b"\r\n" + b"".join(lines) + b"PING\r\n")
    async with asyncio.timeout(30):
        while (answer := await reader.readline()) != b"PONG\r\n":
            assert answer.startswith(b"INFO "), answer
    writer.close()
    await writer.wait_closed()


def published(subject: bytes, content: bytes, reply: bytes = b"") -> bytes:
    return b"PUB %s %s %d\r\n%s\r\n" % (subject, reply, len(content), content)


def with_headers(headers: bytes, content: bytes) -> bytes:
    sizes = len(headers), len(headers) + len(content)
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (SUBJECT.encode(), *sizes, headers, content)


async def test_no_subject_and_no_header_stops_the_reading(hub: RunningHub, sent: Sent) -> None:
    """An application may put any bytes there; the messages behind are read by the same process."""
    pids = [hub.stack.pid(name) for name in ("ingest", "aggregator")]
    ((before,),) = hub.query("SELECT coalesce(max(inbox_seq), 0) FROM hub.reject")
    prefix = b"opd.dinkes.simpus.visit."
    bad = [prefix + tail for tail in (b"is\xff", b"\xc3", b"a\x00b", b"a\x0bb", b"a\x0cb")]
    headers = [b"NATS/1.0", b"NATS/1.0\r\n", b"NATS/1.0 \xff\r\n\r\n", b"NATS/1.0\r\n\xff: \xfe\r\n\r\n", b"x" * 12]
    lines = [published(subject, body("raw")) for subject in bad]
    lines += [with_headers(each, body(f"headers-{number}")) for number, each in enumerate(headers)]
    await raw(hub, *lines, published(SUBJECT.encode(), body("behind")))
    await hub.settle()
    rows = hub.query("SELECT reason, subject FROM hub.reject WHERE inbox_seq > %s ORDER BY inbox_seq", before)
    tails = (r"is\xff", r"\xc3", r"a\x00b", "a\x0bb", "a\x0cb")
    assert rows == [("bad_subject", f"opd.dinkes.simpus.visit.{tail}") for tail in tails]
    counted = hub.query("SELECT event_id FROM hub.ledger WHERE event_id ~ '^(headers-|behind)' ORDER BY inbox_seq")
    assert counted == [*((f"headers-{number}",) for number in range(len(headers))), ("behind",)]
    assert [hub.stack.pid(name) for name in ("ingest", "aggregator")] == pids


async def test_a_nul_in_the_name_of_a_field_is_quarantined(hub: RunningHub, sent: Sent) -> None:
    async with hub.client() as client:
        seq = await publish(client.jetstream(), body("nul", {"a\x00b": "c"}))
    await hub.settle()
    assert hub.query("SELECT reason, field FROM hub.reject WHERE inbox_seq = %s", seq) == [
        ("newer_schema", r"data.a\x00b")
    ]


async def test_a_confirmation_sent_to_a_subject_of_events_is_quarantined(hub: RunningHub, sent: Sent) -> None:
    await raw(hub, published(SUBJECT.encode(), body("confirmed"), SUBJECT.encode()))
    await hub.settle()
    ((where,),) = hub.query("SELECT inbox_seq FROM hub.ledger WHERE event_id = 'confirmed'")
    ((reason, detail),) = hub.query("SELECT reason, detail FROM hub.reject WHERE inbox_seq = %s", where + 1)
    assert reason == "invalid_envelope"
    assert "a confirmation that the broker stored here" in detail


async def test_many_large_messages_hold_nothing_up(hub: RunningHub, sent: Sent) -> None:
    pid = hub.stack.pid("ingest")
    ((before,),) = hub.query("SELECT count(*) FROM hub.reject WHERE reason = 'too_large'")
    large = body("large", note="081234567890 1234-5678 " * 10_600)
    async with hub.client() as client:
        js = client.jetstream()
        for _ in range(100):
            await publish(js, large)
        await publish(js, body("behind-large"))
    await hub.settle()
    assert hub.query("SELECT count(*) FROM hub.reject WHERE reason = 'too_large'") == [(before + 100,)]
    assert hub.query("SELECT count(*) FROM hub.ledger WHERE event_id = 'behind-large'") == [(1,)]
    assert hub.stack.pid("ingest") == pid


async def test_the_books_close(hub: RunningHub, sent: Sent) -> None:
    """Every message that INBOX ever took is counted, a duplicate or quarantined, and only one of these."""
    async with hub.client() as client:
        last = (await client.jetstream().stream_info(subjects.INBOX)).state.last_seq
    books = hub.query(
        "SELECT inbox_seq FROM hub.ledger UNION ALL SELECT inbox_seq FROM hub.duplicate"
        " UNION ALL SELECT inbox_seq FROM hub.reject ORDER BY 1"
    )
    assert [seq for (seq,) in books] == list(range(1, last + 1))
