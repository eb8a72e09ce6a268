"""What is committed: all of it goes into a Grafana, and the SDK's own models read each dashboard back."""

import json
from pathlib import Path

import orjson
import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.publish import errors
from dashboards.publish.client import GrafanaApi
from dashboards.publish.compare import dashboard_differences
from dashboards.publish.plan import State, mend, plan
from dashboards.publish.wanted import COMMITTED, FOLDERS, committed, committed_playlists
from tests.publish.conftest import SOURCE
from tests.publish.fake_grafana import FakeGrafana

FILES = sorted(COMMITTED.glob("*/*.json"))


def test_all_of_them_twice(fake: FakeGrafana, api: GrafanaApi) -> None:
    wanted, playlists = committed(), committed_playlists()
    assert {dashboard.folder for dashboard in wanted} == {folder.uid for folder in FOLDERS}
    assert len(wanted) == len(FILES)
    assert {finding.state for finding in mend(list(plan(api, wanted, playlists, SOURCE)))} == {State.MISSING}
    assert fake.dashboards.keys() == {dashboard.uid for dashboard in wanted}
    assert {playlist["name"] for playlist in fake.playlists.values()} == {"Ruang Kendali", "War Room"}
    shown = {item["value"] for playlist in fake.playlists.values() for item in playlist["items"]}
    assert shown <= fake.dashboards.keys()
    for dashboard in wanted:
        fake.edit(dashboard.uid, lambda content: None)
    fake.requests.clear()
    assert {finding.state for finding in mend(list(plan(api, wanted, playlists, SOURCE)))} == {State.SAME}
    assert fake.writes == []


def test_they_use_the_published_data_source_only() -> None:
    for dashboard in committed():
        text = orjson.dumps(dashboard.content).decode()
        assert '"grafana-postgresql-datasource"' in text
        assert '"type":"postgres"' not in text


# The SDK prefers the second form of dashboards, which Grafana's classic API does not take.
@pytest.mark.filterwarnings("ignore:Prefer using dashboardv2:DeprecationWarning")
@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_sdk_reads_each_back(file: Path) -> None:
    from grafana_foundation_sdk.models.dashboard import Dashboard

    plugins.register_default_plugins()
    content = orjson.loads(file.read_bytes())
    read = Dashboard.from_json(content)
    for link in read.links or []:
        link.placement = None  # type: ignore[assignment]  # the SDK adds one to every link that it reads
    assert dashboard_differences(content, json.loads(json.dumps(read, cls=JSONEncoder))) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "no JSON"),
        ("[]", "None is no uid"),
        ('{"title": "x", "tags": ["warroom"]}', "None is no uid"),
        ('{"uid": "a b", "title": "x", "tags": ["warroom"]}', "'a b' is no uid"),
        (f'{{"uid": "{"u" * 41}", "title": "x", "tags": ["warroom"]}}', "is no uid"),
        ('{"uid": "a", "tags": ["warroom"]}', "no title"),
        ('{"uid": "a", "title": "x"}', "lacks the tag warroom"),
        ('{"uid": "twice", "title": "x", "tags": ["warroom"]}', "it has the uid of"),
    ],
)
def test_files_that_cannot_be_published(tmp_path: Path, content: str, says: str) -> None:
    for language in ("id", "en"):
        (tmp_path / language).mkdir()
        (tmp_path / language / "a.json").write_text(
            '{"uid": "twice", "title": "x", "tags": ["warroom"]}' if language == "id" else content
        )
    with pytest.raises(errors.BrokenDashboard, match=says):
        committed(tmp_path)


def test_no_dashboards_at_all(tmp_path: Path) -> None:
    with pytest.raises(errors.BrokenDashboard, match="there is no dashboard here"):
        committed(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "the file is not there"),
        ("{", "no JSON"),
        ("[]", "it has no name"),
        ('{"items": [{"type": "dashboard_by_uid", "value": "a"}]}', "it has no name"),
        ('{"name": "War Room", "items": []}', "it has no items"),
    ],
)
def test_playlists_that_cannot_be_published(tmp_path: Path, content: str | None, says: str) -> None:
    (tmp_path / "playlist-id.json").write_bytes((COMMITTED / "playlist-id.json").read_bytes())
    if content is not None:
        (tmp_path / "playlist-en.json").write_text(content)
    with pytest.raises(errors.BrokenDashboard, match=rf"playlist-en\.json: {says}"):
        committed_playlists(tmp_path)
