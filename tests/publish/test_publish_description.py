"""The judge of requests is awake: what Grafana's description does not know is named."""

from typing import Any

import pytest

from tests.publish.description import Description
from tests.publish.fake_grafana import FakeGrafana


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "says"),
    [
        ("POST", "/dashboard/db", {}, {}, "not in Grafana's description"),
        ("PUT", "/folders", {}, {}, "not in Grafana's description"),
        ("POST", "/folders", {}, None, "None is not of type 'object'"),
        ("POST", "/folders", {}, {"uid": 7}, "7 is not of type 'string'"),
        ("POST", "/dashboards/db", {}, {"dashboard": [], "overwrite": False}, "$.dashboard"),
        ("POST", "/dashboards/db", {}, {"dashboard": {}, "folderUID": "warroom"}, "'folderUID' was unexpected"),
        ("GET", "/dashboards/uid/warroom", {}, {}, "takes no body"),
        ("POST", "/playlists", {}, {"name": "War Room", "uid": "warroom"}, "'uid' was unexpected"),
        ("PATCH", "/playlists/p1", {}, {}, "not in Grafana's description"),
        ("GET", "/playlists", {"limit": ["all"]}, None, "no integer"),
        ("GET", "/search", {"folderUids": ["warroom"]}, None, "folderUids is not in the description"),
        ("GET", "/search", {"limit": ["many"]}, None, "no integer"),
        ("GET", "/search", {"type": ["dash"]}, None, "may not be dash"),
        ("GET", "/search", {"limit": ["1", "2"]}, None, "given 2 times"),
    ],
)
def test_requests_that_grafana_does_not_know(
    description: Description, method: str, path: str, query: dict[str, list[str]], body: Any, says: str
) -> None:
    faults = description.request_faults(method, path, query, body)
    assert len(faults) == 1
    assert says in faults[0]


def test_replies_are_judged_too(description: Description) -> None:
    assert description.reply_faults("POST", "/dashboards/db", 200, {"status": "success"}) != []
    assert description.reply_faults("GET", "/folders/x", 404, {"message": "not found"}) == []


def test_a_violation_is_kept_for_the_end_of_the_test(description: Description) -> None:
    with FakeGrafana(description) as fake:
        assert fake.answer("GET", "/api/folderz", None, b"").status == 400
        assert fake.violations == ["GET /folderz: GET /folderz is not in Grafana's description"]
