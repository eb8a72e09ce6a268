"""A server that is away fills no log."""

from structlog.testing import capture_logs

from dashboards.preview.outage import Outage


def test_an_outage_is_told_when_it_begins_and_when_it_ends() -> None:
    broker = Outage("the broker")
    with capture_logs() as told:
        broker.is_over()
        for _ in range(3):
            broker.goes_on(OSError())
        for _ in range(2):
            broker.is_over()
        broker.goes_on(TimeoutError())
    assert [(line["event"], line.get("error")) for line in told] == [
        ("the broker does not answer; start it with: warroom up", "OSError"),
        ("the broker answers again", None),
        ("the broker does not answer; start it with: warroom up", "TimeoutError"),
    ]
