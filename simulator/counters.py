"""The counters of a place and the line in front of them: first come, first served, so that waits come from load."""

from collections import deque
from collections.abc import Callable

#: Told the time of the call; False if nobody comes, since that citizen has left the line.
Called = Callable[[float], bool]


class Counters:
    """So many counters, one line."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[Called] = deque()

    def take(self) -> bool:
        """Take a free counter, if there is one."""
        if self._free:
            self._free -= 1
            return True
        return False

    def stand_in_line(self, called: Called) -> None:
        """Wait for a counter to become free."""
        self._line.append(called)

    def release(self, now: float) -> None:
        """A counter is free: the first in line who is still there takes it."""
        while self._line:
            if self._line.popleft()(now):
                return
        self._free += 1
