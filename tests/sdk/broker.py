"""A broker for tests that freeze it, kill it and fill it, and its inbox as the hub's administrator sees it."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType

from opd_schemas import subjects

OPD, APP = "dukcapil", "antrean"
TIMEZONE = "Asia/Makassar"


class Broker:
    """One nats-server on a fixed port, with `admin`, `app` (OPD, APP) and some who may do less."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._config = folder / "server.conf"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._users: dict[str, dict[str, Any]] = {
            "admin": {"publish": ">", "subscribe": ">"},
            "app": self.application(OPD, APP),
            "other": self.application(OPD, "lain"),
            "mute": {**self.application(OPD, APP), "publish": {"deny": [">"]}},
            "ticketless": {**self.application(OPD, APP), "publish": {"deny": ["opd.*.*.queue.issued"]}},
        }
        self._folder = folder
        self.write()

    @staticmethod
    def application(opd: str, app: str) -> dict[str, Any]:
        return {
            "publish": {"allow": [subjects.publish_permission(opd=opd, app=app)]},
            "subscribe": {"allow": [f"{subjects.reply_prefix(opd=opd, app=app)}.>"]},
        }

    def write(self, **passwords: str) -> None:
        """The configuration; a user's password is `secret` unless told otherwise."""
        self._config.write_text(
            json.dumps(
                {
                    "listen": f"127.0.0.1:{self.port}",
                    "max_payload": 8192,
                    "jetstream": {"store_dir": str(self._folder / "data")},
                    "authorization": {
                        "users": [
                            {"user": user, "password": passwords.get(user, "secret"), "permissions": permissions}
                            for user, permissions in self._users.items()
                        ]
                    },
                }
            )
        )

    def start(self) -> None:
        server = Path(sysconfig.get_path("scripts")) / "nats-server"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([str(server), "-c", str(self._config)], stdout=log, stderr=log)

    async def answers(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return

    def reload(self) -> None:
        """Read the configuration anew."""
        self._pid(signal.SIGHUP)

    def freeze(self) -> None:
        """Stop the server in its tracks; its connections stay."""
        os.waitid(os.P_PID, self._pid(signal.SIGSTOP), os.WSTOPPED)

    def thaw(self) -> None:
        """Let it go on."""
        self._pid(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, as a machine that dies; also ends a frozen server."""
        if self._process is not None:
            self._pid(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def clear(self) -> None:
        """Forget all streams; the server is not running."""
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def _pid(self, number: signal.Signals) -> int:
        assert self._process is not None
        os.kill(self._process.pid, number)
        return self._process.pid

    def url(self, user: str = "app", password: str = "secret") -> str:  # noqa: S107
        return f"nats://{user}:{password}@127.0.0.1:{self.port}"


class Inbox:
    """The stream as the hub makes it, seen by its administrator."""

    def __init__(self, client: Client, js: JetStreamContext) -> None:
        self.client = client
        self.js = js

    async def create(self, **limits: Any) -> None:
        await self.js.add_stream(
            name=subjects.INBOX,
            subjects=list(subjects.INBOX_SUBJECTS),
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            **limits,
        )

    async def delete(self) -> None:
        await self.js.delete_stream(subjects.INBOX)

    async def messages(self) -> list[tuple[str, bytes, dict[str, str]]]:
        """(subject, body, headers) of all that is stored, in order."""
        state = (await self.js.stream_info(subjects.INBOX)).state
        sequences = range(state.first_seq, state.last_seq + 1) if state.messages else ()
        stored = [await self.js.get_msg(subjects.INBOX, sequence) for sequence in sequences]
        return [(message.subject or "", message.data or b"", message.headers or {}) for message in stored]


@asynccontextmanager
async def administrator(broker: Broker) -> AsyncIterator[Inbox]:
    async def quiet(_: Exception) -> None:
        """The broker is killed on purpose."""

    client = await nats.connect(broker.url("admin"), error_cb=quiet, reconnect_time_wait=1, max_reconnect_attempts=-1)
    try:
        yield Inbox(client, client.jetstream())
    finally:
        await client.close()
