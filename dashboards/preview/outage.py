"""A server that is away, told on the log once when it goes and once when it is back, however often it is tried."""

import structlog

log = structlog.get_logger("preview")


class Outage:
    """Of the one server that `what` names."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lasts = False

    def goes_on(self, error: Exception) -> None:
        """It does not answer."""
        if not self._lasts:
            self._lasts = True
            log.warning(f"{self._what} does not answer; start it with: warroom up", error=type(error).__name__)

    def is_over(self) -> None:
        """It answers."""
        if self._lasts:
            self._lasts = False
            log.warning(f"{self._what} answers again")
