"""A server that is away fills no log, and why it is away is told."""

import logging

from structlog.testing import capture_logs

from dashboards.preview.outage import Outage, PoolLog

_NEXT = (
    "does not answer; see that it runs and lets this user in: warroom status (the embedded one starts with: warroom up)"
)


def test_an_outage_is_told_when_it_begins_and_when_it_ends() -> None:
    broker = Outage("the broker")
    with capture_logs() as told:
        broker.is_over()
        for _ in range(3):
            broker.goes_on("refused\nby this machine")
        for _ in range(2):
            broker.is_over()
        broker.goes_on("silent")
    assert [(line["event"], line.get("cause")) for line in told] == [
        (f"the broker {_NEXT}", "refused"),
        ("the broker answers again", None),
        (f"the broker {_NEXT}", "silent"),
    ]


def test_a_pool_is_heard_once_and_its_errors_pass() -> None:
    pool_log = PoolLog()

    def passes(level: int, text: str, *words: str) -> bool:
        return pool_log.filter(logging.LogRecord("psycopg.pool", level, __file__, 1, text, words, None))

    assert not passes(logging.WARNING, "error connecting in %r: %s", "preview", "password authentication failed")
    assert not passes(logging.WARNING, "discarding broken connection: %s", "one")
    assert passes(logging.ERROR, "a fault")
    assert pool_log.cause == "error connecting in 'preview': password authentication failed"
