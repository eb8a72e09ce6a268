"""A server that is away, told on the log once when it goes and once when it is back, however often it is tried."""

import logging

import structlog

log = structlog.get_logger("preview")


class Outage:
    """Of the one server that `what` names."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lasts = False

    def goes_on(self, cause: str) -> None:
        """It does not answer, as far as is known because of `cause`, of which the first line is told."""
        if not self._lasts:
            self._lasts = True
            log.warning(
                f"{self._what} does not answer; see that it runs and lets this user in: warroom status"
                " (the embedded one starts with: warroom up)",
                cause=next(iter(cause.splitlines()), ""),
            )

    def is_over(self) -> None:
        """It answers."""
        if self._lasts:
            self._lasts = False
            log.warning(f"{self._what} answers again")


class PoolLog(logging.Filter):
    """Holds back what a pool of connections says at each attempt, and keeps why the last one failed."""

    def __init__(self) -> None:
        super().__init__()
        self.cause = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Errors go on to the log."""
        if isinstance(record.msg, str) and record.msg.startswith("error connecting"):
            self.cause = record.getMessage()
        return record.levelno >= logging.ERROR


#: Of this process's one pool; `serve` puts it before the pool's logger.
pool_log = PoolLog()
