"""Publishing twice changes nothing the second time, whatever happened to the first."""

import copy
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashboards.publish import errors
from dashboards.publish.client import GrafanaApi
from dashboards.publish.plan import MESSAGE, State, mend, plan
from dashboards.publish.wanted import DataSource
from tests.publish.conftest import DASHBOARDS, PLAYLISTS, SOURCE, publish, states
from tests.publish.description import Json
from tests.publish.fake_grafana import FakeGrafana, Reply

EVERYTHING = {
    "warroom", "warroom-en", "warroom-timescaledb", "warroom-antrean", "warroom-izin", "warroom-en-queue",
    "playlist Ruang Kendali", "playlist War Room",
}  # fmt: skip
SAME = dict.fromkeys(EVERYTHING, State.SAME)


def test_the_first_run_makes_everything_the_second_nothing(fake: FakeGrafana, api: GrafanaApi) -> None:
    assert states(publish(api)) == dict.fromkeys(EVERYTHING, State.MISSING)
    assert {uid: folder["title"] for uid, folder in fake.folders.items()} == {
        "warroom": "Ruang Kendali",
        "warroom-en": "War Room",
    }
    assert {uid: stored.folder for uid, stored in fake.dashboards.items()} == {d.uid: d.folder for d in DASHBOARDS}
    assert fake.dashboards["warroom-antrean"].content["panels"] == DASHBOARDS[0].content["panels"]
    assert fake.dashboards["warroom-antrean"].saves[0]["message"] == MESSAGE
    before = copy.deepcopy((fake.folders, fake.data_sources, fake.dashboards, fake.playlists))
    fake.requests.clear()
    assert states(publish(api)) == SAME
    assert fake.writes == []
    assert (fake.folders, fake.data_sources, fake.dashboards, fake.playlists) == before


def test_the_data_source_is_the_database_as_its_reader(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    there = fake.data_sources["warroom-timescaledb"]
    assert (there["type"], there["url"], there["user"]) == (
        "grafana-postgresql-datasource",
        "db.kota.example:5432",
        "grafana_reader",
    )
    # Grafana's own default would be a hundred connections, and the role may have twenty.
    pool = {"postgresVersion": 1700, "maxOpenConns": 15, "maxIdleConns": 10, "connMaxLifetime": 14400}
    assert there["jsonData"] == {"database": "warroom", "sslmode": "require", "timescaledb": True, **pool}
    assert fake.passwords == {"warroom-timescaledb": "the right one"}


def test_addresses_of_databases() -> None:
    found = DataSource.of(urlsplit("postgresql://city%20reader@[::1]:6432/hub?sslmode=disable"), None)
    assert (found.address, found.user, found.database, found.sslmode) == ("[::1]:6432", "city reader", "hub", "disable")
    assert "hush" not in repr(replace(found, password="hush"))


@pytest.mark.parametrize("carried_out", [False, True])
@pytest.mark.parametrize("write", range(8))
def test_a_run_that_broke_off_is_finished_by_the_next(
    fake: FakeGrafana, api: GrafanaApi, write: int, carried_out: bool
) -> None:
    """At any of the eight writes, before it was carried out or with its reply lost."""
    paths = ["/folders"] * 2 + ["/datasources"] + ["/dashboards/db"] * 3 + ["/playlists"] * 2
    run = mend(list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE)))
    for _ in range(write):
        next(run)
    fake.misbehave("POST", paths[write], Reply(502, "<html>bad gateway</html>"), times=1, done=carried_out)
    with pytest.raises(errors.GrafanaFailed):
        next(run)
    fake.requests.clear()
    publish(api)
    assert len(fake.writes) == 8 - write - carried_out
    fake.requests.clear()
    assert states(publish(api)) == SAME
    assert fake.writes == []


def test_what_the_browser_adds_by_itself_is_no_change(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.edit("warroom-antrean", lambda content: None)
    assert fake.dashboards["warroom-antrean"].content != DASHBOARDS[0].content
    fake.requests.clear()
    assert states(publish(api)) == SAME
    assert fake.writes == []


def test_a_change_by_hand_is_known_as_such_and_replaced(fake: FakeGrafana, api: GrafanaApi) -> None:
    def retitle(content: Json) -> None:
        content["panels"][1]["title"] = "Ubahan"

    publish(api)
    fake.edit("warroom-antrean", retitle, by="budi")
    fake.requests.clear()
    found = {finding.uid: finding for finding in publish(api)}
    assert (found["warroom-antrean"].state, found["warroom-antrean"].by) == (State.HAND_MADE, "budi")
    assert [(d.path, d.committed, d.found) for d in found["warroom-antrean"].differences] == [
        ("panels[id=2].title", "Panel 2", "Ubahan")
    ]
    assert fake.writes == [("POST", "/dashboards/db")]
    assert fake.dashboards["warroom-antrean"].content["panels"][1]["title"] == "Panel 2"
    assert states(publish(api)) == SAME


def test_a_newer_release_is_no_change_by_hand(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    for refresh in ("1m", "2m"):
        newer = replace(DASHBOARDS[0], content={**DASHBOARDS[0].content, "refresh": refresh})
        findings = list(mend(list(plan(api, [newer, *DASHBOARDS[1:]], PLAYLISTS, SOURCE))))
        assert states(findings) == {**SAME, "warroom-antrean": State.OUTDATED}
        assert fake.dashboards["warroom-antrean"].content["refresh"] == refresh


def test_a_change_whose_save_is_not_to_be_found_is_nobodys(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.edit("warroom-izin", lambda content: content.update(title="Ubahan"))
    fake.misbehave("GET", "/dashboards/uid/warroom-izin/versions/2", Reply(404, {"message": "version not found"}))
    found = {finding.uid: finding for finding in publish(api)}
    assert (found["warroom-izin"].state, found["warroom-izin"].by) == (State.HAND_MADE, "")
    assert states(publish(api)) == SAME


def test_another_order_is_taken_back(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.edit("warroom-antrean", lambda content: content["templating"]["list"].reverse())
    fake.edit("warroom-izin", lambda content: content["panels"][0]["transformations"].reverse())
    assert states(publish(api)) == {**SAME, "warroom-antrean": State.HAND_MADE, "warroom-izin": State.HAND_MADE}
    for there in DASHBOARDS[:2]:
        assert fake.dashboards[there.uid].content["templating"] == there.content["templating"]
        assert fake.dashboards[there.uid].content["panels"] == there.content["panels"]
    assert states(publish(api)) == SAME


def test_who_saves_between_reading_and_writing_is_not_overwritten(fake: FakeGrafana, api: GrafanaApi) -> None:
    def retitle(content: Json) -> None:
        content["title"] = "Punya Siti"

    publish(api)
    fake.edit("warroom-izin", retitle)
    findings = list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE))
    fake.edit("warroom-izin", lambda content: content.update(title="Punya Siti, lebih baru"))
    with pytest.raises(errors.ChangedMeanwhile, match=r"dashboard warroom-izin at Grafana .* was changed by somebody"):
        list(mend(findings))
    assert fake.dashboards["warroom-izin"].content["title"] == "Punya Siti, lebih baru"
    # The same for one that somebody makes under the uid of a new one.
    del fake.dashboards["warroom-antrean"]
    findings = list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE))
    publish(api)
    with pytest.raises(errors.ChangedMeanwhile):
        list(mend(findings))


def test_moved_and_renamed_things_come_back(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.folders["warroom"]["title"] = "Lain"
    fake.dashboards["warroom-en-queue"].folder = "warroom"
    found = states(publish(api))
    assert found == {**SAME, "warroom": State.OUTDATED, "warroom-en-queue": State.OUTDATED}
    assert fake.folders["warroom"]["title"] == "Ruang Kendali"
    assert fake.dashboards["warroom-en-queue"].folder == "warroom-en"
    assert states(publish(api)) == SAME


def test_what_files_keep_is_not_written_and_stops_all_writes(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.dashboards["warroom-izin"].provisioned = True
    assert states(publish(api)) == SAME
    fake.edit("warroom-antrean", lambda content: content.update(title="Ubahan"))
    fake.edit("warroom-izin", lambda content: content.update(title="Ubahan"))
    fake.requests.clear()
    with pytest.raises(errors.Provisioned, match="dashboard warroom-izin"):
        publish(api)
    assert fake.writes == []


def test_a_surplus_dashboard_is_left_alone(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    old = fake.dashboards["warroom-antrean"]
    fake.dashboards["warroom-old"] = replace(old, id=99, content={**old.content, "uid": "warroom-old", "title": "Lama"})
    assert states(publish(api)) == {**SAME, "warroom-old": State.SURPLUS}
    assert "warroom-old" in fake.dashboards


def test_a_new_password_is_set_and_the_operators_settings_stay(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.data_sources["warroom-timescaledb"]["jsonData"]["maxOpenConns"] = 5
    fake.data_sources["warroom-timescaledb"]["isDefault"] = True
    fake.database_password = "another"
    with pytest.raises(errors.DataSourceSilent, match="password authentication failed"):
        publish(api, replace(SOURCE, password=None))
    found = {finding.uid: finding for finding in publish(api, replace(SOURCE, password="another"))}
    (difference,) = found["warroom-timescaledb"].differences
    assert (found["warroom-timescaledb"].state, difference.path) == (State.OUTDATED, "secureJsonData.password")
    assert "password authentication failed" in difference.found
    assert fake.passwords["warroom-timescaledb"] == "another"
    assert states(publish(api, replace(SOURCE, password="another"))) == SAME
    moved = replace(SOURCE, password=None, address="db2.kota.example:5432")
    assert states(publish(api, moved))["warroom-timescaledb"] is State.OUTDATED
    assert fake.data_sources["warroom-timescaledb"]["url"] == "db2.kota.example:5432"
    assert fake.data_sources["warroom-timescaledb"]["jsonData"]["maxOpenConns"] == 5
    assert fake.data_sources["warroom-timescaledb"]["isDefault"] is True
    assert fake.passwords["warroom-timescaledb"] == "another"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, {"message": "dial tcp 10.0.0.7:5432: connect: connection refused", "status": "ERROR"}),
        Reply(502, "<html>bad gateway</html>"),
    ],
)
def test_a_database_that_is_away_does_not_have_its_password_set_again(
    fake: FakeGrafana, api: GrafanaApi, reply: Reply
) -> None:
    publish(api)
    fake.edit("warroom-izin", lambda content: content.update(title="Ubahan"))
    fake.misbehave("GET", "/datasources/uid/.*/health", reply)
    fake.requests.clear()
    for _ in range(2):
        with pytest.raises((errors.DataSourceSilent, errors.GrafanaFailed)):
            publish(api)
    assert fake.writes == [("POST", "/dashboards/db")]
    assert states(list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE))) == SAME


def test_without_a_database_the_data_source_must_be_there(fake: FakeGrafana, api: GrafanaApi) -> None:
    with pytest.raises(errors.DataSourceMissing, match="--database-url"):
        publish(api, None)
    assert fake.writes == []
    with pytest.raises(errors.PasswordMissing, match="WARROOM_GRAFANA_DB_PASSWORD"):
        publish(api, replace(SOURCE, password=None))
    publish(api)
    fake.passwords.clear()
    assert states(list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE))) == {**SAME, "warroom-timescaledb": State.OUTDATED}
    with pytest.raises(errors.PasswordMissing):
        publish(api, replace(SOURCE, password=None))
    publish(api)
    fake.data_sources["warroom-timescaledb"]["url"] = "elsewhere:5432"
    assert states(publish(api, None)) == SAME
    assert fake.data_sources["warroom-timescaledb"]["url"] == "elsewhere:5432"


@pytest.mark.parametrize(
    ("there", "error", "says"),
    [
        ({"type": "prometheus"}, errors.DataSourceOtherType, "of type prometheus"),
        ({"readOnly": True, "url": "elsewhere:5432"}, errors.Provisioned, "data source warroom-timescaledb"),
    ],
)
def test_a_data_source_that_is_not_ours_to_change(
    fake: FakeGrafana, api: GrafanaApi, there: dict[str, Any], error: type[errors.GrafanaError], says: str
) -> None:
    publish(api)
    fake.data_sources["warroom-timescaledb"].update(there)
    fake.requests.clear()
    with pytest.raises(error, match=says):
        publish(api)
    assert fake.writes == []
