"""The quarantine at work: look at refused events, and send them again once the catalogue or the payload is mended.

A replay is a new message on the same subject and goes the way of every event, so it can never count twice.
"""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from nats.aio.client import Client
from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from opd_schemas import privacy, subjects
from opd_schemas.event import parse
from opd_schemas.refusal import Refusal
from services.db import load
from services.errors import CannotReplay, UnknownReject

SQL = load(__file__)


@dataclass(frozen=True)
class RejectLine:
    """One refused event in a list; `inbox_seq` is the number by which it is called."""

    inbox_created: datetime
    inbox_seq: int
    received_at: datetime
    reason: str
    field: str
    opd: str | None
    app: str | None
    event_id: str | None
    standing: str


@dataclass(frozen=True)
class Reject(RejectLine):
    """One refused event in full; the payload is masked."""

    detail: str
    subject: str
    payload: str
    replayed_at: datetime | None
    replay_seq: int | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def find(
    connection: AsyncConnection[TupleRow], *, reason: str | None, opd: str | None, everything: bool, limit: int
) -> list[RejectLine]:
    """The newest refused events; only open ones unless `everything`."""
    parameters = {"reason": reason, "opd": opd, "everything": everything, "limit": limit}
    async with connection.cursor(row_factory=class_row(RejectLine)) as cursor:
        return await (await cursor.execute(SQL["rejects"], parameters)).fetchall()


async def show(connection: AsyncConnection[TupleRow], seq: int, *, created: datetime | None = None) -> Reject:
    """One refused event of the INBOX created at `created`, else the newest of that number; raises UnknownReject."""
    async with connection.cursor(row_factory=class_row(Reject)) as cursor:
        found = await (await cursor.execute(SQL["reject"], {"seq": seq, "created": created})).fetchone()
    if found is None:
        raise UnknownReject(seq)
    return found


async def open_ones(
    connection: AsyncConnection[TupleRow], *, reason: str | None, opd: str | None
) -> list[tuple[datetime, int]]:
    """(INBOX created, number) of all open rejects that a replay could help (a conflict cannot: its id was counted)."""
    rows = await connection.execute(SQL["open_rejects"], {"reason": reason, "opd": opd})
    return [(created, seq) async for created, seq in rows]


async def replay(
    client: Client,
    connection: AsyncConnection[TupleRow],
    seq: int,
    *,
    created: datetime | None = None,
    mended: bytes | None = None,
) -> int:
    """Send a refused event again, with `mended` as its payload where given; returns its new INBOX number.

    `created` as for `show`. Raises UnknownReject, or CannotReplay with the reason: masked, not JSON, still wrong, of an
    unknown sender or in another's name, or done already.
    """
    reject = await show(connection, seq, created=created)
    if reject.standing != "open":
        raise CannotReplay(seq, f"it is {reject.standing} already")
    body = mended if mended is not None else reject.payload.encode()
    if mended is None and privacy.MASK in reject.payload:
        raise CannotReplay(seq, "its payload is masked; give the mended event with --payload FILE")
    try:
        event = parse(body)
    except Refusal as refusal:
        raise CannotReplay(
            seq, f"its payload is still refused: {refusal}; give a mended one with --payload FILE"
        ) from None
    history, opd, app = _sender(reject)
    if (event.opd, event.app) != (opd, app):
        raise CannotReplay(seq, f"{opd}/{app} sent it, and its source names {event.opd}/{event.app}; mend its source")
    subject = subjects.publish_subject(opd=opd, app=app, kind=event.kind, state=event.state, history=history)
    ack = await client.jetstream().publish(subject, body.strip(), timeout=5, stream=subjects.INBOX)
    await connection.execute(SQL["mark_replayed"], (ack.seq, reject.inbox_created, reject.inbox_seq))
    await connection.commit()
    return ack.seq


def _sender(reject: Reject) -> tuple[bool, str, str]:
    """Whether it was history, and the (opd, app) that published it: the broker vouches for its subject only.

    What the payload says of its sender proves nothing; by it an application could speak as another agency.
    """
    prefix, opd, app = ([*reject.subject.split("."), "", ""])[:3]
    code = re.compile(subjects.CODE_PATTERN)
    if not (code.match(opd) and code.match(app)):
        raise CannotReplay(reject.inbox_seq, "its sender is unknown; ask the application to send it again")
    return prefix == subjects.HISTORY_PREFIX, opd, app


def pretty(payload: str) -> str:
    """A payload as a person reads it: indented JSON, or as it is."""
    try:
        return orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return payload
