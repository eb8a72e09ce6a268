"""The books: every message that INBOX accepted was counted, repeated one that was, or stands in quarantine."""

from dataclasses import asdict, dataclass

from nats.js import JetStreamContext
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from opd_schemas import subjects
from services.broker import created_us
from services.db import load
from services.micros import from_us

SQL = load(__file__)


@dataclass(frozen=True)
class Books:
    """Per INBOX message: `accepted` = `counted` + `duplicates` + `quarantined`, each message in exactly one.

    `found` distinct messages have a place, `in_two_places` of them more than one, which must not be.
    """

    accepted: int
    counted: int
    duplicates: int
    quarantined: int
    found: int
    in_two_places: int

    @property
    def close(self) -> bool:
        """Whether nothing is missing and nothing is in two places."""
        return (
            self.accepted == self.counted + self.duplicates + self.quarantined == self.found and self.in_two_places == 0
        )

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "close": self.close}


async def read_books(js: JetStreamContext, connection: AsyncConnection[TupleRow], *, after: int = 0) -> Books:
    """The books of the present INBOX since its message number `after`.

    They close only once the flow has stopped and everything is committed.
    """
    info = await js.stream_info(subjects.INBOX)
    last_seq = info.state.last_seq
    parameters = {"created": from_us(created_us(info)), "last_seq": last_seq, "after": after}
    row = await (await connection.execute(SQL["books"], parameters)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always gives a row
    return Books(last_seq - after, *row)
