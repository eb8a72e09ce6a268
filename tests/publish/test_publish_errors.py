"""Whatever a Grafana, or what stands in its place, answers: one clear line in each language, never the token."""

import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from dashboards.publish import errors
from dashboards.publish.client import GrafanaApi
from dashboards.publish.wanted import DataSource
from services.cli.context import complain
from tests.publish.conftest import DASHBOARDS, publish
from tests.publish.fake_grafana import TOKEN, FakeGrafana, Reply

FOLDER = ("GET", "/folders/warroom")
SAVE = ("POST", "/dashboards/db")
LISTS = ("GET", "/playlists")
MAKE_LIST = ("POST", "/playlists")
PAGE = "<html><body>Welcome</body></html>"

CASES: dict[str, tuple[tuple[str, str], Reply, type[errors.GrafanaError], str, str]] = {
    "401": (
        FOLDER, Reply(401, {"message": f"Invalid API key {TOKEN}"}), errors.TokenRefused,
        "menolak token (401: Invalid API key ***)", "refused the token (401: Invalid API key ***)",
    ),
    "401 of a proxy": (FOLDER, Reply(401, PAGE), errors.TokenRefused, "401: Unauthorized", "401: Unauthorized"),
    "403": (
        SAVE, Reply(403, {"message": "You'll need additional permissions"}), errors.NotAllowed,
        "peran Admin", "does not allow this token dashboard warroom-antrean (403: You'll need additional permissions)",
    ),
    "404 of an API": (SAVE, Reply(404, {"message": "Not found"}), errors.NotFound, "tidak menemukan", "does not find"),
    "404 page": (FOLDER, Reply(404, PAGE), errors.NotGrafana, "bukan API Grafana", "is not Grafana's API"),
    "409": (
        ("POST", "/folders"), Reply(409, {"message": "a folder with the same name exists"}), errors.Conflict,
        "sudah ada yang lain di tempat folder warroom", "stands in the place of folder warroom",
    ),
    "409 of what was read": (
        SAVE, Reply(409, {"message": "Dashboard already exists. Use overwrite flag to update."}),
        errors.ChangedMeanwhile, "jalankan lagi", "was changed by somebody since it was read (409: Dashboard already",
    ),
    "412": (
        SAVE, Reply(412, {"status": "version-mismatch", "message": "changed by someone else"}), errors.ChangedMeanwhile,
        "tidak ditimpa", "was not overwritten",
    ),
    "412 without a status": (SAVE, Reply(412, {"message": "changed"}), errors.ChangedMeanwhile, "412", "412"),
    "412 of a title": (
        SAVE, Reply(412, {"status": "name-exists", "message": "A dashboard of that name exists"}), errors.Conflict,
        "ganti nama", "stands in the place of dashboard warroom-antrean",
    ),
    "400": (
        SAVE, Reply(400, {"message": "Dashboard refresh\n interval is too low"}), errors.Refusal,
        "Dashboard refresh interval is too low", "did not take dashboard warroom-antrean (400: Dashboard refresh",
    ),
    "429": (FOLDER, Reply(429, {"message": "slow down"}), errors.Refusal, "429: slow down", "429: slow down"),
    "500": (FOLDER, Reply(500, {"message": "internal"}), errors.GrafanaFailed, "500: internal", "500: internal"),
    "503 page": (FOLDER, Reply(503, PAGE), errors.GrafanaFailed, "503: Service Unavailable", "failed at folder"),
    "202 empty": (SAVE, Reply(202), errors.EmptyReply, "menjawab kosong", "reply (dashboard warroom-antrean: 202)"),
    "204": (SAVE, Reply(204), errors.EmptyReply, "jalankan lagi", "run this again"),
    "200 page": (FOLDER, Reply(200, PAGE), errors.NotGrafana, "awalannya", "prefix such as /grafana"),
    "broken JSON": (FOLDER, Reply(200, b'{"uid": "warr'), errors.NotGrafana, "bukan API", "is not Grafana's API"),
    "other JSON": (FOLDER, Reply(200, ["warroom"]), errors.NotGrafana, "bukan API", "is not Grafana's API"),
    "401 at playlists": (LISTS, Reply(401, {"message": "expired"}), errors.TokenRefused, "401: expired", "the token"),
    "403 at playlists": (
        MAKE_LIST, Reply(403, {"message": "Access denied"}), errors.NotAllowed,
        "melarang token ini atas playlist Ruang Kendali", "does not allow this token playlist Ruang Kendali (403",
    ),
    "404 at playlists": (
        MAKE_LIST, Reply(404, {"message": "Not found"}), errors.NoPlaylists,
        "tidak menyediakan playlist (404), jadi Ruang Kendali", "offers no playlists (404), so Ruang Kendali was not",
    ),
    "500 at playlists": (
        LISTS, Reply(500, {"message": "Search failed"}), errors.GrafanaFailed, "gagal pada playlist (500", "failed at",
    ),
    "page at playlists": (LISTS, Reply(404, PAGE), errors.NotGrafana, "(playlist)", "(playlist)"),
    "redirect": (
        SAVE, Reply(302, PAGE, location="https://other.example/login?next=1"), errors.Redirected,
        "mengalihkan ke https://other.example/login;", "redirects to https://other.example/login;",
    ),
    "another service's health": (
        ("GET", "/health"), Reply(200, {"status": "UP"}), errors.NotGrafana, "(health)", "(health)",
    ),
}  # fmt: skip


def judge(error: errors.GrafanaError, indonesian: str, english: str) -> None:
    """One line in each language that says this, and no secret."""
    assert indonesian in error.indonesian
    assert english in error.english == str(error) == complain(error)
    for line in (error.indonesian, error.english):
        assert len(line.splitlines()) == 1
        assert TOKEN not in line
        assert "the right one" not in line
        assert ";" in line, "it lacks the next step"


@pytest.mark.parametrize("case", CASES)
def test_each_reply_has_its_line(fake: FakeGrafana, api: GrafanaApi, case: str) -> None:
    (method, path), reply, kind, indonesian, english = CASES[case]
    fake.misbehave(method, path, reply)
    with pytest.raises(kind) as raised:
        publish(api)
    assert type(raised.value) is kind
    judge(raised.value, indonesian, english)
    assert fake.url in str(raised.value)


@pytest.mark.parametrize(
    ("path", "words", "kind", "indonesian", "english"),
    [
        (
            "/datasources/uid/warroom-timescaledb", "Datasource has already been updated by someone else",
            errors.ChangedMeanwhile, "diubah orang lain", "data source warroom-timescaledb at Grafana",
        ),
        (
            "/datasources/uid/warroom-timescaledb", "data source with the same name already exists",
            errors.Conflict, "ganti nama", "stands in the place of data source warroom-timescaledb",
        ),
        (
            "/folders/warroom", "the folder has been changed",
            errors.ChangedMeanwhile, "diubah orang lain", "folder warroom at Grafana",
        ),
        (
            "/playlists/p000000007", "the object has been modified",
            errors.ChangedMeanwhile, "diubah orang lain", "playlist p000000007 at Grafana",
        ),
    ],
)  # fmt: skip
def test_a_conflict_over_what_was_read(
    fake: FakeGrafana,
    api: GrafanaApi,
    path: str,
    words: str,
    kind: type[errors.GrafanaError],
    indonesian: str,
    english: str,
) -> None:
    publish(api)
    fake.folders["warroom"]["title"] = "Lain"
    fake.data_sources["warroom-timescaledb"]["url"] = "elsewhere:5432"
    fake.playlists["p000000007"]["interval"] = "5m"
    fake.misbehave("PUT", path, Reply(409, {"message": words}))
    with pytest.raises(kind) as raised:
        publish(api)
    assert type(raised.value) is kind
    judge(raised.value, indonesian, english)


@pytest.mark.parametrize("request_", [FOLDER, SAVE], ids=["read", "write"])
def test_a_time_out(fake: FakeGrafana, request_: tuple[str, str]) -> None:
    fake.misbehave(*request_, Reply(200, {}, after=0.6), done=True)
    with GrafanaApi(urlsplit(fake.url), TOKEN, timeout=0.3) as api, pytest.raises(errors.TimedOut) as raised:
        publish(api)
    judge(raised.value, "tidak menjawab dalam 0.3 detik", "did not answer within 0.3 seconds")
    fake.behave()
    with GrafanaApi(urlsplit(fake.url), TOKEN) as api:
        publish(api)
        assert set(fake.dashboards) == {dashboard.uid for dashboard in DASHBOARDS}


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = urlsplit(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with GrafanaApi(url, TOKEN) as api, pytest.raises(errors.NotReachable) as raised:
            api.health()
    judge(raised.value, "tidak dapat dihubungi (Connection refused)", "cannot be reached (Connection refused)")


def test_no_such_host() -> None:
    url = urlsplit("https://grafana.invalid")
    with GrafanaApi(url, TOKEN) as api, pytest.raises(errors.NotReachable) as raised:
        api.health()
    judge(raised.value, "Grafana di https://grafana.invalid tidak", "Grafana at https://grafana.invalid cannot")


def test_https_where_only_http_is_spoken(fake: FakeGrafana) -> None:
    url = urlsplit(fake.url)._replace(scheme="https")
    with GrafanaApi(url, TOKEN) as api, pytest.raises(errors.NotTrusted) as raised:
        api.health()
    judge(raised.value, "tidak tepercaya", "cannot be trusted")


def test_a_connection_that_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = urlsplit(f"http://127.0.0.1:{server.getsockname()[1]}")
        with GrafanaApi(url, TOKEN) as api, pytest.raises(errors.NotReachable) as raised:
            api.health()
        thread.join()
    judge(raised.value, "tidak dapat dihubungi", "cannot be reached")


def test_a_wrong_token(fake: FakeGrafana) -> None:
    with GrafanaApi(urlsplit(fake.url), "glsa_expired") as api, pytest.raises(errors.TokenRefused) as raised:
        publish(api)
    judge(raised.value, "Service accounts", "Service accounts")
    assert "glsa_expired" not in str(raised.value)


def test_a_grafana_behind_a_path(start: Callable[..., FakeGrafana]) -> None:
    fake = start(prefix="/kota/grafana")
    with GrafanaApi(urlsplit(f"{fake.url}/"), TOKEN) as api:
        publish(api)
        assert len(fake.dashboards) == len(DASHBOARDS)
        assert api.find_data_source(DataSource.UID) is not None
    without = urlsplit(fake.url)._replace(path="")
    with GrafanaApi(without, TOKEN) as api, pytest.raises(errors.NotGrafana):
        api.health()
