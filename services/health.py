"""Is a service keeping up? Lag and age of its consumer, not merely whether it answers.

A consumer that was deleted looks like an idle one to its service, so the server is asked each time.
"""

import time
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

#: A service that has work and finishes none of it for this long is not well.
STUCK_S = 30.0


@dataclass
class Progress:
    """What a service's handler notes: when it last finished a batch, and how old the newest message in it was."""

    finished: float = 0.0
    received_us: int = 0

    def note(self, received_us: int) -> None:
        """A batch was finished; its newest message reached INBOX at `received_us`."""
        self.finished = time.monotonic()
        self.received_us = received_us


@dataclass(frozen=True)
class Health:
    """`lag` messages are not confirmed yet; what is being worked on reached the hub `age_s` ago. `problem` or well."""

    lag: int
    age_s: float
    problem: str | None

    def as_dict(self) -> dict[str, object]:
        return {"lag": self.lag, "age_s": round(self.age_s, 3), "problem": self.problem}


async def look(js: JetStreamContext, stream: str, durable: str, progress: Progress, *, started: float) -> Health:
    """The health of one consumer; `started` is the monotonic time at which the process began."""
    try:
        info = await js.consumer_info(stream, durable, timeout=3)
    except NotFoundError:
        return Health(0, 0.0, f"consumer {durable} of {stream} is missing; run: warroom migrate, and restart")
    except Exception as error:
        return Health(0, 0.0, f"NATS does not answer ({type(error).__name__}); see: warroom status")
    lag = (info.num_pending or 0) + (info.num_ack_pending or 0)
    if lag == 0:
        return Health(0, 0.0, None)
    idle = time.monotonic() - max(progress.finished, started)
    age = time.time() - progress.received_us / 1e6 if progress.received_us else idle
    problem = (
        f"{lag} messages wait and none was finished for {idle:.0f} s; see the service's log" if idle > STUCK_S else None
    )
    return Health(lag, age, problem)
