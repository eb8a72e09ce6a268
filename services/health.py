"""Is a service keeping up? Lag and age of its consumer, not merely whether it answers.

A consumer that was deleted looks like an idle one to its service, so the server is asked each time.
"""

import time
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

#: A service that has work and finishes none of it for this long is stuck.
STUCK_S = 30.0
#: Figures that lie further behind than this are not live.
BEHIND_S = 60.0


@dataclass
class Progress:
    """What a service's handler notes of its batches; one consumer's messages come in order, so the batch in hand is
    the oldest there is.
    """

    in_hand_us: int | None = None
    finished: float = 0.0
    lagging_since: float | None = None

    def begin(self, received_us: int | None) -> None:
        """A batch was taken; its oldest message reached INBOX at `received_us`."""
        self.in_hand_us = received_us

    def finish(self) -> None:
        """The batch in hand is done."""
        self.in_hand_us = None
        self.finished = time.monotonic()


@dataclass(frozen=True)
class Health:
    """`lag` messages are unconfirmed, the oldest in hand `age_s` old (0: none is); `problem` None is well."""

    lag: int
    age_s: float
    problem: str | None

    def as_dict(self) -> dict[str, object]:
        return {"lag": self.lag, "age_s": round(self.age_s, 3), "problem": self.problem}


async def look(js: JetStreamContext, stream: str, durable: str, progress: Progress) -> Health:
    """The health of one consumer; whether it is stuck shows by the second look."""
    try:
        info = await js.consumer_info(stream, durable, timeout=3)
    except NotFoundError:
        return Health(0, 0.0, f"consumer {durable} of {stream} is missing; run: warroom migrate, and restart")
    except Exception as error:
        return Health(0, 0.0, f"NATS does not answer ({type(error).__name__}); see: warroom status")
    lag = (info.num_pending or 0) + (info.num_ack_pending or 0)
    now = time.monotonic()
    if lag == 0:
        progress.lagging_since = None
        return Health(0, 0.0, None)
    if progress.lagging_since is None or progress.finished > progress.lagging_since:
        progress.lagging_since = max(now, progress.finished)
    idle = now - progress.lagging_since
    age = 0.0 if progress.in_hand_us is None else max(0.0, time.time() - progress.in_hand_us / 1e6)
    problem = None
    if idle > STUCK_S:
        problem = f"{lag} messages wait and none was finished for {idle:.0f} s; see the service's log"
    elif age > BEHIND_S:
        problem = f"{lag} messages wait, the oldest for {age:.0f} s; it is catching up"
    return Health(lag, age, problem)
