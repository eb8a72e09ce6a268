"""What a Grafana should have: two folders, one data source, and the committed dashboards and playlists."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import SplitResult, parse_qs, unquote

import orjson

from dashboards.publish.errors import BrokenDashboard
from dashboards.publish.grafana import Json

#: Generated from the definitions and committed, one folder a language.
COMMITTED = Path(__file__).parents[1] / "json"
#: On every dashboard of ours; what else carries it in our folders is left over from an earlier release.
TAG = "warroom"
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Folder:
    """One folder a language, so that a screen shows one language only."""

    language: str
    uid: str
    title: str


FOLDERS = (Folder("id", "warroom", "Ruang Kendali"), Folder("en", "warroom-en", "War Room"))


@dataclass(frozen=True)
class Dashboard:
    """One committed dashboard."""

    uid: str
    title: str
    folder: str
    content: Json


@dataclass(frozen=True)
class Playlist:
    """The dashboards of one language in turn; Grafana chooses its uid, so the name tells which it is."""

    name: str
    content: Json


@dataclass(frozen=True)
class DataSource:
    """The hub's database as Grafana reaches it, as a role that reads schema `wall` only."""

    UID = "warroom-timescaledb"
    TYPE = "grafana-postgresql-datasource"
    NAME = "War Room TimescaleDB"
    #: Of a new one, as deploy/grafana provisions it; afterwards they are the operator's. The role may have twenty
    #: connections: a busy wall waits in Grafana and not at the database's door.
    FIRST: ClassVar[Json] = {"postgresVersion": 1700, "maxOpenConns": 15, "maxIdleConns": 10, "connMaxLifetime": 14400}

    address: str
    database: str
    user: str
    sslmode: str
    password: str | None = field(repr=False)

    @classmethod
    def of(cls, url: SplitResult, password: str | None) -> "DataSource":
        """From `postgresql://HOST[:PORT]/DATABASE[?sslmode=...]`; without a role it is grafana_reader."""
        host = f"[{url.hostname}]" if url.hostname and ":" in url.hostname else url.hostname
        return cls(
            address=f"{host}:{url.port or 5432}",
            database=unquote(url.path.strip("/")),
            user=unquote(url.username or "grafana_reader"),
            # Grafana knows no 'prefer': it encrypts unless it is told not to.
            sslmode=parse_qs(url.query).get("sslmode", ["require"])[0],
            password=password,
        )

    def settings(self) -> Json:
        """What Grafana tells of it again when asked; the password it never tells."""
        return {
            "name": self.NAME,
            "type": self.TYPE,
            "access": "proxy",
            "url": self.address,
            "user": self.user,
            "jsonData": {"database": self.database, "sslmode": self.sslmode, "timescaledb": True},
        }


def committed(root: Path = COMMITTED) -> list[Dashboard]:
    """The dashboards of all languages, in order of folder and file."""
    found: dict[str, Path] = {}
    wanted = []
    for folder in FOLDERS:
        files = sorted((root / folder.language).glob("*.json"))
        if not files:
            raise BrokenDashboard(root / folder.language, "tidak ada dashboard di sini", "there is no dashboard here")
        for file in files:
            dashboard = _read(file, folder)
            if dashboard.uid in found:
                other = found[dashboard.uid]
                raise BrokenDashboard(file, f"uid-nya sama dengan {other}", f"it has the uid of {other}")
            found[dashboard.uid] = file
            wanted.append(dashboard)
    return wanted


def committed_playlists(root: Path = COMMITTED) -> list[Playlist]:
    """One a language."""
    return [_read_playlist(root / f"playlist-{folder.language}.json") for folder in FOLDERS]


def _read_playlist(file: Path) -> Playlist:
    content = _json(file)
    name = content.get("name")
    if not isinstance(name, str) or not name:
        raise BrokenDashboard(file, "namanya tidak ada", "it has no name")
    if not content.get("items"):
        raise BrokenDashboard(file, "isinya tidak ada", "it has no items")
    return Playlist(name, content)


def _read(file: Path, folder: Folder) -> Dashboard:
    content = _json(file)
    uid, title = content.get("uid"), content.get("title")
    # Without its uid each run would add one more dashboard.
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise BrokenDashboard(file, f"uid {uid!r} tidak sah", f"{uid!r} is no uid")
    if not isinstance(title, str) or not title:
        raise BrokenDashboard(file, "judulnya tidak ada", "it has no title")
    if TAG not in content.get("tags", []):
        raise BrokenDashboard(file, f"tag {TAG} tidak ada", f"it lacks the tag {TAG}")
    return Dashboard(uid, title, folder.uid, content)


def _json(file: Path) -> Json:
    try:
        content = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        raise BrokenDashboard(file, "berkasnya tidak ada", "the file is not there") from None
    except orjson.JSONDecodeError as error:
        raise BrokenDashboard(file, f"bukan JSON ({error})", f"no JSON ({error})") from None
    return content if isinstance(content, dict) else {}
