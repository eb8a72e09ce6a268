"""Sends a file of history as events, marked as history by their subject, along the path of live ones.

Every event is published again, the same bytes, until INBOX confirmed it. An import that was interrupted goes on behind
the last confirmed row; one that was done may be repeated as often as one likes, since the ledger counts an id once.
"""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import nats.errors
import orjson
from nats.aio.client import Client

from opd_schemas import subjects
from services.broker import ConfirmedPublisher
from services.errors import NotImported, NotMigrated, Unreachable
from services.importer.checkpoint import Checkpoint, Skipped, Standing
from services.importer.map import MapFile, load
from services.importer.mapper import Ready
from services.importer.rows import Row, Source, needs_map, open_source

#: Rows between two confirmations; so many events are in flight at most.
_BATCH = 500
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
#: A broker that has just started answers for its streams within this time.
_NO_STREAM_S = 10.0
_USER = "importer"

Message = tuple[str, bytes, str | None]


@dataclass(frozen=True)
class Progress:
    """How far it is: rows, and bytes of the file. `waiting` says why nothing moves, "" while it does."""

    read: int
    sent: int
    skipped: int
    done_bytes: int
    total_bytes: int
    waiting: str = ""


@dataclass(frozen=True)
class Report:
    """What became of the rows, those of an interrupted run before it included: read = sent + skipped.

    `resumed_at` is the line behind which this run went on, None if it began at the first row.
    """

    read: int
    sent: int
    skipped: Mapping[str, Skipped]
    resumed_at: int | None


def checked_map(path: Path, map_path: Path | None) -> MapFile | None:
    """The map of a table, None for CloudEvents; raises `NotImported` or `MapError` if file and map do not fit."""
    if needs_map(path) and map_path is None:
        raise NotImported(path, "is a table; say what its columns mean with --map MAP.yaml")
    if not needs_map(path) and map_path is not None:
        raise NotImported(path, "holds CloudEvents, which need no map; leave --map out")
    return load(map_path) if map_path is not None else None


def check_file(path: Path, map_path: Path | None, *, timezone: str) -> None:
    """Raise what `import_file` would before it says a first word to NATS."""
    with open_source(path, checked_map(path, map_path), ZoneInfo(timezone)) as source:
        next(source.rows(start=0), None)


async def import_file(
    path: Path,
    map_path: Path | None,
    *,
    nats_url: str,
    timezone: str,
    progress_folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    from_start: bool = False,
) -> Report:
    """Import a file of history: a table with its map, or JSON Lines of CloudEvents without one.

    `nats_url` carries the importer's credentials, `timezone` is the city's. `from_start` sends everything, whatever an
    interrupted run has sent before. Returns when INBOX has confirmed every event; waits as long as INBOX is full or
    NATS away. Raises `MapError`, `NotImported`, `NotMigrated` or `Unreachable`; what was confirmed until then stays.
    """
    mapped = checked_map(path, map_path)
    with open_source(path, mapped, ZoneInfo(timezone)) as source:
        facts = (mapped.digest if mapped else b"", timezone.encode(), _place(nats_url).encode())
        checkpoint = Checkpoint.of(progress_folder, path, *facts)
        before = None if from_start else checkpoint.read()
        standing = before or Standing()
        resumed_at = before.line if before else None
        rows = source.rows(start=standing.read)
        # The first row before the first word to NATS: a map that does not fit its file needs no server.
        first = list(itertools.islice(rows, 1))
        async with _connected(nats_url, path) as sender:
            await _send(itertools.chain(first, rows), source, standing, checkpoint, sender, on_progress)
    checkpoint.forget()
    return Report(standing.read, standing.sent, standing.skipped, resumed_at)


async def _send(
    rows: itertools.chain[Row],
    source: Source,
    standing: Standing,
    checkpoint: Checkpoint,
    sender: "_Sender",
    on_progress: Callable[[Progress], None],
) -> None:
    def tell(waiting: str = "") -> None:
        on_progress(
            Progress(standing.read, standing.sent, standing.left_out, source.position, source.size, waiting=waiting)
        )

    tell()
    while batch := list(itertools.islice(rows, _BATCH)):
        ready = [row.outcome for row in batch if isinstance(row.outcome, Ready)]
        await sender.deliver([_message(each) for each in ready], tell)
        for line, outcome in batch:
            if not isinstance(outcome, Ready):
                standing.skip(outcome.reason, line, outcome.example)
        standing.read += len(batch)
        standing.line = batch[-1].line
        standing.sent += len(ready)
        checkpoint.write(standing)
        tell()


def _message(ready: Ready) -> Message:
    event = ready.event
    subject = subjects.publish_subject(opd=event.opd, app=event.app, kind=event.kind, state=event.state, history=True)
    # INBOX takes no message id from publishers: one could swallow another's event.
    return subject, ready.body, None


class _Sender:
    """Publishes until it is confirmed, and waits while that is not possible."""

    def __init__(self, client: Client, path: Path, where: str, denied: list[str]) -> None:
        self._publisher = ConfirmedPublisher(client)
        self._path = path
        self._where = where
        self._denied = denied

    async def open(self) -> None:
        await self._publisher.open()

    async def deliver(self, messages: Sequence[Message], tell: Callable[[str], None]) -> None:
        """Return when all are stored for certain; `tell` hears why it takes longer."""
        left = messages
        pause = _FIRST_PAUSE_S
        streamless_since: float | None = None
        while left:
            try:
                stored = await self._publisher.publish(left)
            except nats.errors.ConnectionClosedError:
                raise Unreachable("NATS", self._where) from None
            except nats.errors.Error:
                # Away, and the client's own buffer is full: nothing of this round is certain.
                stored = [False] * len(left)
            if any(stored):
                pause = _FIRST_PAUSE_S
            left = [message for message, is_stored in zip(left, stored, strict=True) if not is_stored]
            if not left:
                return
            if self._denied:
                raise NotImported(self._path, f"NATS refuses: {self._denied[-1]}. Only the user {_USER} sends history")
            refusal = self._publisher.refusal
            if refusal != b"":
                streamless_since = None
            elif streamless_since is None:
                streamless_since = time.monotonic()
            elif time.monotonic() - streamless_since > _NO_STREAM_S:
                raise NotMigrated(f"The stream {subjects.INBOX}")
            tell(_why(refusal))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _why(refusal: bytes | None) -> str:
    if refusal is None:
        return "NATS does not answer"
    if not refusal:
        return f"the stream {subjects.INBOX} does not answer"
    return f"{subjects.INBOX} refuses for now: {orjson.loads(refusal)['error']['description']}"


@asynccontextmanager
async def _connected(nats_url: str, path: Path) -> AsyncIterator[_Sender]:
    denied: list[str] = []
    strange: list[Exception] = []
    where = _place(nats_url)

    async def note(error: Exception) -> None:
        text = str(error)
        if "permissions violation" in text.lower():
            denied.append(text.removeprefix("nats: "))
        elif "authorization" in text.lower():
            strange.append(error)

    client = Client()
    try:
        await client.connect(
            nats_url,
            name=f"warroom-{_USER}",
            inbox_prefix=f"_INBOX_{_USER}".encode(),
            connect_timeout=3,
            reconnect_time_wait=1,
            max_reconnect_attempts=1,
            error_cb=note,
        )
    except (TimeoutError, OSError, nats.errors.Error):
        if strange:
            raise NotImported(path, f"NATS does not know the user or password of {where}; correct them") from None
        raise Unreachable("NATS", where) from None
    # A server that is not there at the start is an error; one that goes away meanwhile is waited for.
    client.options["max_reconnect_attempts"] = -1
    try:
        sender = _Sender(client, path, where, denied)
        await sender.open()
        yield sender
    finally:
        await client.close()


def _place(nats_url: str) -> str:
    """The address without its password."""
    return re.sub(r"(^|//)[^/@,]*@", r"\1", nats_url)
