"""UUIDv7 (RFC 9562, section 5.7): ids that sort by the moment they were made. Python has them from 3.14 on."""

import os
import threading
import time
from collections.abc import Callable
from uuid import UUID

_TAIL_BITS = 74
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


class Uuid7:
    """Makes ids, each greater than the one before, from any number of threads; `clock` gives nanoseconds since 1970.

    Within one millisecond, and while the clock stands or runs backwards, the random tail counts up by a random step.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._millisecond = -1
        self._tail = 0

    def __call__(self) -> UUID:
        with self._lock:
            now = self._clock() // 1_000_000
            if now > self._millisecond:
                self._begin(now)
            else:
                self._tail += 1 + int.from_bytes(os.urandom(4), "big")
                if self._tail >> _TAIL_BITS:
                    self._begin(self._millisecond + 1)
            millisecond, tail = self._millisecond, self._tail
        high, low = tail >> 62, tail & ((1 << 62) - 1)
        return UUID(int=millisecond << 80 | _VERSION | high << 64 | _VARIANT | low)

    def _begin(self, millisecond: int) -> None:
        self._millisecond = millisecond
        # The uppermost bit stays free, so that there is room to count.
        self._tail = int.from_bytes(os.urandom(10), "big") >> (80 - _TAIL_BITS + 1)
