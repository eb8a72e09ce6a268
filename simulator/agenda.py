"""What is due when: the simulator's own time, in seconds since the run began, which only `advance` moves."""

import heapq
import itertools
from collections.abc import Callable

#: What happens, told when.
Action = Callable[[float], None]


class Agenda:
    """Actions by the second at which they fall due; those of the same second in the order they were entered."""

    def __init__(self) -> None:
        self.now = 0.0
        self._entries: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    def at(self, due: float, action: Action) -> None:
        """Enter an action for later."""
        heapq.heappush(self._entries, (due, next(self._order), action))

    def advance(self, until: float) -> None:
        """Do all that is due by `until`, also what is entered meanwhile."""
        while self._entries and self._entries[0][0] <= until:
            self.now, _, action = heapq.heappop(self._entries)
            action(self.now)
