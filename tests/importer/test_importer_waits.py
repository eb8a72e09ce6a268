"""The import and a broker in trouble: it waits and says why, sends the same bytes again, and gives up only with a word
that helps.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from deploy.local.stack import Endpoints, Stack
from opd_schemas import subjects
from services import broker
from services.errors import HubError, NotImported, NotMigrated, Unreachable
from services.importer import send
from services.importer.checkpoint import Checkpoint, Skipped, Standing
from services.importer.send import Progress, Report, import_file

ZONE = "Asia/Makassar"
ROWS = 1_700
MAP = """\
kind: visit
opd: dinkes
app: simpus
case: {column: kunjungan}
time: {column: waktu}
state: {column: status, values: {Daftar: registered}}
unit: {value: puskesmas-1}
service: {value: umum}
channel: {value: onsite}
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, endpoints: Endpoints) -> Iterator[Stack]:
    """A broker of its own, which these tests stop and fill."""
    stack = Stack(tmp_path_factory.mktemp("waits"), {"WARROOM_DATABASE_URL": endpoints.database_url})
    try:
        stack.up(applications=[("dinkes", "simpus")])
        yield stack
    finally:
        stack.down()


def url(stack: Stack, user: str = "importer") -> str:
    endpoints = stack.endpoints()
    assert endpoints is not None
    return endpoints.nats_url_for(user)


class Inbox:
    """The stream, which a test makes as small as it likes."""

    def __init__(self, js: JetStreamContext) -> None:
        self.js = js

    async def set(self, max_msgs: int) -> None:
        config = StreamConfig(name=subjects.INBOX, subjects=list(subjects.INBOX_SUBJECTS), max_msgs=max_msgs)
        config.discard = "new"  # type: ignore[assignment]
        await (self.js.update_stream if await self.exists() else self.js.add_stream)(config)

    async def exists(self) -> bool:
        return subjects.INBOX in [info.config.name for info in await self.js.streams_info()]

    async def bodies(self) -> list[bytes]:
        """All that is stored; nothing of it carries a message id."""
        last = (await self.js.stream_info(subjects.INBOX)).state.last_seq
        stored = [await self.js.get_msg(subjects.INBOX, seq) for seq in range(1, last + 1)]
        assert all(not message.headers for message in stored)
        assert all((message.subject or "") == "import.dinkes.simpus.visit.registered" for message in stored)
        return [message.data or b"" for message in stored]


@pytest.fixture
async def inbox(servers: Stack) -> AsyncIterator[Inbox]:
    async def quiet(_: Exception) -> None:
        """The broker is stopped on purpose."""

    client = await nats.connect(
        url(servers, "hub-admin"), error_cb=quiet, reconnect_time_wait=0.2, max_reconnect_attempts=-1
    )
    inbox = Inbox(client.jetstream())
    yield inbox
    if await inbox.exists():
        await inbox.js.delete_stream(subjects.INBOX)
    await client.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not answer is known sooner."""
    monkeypatch.setattr(broker, "_CONFIRM_S", 0.5)
    monkeypatch.setattr(send, "_NO_STREAM_S", 0.5)


class Visits:
    """A file of visits and its map."""

    def __init__(self, folder: Path) -> None:
        self.file, self.map, self.kept = folder / "visits.csv", folder / "map.yaml", folder / "kept"
        self.file.write_text(
            "kunjungan,waktu,status\n"
            + "".join(f"K-{n},2026-03-02T08:00:00Z,{'Daftar' if n % 17 else 'Batal'}\n" for n in range(ROWS))
        )
        self.map.write_text(MAP)
        self.events = sum(n % 17 != 0 for n in range(ROWS))
        self.heard: list[Progress] = []
        self.waited = asyncio.Event()

    def hear(self, progress: Progress) -> None:
        self.heard.append(progress)
        if progress.waiting:
            self.waited.set()

    async def send(self, nats_url: str) -> Report:
        return await import_file(
            self.file,
            self.map,
            nats_url=nats_url,
            timezone=ZONE,
            progress_folder=self.kept,
            on_progress=self.hear,
        )


@pytest.fixture
def visits(tmp_path: Path) -> Visits:
    return Visits(tmp_path)


async def test_a_full_inbox_is_waited_for(servers: Stack, inbox: Inbox, visits: Visits) -> None:
    await inbox.set(max_msgs=700)
    importing = asyncio.create_task(visits.send(url(servers)))
    await asyncio.wait_for(visits.waited.wait(), 30)
    await inbox.set(max_msgs=-1)
    report = await importing
    assert (report.read, report.sent) == (ROWS, visits.events)
    assert report.skipped == {"unmapped_state": Skipped(ROWS - visits.events, 2, "Batal")}
    assert {p.waiting for p in visits.heard} == {"", "INBOX refuses for now: maximum messages exceeded"}
    # What was confirmed is not sent again, what was refused is.
    bodies = await inbox.bodies()
    assert len(bodies) == len(set(bodies)) == visits.events


async def test_a_broker_that_is_away_is_waited_for(
    servers: Stack, inbox: Inbox, visits: Visits, impatient: None
) -> None:
    await inbox.set(max_msgs=-1)
    away = False

    def hear(progress: Progress) -> None:
        nonlocal away
        visits.heard.append(progress)
        if progress.read == 1_000 and not away:
            servers.stop("nats")
            away = True
        elif progress.waiting:
            servers.start("nats")

    report = await import_file(
        visits.file, visits.map, nats_url=url(servers), timezone=ZONE, progress_folder=visits.kept, on_progress=hear
    )
    assert (report.read, report.sent) == (ROWS, visits.events)
    assert "NATS does not answer" in {p.waiting for p in visits.heard}
    # The same bytes again: whatever came twice is the same event.
    assert len(set(await inbox.bodies())) == visits.events


async def test_without_the_stream(servers: Stack, inbox: Inbox, visits: Visits, impatient: None) -> None:
    with pytest.raises(NotMigrated, match="The stream INBOX is missing; run: warroom migrate"):
        await visits.send(url(servers))
    assert {p.waiting for p in visits.heard} == {"", "the stream INBOX does not answer"}


@pytest.mark.parametrize("user", ["viewer", "app-dinkes-simpus", "ingest"])
async def test_only_the_importer_sends_history(
    servers: Stack, inbox: Inbox, visits: Visits, impatient: None, user: str
) -> None:
    await inbox.set(max_msgs=-1)
    with pytest.raises(NotImported, match=r'NATS refuses: permissions violation for publish to "import\.dinkes'):
        await visits.send(url(servers, user))
    assert await inbox.bodies() == []


async def test_a_wrong_password(servers: Stack, visits: Visits) -> None:
    with pytest.raises(NotImported, match="NATS does not know the user or password") as raised:
        await visits.send(url(servers).replace("importer:", "importer:secret"))
    assert "secret" not in str(raised.value)


async def test_a_broker_that_does_not_answer(visits: Visits) -> None:
    with pytest.raises(Unreachable, match=r"NATS at nats://127\.0\.0\.1:1 does not answer"):
        await visits.send("nats://importer:secret@127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "with_map", "message"),
    [("visits.csv", False, "say what its columns mean with --map"), ("visits.jsonl", True, "which need no map")],
)
async def test_a_map_belongs_to_tables(visits: Visits, name: str, with_map: bool, message: str) -> None:
    with pytest.raises(HubError, match=message):
        await import_file(
            visits.file.with_name(name),
            visits.map if with_map else None,
            nats_url="nats://127.0.0.1:1",
            timezone=ZONE,
            progress_folder=visits.kept,
        )


async def test_a_file_that_does_not_fit_needs_no_broker(visits: Visits) -> None:
    visits.map.write_text(MAP.replace("waktu", "jam"))
    with pytest.raises(HubError, match=r'time\.column: names the column "jam"'):
        await visits.send("nats://127.0.0.1:1")


def test_a_checkpoint_belongs_to_its_file_map_city_and_server(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("a")
    other.write_text("b")
    standing = Standing(read=3, line=4, sent=1, skipped={"bad_time": Skipped(2, 2, "x")})
    Checkpoint.of(tmp_path / "kept", one, b"map", b"city").write(standing)
    assert Checkpoint.of(tmp_path / "kept", one, b"map", b"city").read() == standing
    assert Checkpoint.of(tmp_path / "kept", other, b"map", b"city").read() is None
    assert Checkpoint.of(tmp_path / "kept", one, b"ma", b"pcity").read() is None
    other.write_text("a")
    moved = Checkpoint.of(tmp_path / "kept", other, b"map", b"city")
    assert moved.read() == standing
    moved.forget()
    moved.forget()
    assert moved.read() is None
