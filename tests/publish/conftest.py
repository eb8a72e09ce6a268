"""A fake Grafana per test, and small dashboards to publish to it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from dashboards.publish.client import GrafanaApi
from dashboards.publish.plan import Finding, State, connect, mend, plan
from dashboards.publish.wanted import Dashboard, DataSource, Playlist
from tests.publish.description import FILE, Description, Json
from tests.publish.fake_grafana import TOKEN, FakeGrafana

SOURCE = DataSource.of(urlsplit("postgresql://db.kota.example/warroom"), "the right one")


@pytest.fixture(scope="session")
def description() -> Description:
    """Grafana's description of its API, or a clear word that it is not here."""
    if not FILE.exists():
        why = f"Grafana's API description is not there: put {FILE.name} into {FILE.parent}"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return Description()


@pytest.fixture
def start(description: Description) -> Iterator[Callable[..., FakeGrafana]]:
    """`start(prefix="/grafana")` starts a Grafana; a request against its description fails the test."""
    with ExitStack() as running:
        started: list[FakeGrafana] = []

        def begin(prefix: str = "") -> FakeGrafana:
            started.append(running.enter_context(FakeGrafana(description, prefix)))
            return started[-1]

        yield begin
        assert [fault for grafana in started for fault in grafana.violations] == []


@pytest.fixture
def fake(start: Callable[..., FakeGrafana]) -> FakeGrafana:
    """An empty Grafana."""
    return start()


@pytest.fixture
def api(fake: FakeGrafana) -> Iterator[GrafanaApi]:
    """The adapter to it."""
    with GrafanaApi(urlsplit(fake.url), TOKEN, timeout=5) as api:
        yield api


def dashboard(uid: str, title: str, *, folder: str = "warroom") -> Dashboard:
    """A small one, with two panels, two variables, and transformations."""
    source = {"type": DataSource.TYPE, "uid": DataSource.UID}
    content: Json = {
        "id": 4711,  # of the Grafana that it was once exported from
        "uid": uid,
        "title": title,
        "tags": ["warroom"],
        "schemaVersion": 42,
        "timezone": "Asia/Jakarta",
        "refresh": "10s",
        "panels": [
            {
                "id": n,
                "type": "stat",
                "title": f"Panel {n}",
                "datasource": source,
                "gridPos": {"h": 8, "w": 12, "x": 12 * (n - 1), "y": 0},
                "targets": [{"refId": "A", "rawSql": "SELECT waiting FROM wall.open('queue')", "datasource": source}],
            }
            for n in (1, 2)
        ],
        "templating": {
            "list": [
                {"name": "opd", "type": "query", "query": "SELECT opd FROM wall.agency"},
                {"name": "unit", "type": "query", "query": "SELECT unit FROM wall.unit WHERE opd = ${opd:sqlstring}"},
            ]
        },
    }
    content["panels"][0]["transformations"] = [
        {"id": "filterByValue", "options": {"type": "include", "match": "all"}},
        {"id": "organize", "options": {"renameByName": {"waiting": "Menunggu"}}},
    ]
    return Dashboard(uid, title, folder, content)


DASHBOARDS = [
    dashboard("warroom-antrean", "Antrean"),
    dashboard("warroom-izin", "Perizinan"),
    dashboard("warroom-en-queue", "Queues", folder="warroom-en"),
]


def playlist(name: str, *uids: str) -> Playlist:
    """One with the titles that a newer Grafana drops."""
    items = [
        {"type": "dashboard_by_uid", "value": uid, "order": order, "title": uid.title()}
        for order, uid in enumerate(uids, start=1)
    ]
    return Playlist(name, {"name": name, "interval": "30s", "items": items})


PLAYLISTS = [playlist("Ruang Kendali", "warroom-antrean", "warroom-izin"), playlist("War Room", "warroom-en-queue")]


def publish(api: GrafanaApi, source: DataSource | None = SOURCE) -> list[Finding]:
    """What the command does."""
    api.health()
    done = list(mend(list(plan(api, DASHBOARDS, PLAYLISTS, source))))
    connect(api)
    return done


def states(findings: list[Finding]) -> dict[str, State]:
    """By uid; playlists by kind and title, for their uids are Grafana's own."""
    return {f"playlist {f.title}" if f.kind == "playlist" else f.uid: f.state for f in findings}
