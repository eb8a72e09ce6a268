"""What every command shares: where the hub is, how to reach it, how to print, and how errors become one line."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import nats
import nats.errors
import orjson
import psycopg
import typer
from nats.aio.client import Client
from nats.js.errors import APIError, NotFoundError
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

import opd_sdk.errors
from deploy.local.state import Endpoints, StackError
from services.errors import HubError, Unreachable

T = TypeVar("T")
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
_SPAN = TypeAdapter(timedelta)


class Lang(StrEnum):
    """The language of screens; Bahasa Indonesia unless told otherwise."""

    ID = "id"
    EN = "en"


@dataclass(frozen=True)
class Context:
    """The state folder of the embedded stack, and the language."""

    state: Path
    lang: Lang

    @staticmethod
    def open(
        context: typer.Context,
        state: Annotated[
            Path, typer.Option(envvar="WARROOM_STATE", help="Folder of the embedded stack: data, passwords, logs.")
        ] = Path(".warroom"),
        lang: Annotated[Lang, typer.Option(envvar="WARROOM_LANG", help="Language of screens.")] = Lang.ID,
    ) -> None:
        """Options of every command."""
        context.obj = Context(state, lang)

    def endpoints(self) -> Endpoints:
        """Where broker and database are: the environment's, else those of the embedded stack."""
        nats_url, database_url = os.environ.get("WARROOM_NATS_URL"), os.environ.get("WARROOM_DATABASE_URL")
        if nats_url and database_url:
            return Endpoints(nats_url, database_url, None, {}, {}, {})
        found = Endpoints.read(self.state / "stack.json")
        if found is None:
            raise StackError(f"no hub was started in {self.state}: start it first with: warroom up")
        return found

    def say(self, indonesian: str, english: str) -> str:
        """One text of a screen in the chosen language."""
        return english if self.lang is Lang.EN else indonesian

    def number(self, value: float, decimals: int = 0) -> str:
        """One number as the chosen language writes it."""
        return number(value, self.lang, decimals)


def number(value: float, lang: Lang, decimals: int = 0) -> str:
    """1.234,5 in Indonesian, 1,234.5 in English."""
    text = f"{value:,.{decimals}f}"
    return text if lang is Lang.EN else text.translate({ord(","): ".", ord("."): ","})


@asynccontextmanager
async def nats_connection(endpoints: Endpoints, user: str) -> AsyncIterator[Client]:
    """A short-lived connection as `user`; Unreachable within five seconds if there is none."""
    url = endpoints.nats_url_for(user)

    async def ignore(_: Exception) -> None:
        """What goes wrong while connecting is told by the exception; nats-py would also print it."""

    try:
        client = await nats.connect(
            url, name=f"warroom-{user}", connect_timeout=3, max_reconnect_attempts=1, error_cb=ignore,
            inbox_prefix=f"_INBOX_{user}".encode() if user != "hub-admin" else b"_INBOX",
        )  # fmt: skip
    except (TimeoutError, OSError, nats.errors.Error):
        raise Unreachable("NATS", urlsplit(url).netloc.rpartition("@")[2]) from None
    try:
        yield client
    finally:
        await client.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one command's work."""
    return asyncio.run(work)


def print_json(document: Any) -> None:
    """Plain data for machines, times in ISO 8601."""

    def plain(value: Any) -> Any:
        if isinstance(value, timedelta):
            return value.total_seconds()
        raise TypeError(type(value).__name__)

    print(orjson.dumps(document, default=plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A date (its first minute in the city) or a time, as a person types it."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time; write 2026-11-22 or 2026-11-22T08:15") from None


def span(text: str) -> timedelta:
    """A duration as ISO 8601 (PT15M, P1D) or in seconds."""
    try:
        return _SPAN.validate_python(float(text) if text.replace(".", "", 1).isdigit() else text)
    except (ValidationError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no duration; write PT15M, P1D or a number of seconds") from None


def complain(error: BaseException) -> str | None:
    """One line for an error that a person can mend; None for one that is a bug."""
    if isinstance(error, BaseExceptionGroup):
        return complain(error.exceptions[0])
    if isinstance(error, HubError | StackError | opd_sdk.errors.HubError):
        return str(error)
    if isinstance(error, psycopg.errors.InvalidParameterValue):
        return str(error.diag.message_primary)
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
        return "the database lacks the hub's tables; run: warroom migrate"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "this database role may not do that; give the owner's URL in WARROOM_DATABASE_URL"
    if isinstance(error, psycopg.OperationalError):
        first = (str(error).strip().splitlines() or ["no answer"])[0]
        return f"the database does not answer ({first}); start it with: warroom up"
    if isinstance(error, NotFoundError):
        return "a stream of the hub is missing; run: warroom migrate"
    if isinstance(error, APIError | nats.errors.Error | asyncio.TimeoutError):
        return f"NATS did not do it ({type(error).__name__}); see: warroom status"
    return None
