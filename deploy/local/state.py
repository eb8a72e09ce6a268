"""What the stack remembers between runs: its passwords, its ports, and where a client finds each part."""

import json
import os
import random
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

#: Below the kernel's own range of outgoing ports, so that a kept port is still free at the next start.
_PORTS = range(20_000, 32_000)


class StackError(Exception):
    """One line for a person: what failed, where, and the next step."""


@dataclass(frozen=True)
class Endpoints:
    """Where a client finds the broker and the database; kept in `stack.json` (mode 0600), for it holds passwords."""

    nats_url: str
    database_url: str
    superuser_url: str | None
    nats_users: Mapping[str, str]
    database_roles: Mapping[str, str]
    ports: Mapping[str, int]

    def nats_url_for(self, user: str) -> str:
        """The broker's URL as `user`; a broker that is not ours has one identity, that of its own URL."""
        return _signed(self.nats_url, user, self.nats_users)

    def database_url_for(self, role: str, database: str | None = None) -> str:
        """The database's URL as `role`; a database that is not ours has one identity, that of its own URL."""
        url = _signed(self.database_url, role, self.database_roles)
        return url if database is None else urlsplit(url)._replace(path=f"/{database}").geturl()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The endpoints last written to `path`; None where no stack was ever started."""
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def write(self, path: Path) -> None:
        """Keep the endpoints for clients of this user."""
        write_private(path, json.dumps(asdict(self), indent=2))


def _signed(url: str, user: str, passwords: Mapping[str, str]) -> str:
    if not passwords:
        return url
    if user not in passwords:
        raise StackError(f"{user} is not a user of this stack; known: {', '.join(sorted(passwords))}")
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{passwords[user]}@{address}").geturl()


@dataclass
class Memory:
    """The stack's own secrets and choices, which outlive every run; `memory.json` (mode 0600)."""

    path: Path
    passwords: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    applications: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What was kept in `path`, or nothing yet."""
        if not path.exists():
            return cls(path)
        kept = json.loads(path.read_text())
        kept["applications"] = [(opd, app) for opd, app in kept["applications"]]
        return cls(path, **kept)

    def write(self) -> None:
        """Keep everything for the next run."""
        kept = asdict(self)
        del kept["path"]
        write_private(self.path, json.dumps(kept, indent=2))

    def password(self, user: str) -> str:
        """The kept password of `user`; at first sight a random one, kept before anyone uses it."""
        if user not in self.passwords:
            self.passwords[user] = secrets.token_hex(24)
            self.write()
        return self.passwords[user]

    def choose_ports(self, names: Iterable[str]) -> None:
        """Give each a port: that of the last time if it is still free, else another."""
        deadline = time.monotonic() + 1  # what held it may have been killed a moment ago
        for name in names:
            while name in self.ports and not _is_free(self.ports[name]) and time.monotonic() < deadline:
                time.sleep(0.02)
            if name not in self.ports or not _is_free(self.ports[name]):
                others = set(self.ports.values())
                candidates = random.sample(_PORTS, len(_PORTS))
                self.ports[name] = next(port for port in candidates if port not in others and _is_free(port))
        self.write()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections that linger from the last run do not make a port busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_private(path: Path, text: str) -> None:
    """Replace `path` as a whole, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
