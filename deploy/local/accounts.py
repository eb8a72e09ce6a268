"""Who may say what on NATS: the one table of users and of the subjects each may use, and no subject more.

Each user has its own reply inbox `_INBOX_<user>`, so that none can read another's replies.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.local.state import StackError
from opd_schemas import subjects
from opd_schemas.subjects import AGGREGATOR_DURABLE, EVENTS, INBOX, INGEST_DURABLE, REJECTS

ADMIN = "hub-admin"


@dataclass(frozen=True)
class Account:
    """A NATS user with the subjects it may publish and subscribe to; an empty tuple is none at all."""

    user: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def accounts(applications: Iterable[tuple[str, str]]) -> list[Account]:
    """The hub's own users and one for each (opd, app)."""
    table = [*_HUB, *(_application(opd, app) for opd, app in applications)]
    users = [account.user for account in table]
    for user in users:
        if users.count(user) > 1:
            raise StackError(f"two applications would share the NATS user {user}: give one of them another code")
    return table


def application_user(opd: str, app: str) -> str:
    """The NATS user of one application."""
    return f"app-{opd}-{app}"


def _application(opd: str, app: str) -> Account:
    return Account(
        application_user(opd, app),
        publish=(subjects.publish_permission(opd=opd, app=app),),
        subscribe=(f"{subjects.reply_prefix(opd=opd, app=app)}.>",),
    )


def _stream(action: str, *streams: str) -> tuple[str, ...]:
    return tuple(f"$JS.API.STREAM.{action}.{stream}" for stream in streams)


def _lag(stream: str, durable: str) -> str:
    return f"$JS.API.CONSUMER.INFO.{stream}.{durable}"


def _pull(stream: str, durable: str) -> tuple[str, ...]:
    """Fetch from a durable that exists, watch its lag, and acknowledge; none of them creates or changes it."""
    return (
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
        _lag(stream, durable),
        # nats-server 2.15 sends this form; the longer one, with domain and account, is not on by default.
        f"$JS.ACK.{stream}.{durable}.>",
    )


_HUB = (
    Account(ADMIN, publish=(">",), subscribe=(">",)),
    Account(
        "ingest",
        publish=(
            *subjects.EVENTS_SUBJECTS,
            *subjects.REJECTS_SUBJECTS,
            *_pull(INBOX, INGEST_DURABLE),
            *_stream("INFO", INBOX),
            *_stream("MSG.DELETE", INBOX),  # personal data that a raw publisher sent is erased from the stream itself
        ),
        subscribe=("_INBOX_ingest.>", subjects.CATALOGUE_CHANGED),
    ),
    Account(
        "aggregator",
        publish=(
            subjects.KPI_CHANGED,
            *_pull(EVENTS, AGGREGATOR_DURABLE),
            *_pull(REJECTS, AGGREGATOR_DURABLE),
            _lag(INBOX, INGEST_DURABLE),
            *_stream("INFO", INBOX, EVENTS, REJECTS),
            *_stream("MSG.GET", INBOX, EVENTS),  # how long the oldest that is not counted has been waiting
            *_stream("PURGE", INBOX, EVENTS, REJECTS),  # only it knows what is committed
        ),
        subscribe=("_INBOX_aggregator.>",),
    ),
    Account("importer", publish=(f"{subjects.HISTORY_PREFIX}.>",), subscribe=("_INBOX_importer.>",)),
    Account("viewer", publish=(), subscribe=(subjects.KPI_CHANGED, "_INBOX_viewer.>")),
)
