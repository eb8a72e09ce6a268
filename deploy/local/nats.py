"""The embedded broker: one nats-server with JetStream on the loopback interface, from its Python wheel."""

import json
import socket
import sysconfig
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.accounts import accounts
from deploy.local.state import Memory, StackError, write_private
from deploy.local.supervise import Program

NAME = "nats"
MONITOR = "nats_monitor"
PORTS = (NAME, MONITOR)

_GIB = 1024**3


def program(folder: Path) -> Program:
    """The server as a program of the supervisor."""
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not server.exists():
        raise StackError(f"nats-server is missing beside {server.parent}/python: run `make setup`")
    return Program(NAME, [str(server), "--config", str(_configuration(folder))], priority=100)


def configure(folder: Path, memory: Memory) -> None:
    """Write the server's configuration (JSON is a form of it; sizes are bytes)."""
    users = [
        {
            "user": account.user,
            "password": memory.password(f"nats/{account.user}"),
            "permissions": {"publish": _only(account.publish), "subscribe": _only(account.subscribe)},
        }
        for account in accounts(memory.applications)
    ]
    configuration = {
        "server_name": "warroom-local",
        "listen": f"127.0.0.1:{memory.ports[NAME]}",
        "http": f"127.0.0.1:{memory.ports[MONITOR]}",
        "max_payload": 1024**2,
        "write_deadline": "10s",
        # sync_interval stays at its default: a power cut may cost the last writes. Production says `always`.
        "jetstream": {"store_dir": str(folder / "data"), "max_file_store": 16 * _GIB},
        "authorization": {"users": users},
    }
    write_private(_configuration(folder), json.dumps(configuration, indent=2))


def _configuration(folder: Path) -> Path:
    return folder / "server.conf"


def _only(subjects: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    # An empty `allow` would allow everything.
    return {"allow": subjects} if subjects else {"deny": (">",)}


def reach(url: str) -> None:
    """Fail clearly if no server of WARROOM_NATS_URL (one, or several with commas) takes a connection."""
    reasons = []
    for server in url.split(","):
        parts = urlsplit(server if "://" in server else f"nats://{server}")
        try:
            socket.create_connection((parts.hostname or "", parts.port or 4222), timeout=5).close()
            return
        except OSError as error:
            reasons.append(f"{parts.hostname}:{parts.port or 4222}: {error}")
    raise StackError(f"no connection to WARROOM_NATS_URL: {', '.join(reasons)}; correct it, or unset it")


def answers(memory: Memory) -> bool:
    """Whether the server is up and JetStream has recovered its streams."""
    try:
        return bool(_monitor(memory, "healthz")["status"] == "ok")
    except OSError:
        return False


def loaded_at(memory: Memory) -> str:
    """When the server last read its configuration; changes with every reload that succeeded."""
    return str(_monitor(memory, "varz")["config_load_time"])


def _monitor(memory: Memory, page: str) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{memory.ports[MONITOR]}/{page}", timeout=5) as answer:
        content: dict[str, object] = json.load(answer)
        return content
