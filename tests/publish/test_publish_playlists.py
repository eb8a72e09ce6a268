"""Playlists: Grafana chooses their uids and keeps no versions, so names tell which is which."""

import pytest

from dashboards.publish import errors
from dashboards.publish.client import GrafanaApi
from dashboards.publish.plan import State, mend, plan
from dashboards.publish.wanted import DataSource
from tests.publish.conftest import DASHBOARDS, PLAYLISTS, SOURCE, playlist, publish, states
from tests.publish.description import Json
from tests.publish.fake_grafana import FakeGrafana, Reply

NAME = "Ruang Kendali"


def uid_of(fake: FakeGrafana, name: str = NAME) -> str:
    """The only one of that name."""
    (uid,) = (uid for uid, there in fake.playlists.items() if there["name"] == name)
    return uid


def items(*uids: str) -> list[Json]:
    """As Grafana keeps them."""
    return [{"type": "dashboard_by_uid", "value": uid} for uid in uids]


def test_a_new_one_is_told_with_the_uid_that_grafana_chose(fake: FakeGrafana, api: GrafanaApi) -> None:
    done = {finding.title: finding for finding in publish(api) if finding.kind == "playlist"}
    assert {name: finding.uid for name, finding in done.items()} == {
        name: uid_of(fake, name) for name in (NAME, "War Room")
    }
    assert fake.playlists[uid_of(fake)] == {
        "name": NAME,
        "interval": "30s",
        "items": items("warroom-antrean", "warroom-izin"),
    }


@pytest.mark.parametrize(
    ("change", "path", "wanted", "found"),
    [
        ({"interval": "5m"}, "interval", "30s", "5m"),
        ({"items": items("warroom-antrean", "x")}, "items[1].value", "warroom-izin", "x"),
        (
            {"items": [*items("warroom-antrean"), {"type": "dashboard_by_tag", "value": "warroom-izin"}]},
            "items[1].type", "dashboard_by_uid", "dashboard_by_tag",
        ),
    ],
)  # fmt: skip
def test_a_change_is_named_and_taken_back(
    fake: FakeGrafana, api: GrafanaApi, change: Json, path: str, wanted: str, found: str
) -> None:
    publish(api)
    uid = uid_of(fake)
    before = fake.playlists[uid]
    fake.playlists[uid] = {**before, **change}
    fake.requests.clear()
    (finding,) = (finding for finding in publish(api) if finding.state is not State.SAME)
    assert (finding.kind, finding.uid, finding.state) == ("playlist", uid, State.OUTDATED)
    assert [(d.path, d.committed, d.found) for d in finding.differences] == [(path, wanted, found)]
    assert fake.writes == [("PUT", f"/playlists/{uid}")]
    assert fake.playlists[uid] == before


def test_the_order_of_items_counts_and_more_or_less_of_them_too(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    uid = uid_of(fake)
    wanted = items("warroom-antrean", "warroom-izin")
    for changed in (wanted[::-1], wanted[:1], [*wanted, *items("x")], []):
        fake.playlists[uid]["items"] = changed
        assert states(publish(api))[f"playlist {NAME}"] is State.OUTDATED
        assert fake.playlists[uid]["items"] == wanted


def test_titles_of_items_are_no_difference(fake: FakeGrafana, api: GrafanaApi) -> None:
    """Older Grafanas keep and give them, newer ones do not; only what is shown counts."""
    publish(api)
    for item in fake.playlists[uid_of(fake)]["items"]:
        item["title"] = "Kept by an older Grafana"
    fake.requests.clear()
    assert set(states(publish(api)).values()) == {State.SAME}
    assert fake.writes == []


def test_of_two_with_one_name_the_nearest_is_ours_and_none_is_deleted(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    ours = uid_of(fake)
    other = {"name": NAME, "interval": "1h", "items": items("somebodys-own")}
    fake.playlists = {"a-first": other, **fake.playlists, "z-last": other}
    fake.requests.clear()
    for state, writes in ((State.SAME, []), (State.OUTDATED, [("PUT", f"/playlists/{ours}")])):
        if state is State.OUTDATED:
            fake.playlists[ours]["interval"] = "1m"
        found = {finding.uid: finding for finding in publish(api) if finding.title == NAME}
        assert {uid: found[uid].state for uid in (ours, "a-first", "z-last")} == {
            ours: state,
            "a-first": State.SURPLUS,
            "z-last": State.SURPLUS,
        }
        assert fake.writes == writes
        assert fake.playlists["a-first"] == fake.playlists["z-last"] == other


def test_a_name_that_only_contains_ours_is_another(fake: FakeGrafana, api: GrafanaApi) -> None:
    theirs: Json = {"name": f"{NAME} Lantai 2", "interval": "1h", "items": []}
    fake.playlists["theirs"] = theirs
    assert states(publish(api))[f"playlist {NAME}"] is State.MISSING
    assert fake.playlists["theirs"] == theirs


def test_a_newer_release_changes_the_one_that_is_there(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    uid = uid_of(fake)
    newer = [playlist(NAME, "warroom-izin"), PLAYLISTS[1]]
    list(mend(list(plan(api, DASHBOARDS, newer, SOURCE))))
    assert fake.playlists[uid]["items"] == items("warroom-izin")
    assert len(fake.playlists) == 2


def test_one_that_is_deleted_between_reading_and_writing(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    uid = uid_of(fake)
    fake.playlists[uid]["interval"] = "1m"
    findings = list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE))
    del fake.playlists[uid]
    with pytest.raises(errors.NotFound, match=f"playlist {uid}"):
        list(mend(findings))
    publish(api)
    assert uid_of(fake) != uid


def test_a_grafana_whose_dashboards_files_keep_gets_the_playlists_only(fake: FakeGrafana, api: GrafanaApi) -> None:
    publish(api)
    fake.playlists.clear()
    fake.data_sources[DataSource.UID]["readOnly"] = True
    for stored in fake.dashboards.values():
        stored.provisioned = True
    fake.requests.clear()
    publish(api, None)
    assert fake.writes == [("POST", "/playlists")] * 2


def test_a_grafana_without_playlists_gets_all_the_rest(fake: FakeGrafana, api: GrafanaApi) -> None:
    for method in ("GET", "POST"):
        fake.misbehave(method, "/playlists", Reply(404, {"message": "Not found"}))
    with pytest.raises(errors.NoPlaylists):
        publish(api)
    assert fake.dashboards.keys() == {dashboard.uid for dashboard in DASHBOARDS}
    found = states(list(plan(api, DASHBOARDS, PLAYLISTS, SOURCE)))
    assert {name for name, state in found.items() if state is State.MISSING} == {
        f"playlist {NAME}",
        "playlist War Room",
    }
