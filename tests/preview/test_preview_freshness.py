"""When the wall may be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.preview.freshness import Freshness, Hub, judge

NOW = datetime(2026, 11, 23, 3, 32, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("refreshed", "hub", "gives"),
    [
        (1, Hub(ago(3), None), Freshness()),
        (1, Hub(ago(3), ago(59)), Freshness()),
        (60, Hub(ago(60), ago(60)), Freshness()),
        (1, None, Freshness()),
        (1, Hub(None, None), Freshness(None, "silent")),
        (1, Hub(ago(3), ago(61)), Freshness(ago(61), "lag")),
        (1, Hub(ago(300), None), Freshness(ago(300), "silent")),
        (1, Hub(ago(300), ago(400)), Freshness(ago(300), "silent")),
        (61, Hub(ago(300), None), Freshness(ago(61), "unreachable")),
        (61, None, Freshness(ago(61), "unreachable")),
    ],
)
def test_stale_has_a_moment_and_a_reason(refreshed: float, hub: Hub | None, gives: Freshness) -> None:
    assert judge(ago(refreshed), hub, NOW) == gives
