"""When the wall may be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.preview.freshness import Freshness, Hub, judge

NOW = datetime(2026, 11, 23, 3, 32, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("unanswered", "hub", "gives"),
    [
        (None, Hub(ago(3), None), Freshness()),
        (1, Hub(ago(3), ago(59)), Freshness()),
        (60, Hub(ago(60), ago(60)), Freshness()),
        # Not asked yet, and unable to answer.
        (None, None, Freshness()),
        (None, Hub(), Freshness(None, "silent")),
        (None, Hub(ago(3), ago(61)), Freshness(ago(61), "lag")),
        (1, Hub(ago(300), None), Freshness(ago(300), "silent")),
        (None, Hub(ago(300), ago(400)), Freshness(ago(300), "silent")),
        (61, Hub(ago(300), None), Freshness(ago(61), "unreachable")),
        (61, None, Freshness(ago(61), "unreachable")),
    ],
)
def test_stale_has_a_moment_and_a_reason(unanswered: float | None, hub: Hub | None, gives: Freshness) -> None:
    assert judge(None if unanswered is None else ago(unanswered), hub, NOW) == gives
