"""A thread that ends the process when its event loop stands still, so that the supervisor starts it anew.

Nothing inside a frozen loop can notice that it is frozen; a closed NATS client once spun for ever and answered no
health check.
"""

import asyncio
import os
import sys
import threading
import time

_LIMIT_S = 20.0


async def watch() -> None:
    """Run as a task for the life of the process."""
    beat = [time.monotonic()]

    def look() -> None:
        while True:
            time.sleep(1)
            if time.monotonic() - beat[0] > _LIMIT_S:
                print(f"event loop stood still for {_LIMIT_S:.0f} s; ending the process", file=sys.stderr, flush=True)
                os._exit(70)

    threading.Thread(target=look, name="watchdog", daemon=True).start()
    while True:
        beat[0] = time.monotonic()
        await asyncio.sleep(1)
