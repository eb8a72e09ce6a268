"""Whom to kill: the real process ids behind the names, and the proof that a kill hit somebody at work."""

import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from bench.processes import tree
from deploy.local import hub, postgres
from deploy.local import nats as broker
from deploy.local.stack import Stack
from opd_schemas import subjects

WORKERS = (hub.AGGREGATOR, f"{hub.AGGREGATOR}-2")
_AWAY = "the database is away"


class Victim(StrEnum):
    """A process of the hub; of the database, the server as a whole or one of the aggregator's connections."""

    INGEST = "ingest"
    AGGREGATOR = "aggregator"
    NATS = "nats-server"
    POSTGRES = "PostgreSQL"
    BACKEND = "a backend of PostgreSQL"


@dataclass(frozen=True)
class Pulse:
    """What the durables of ingest and aggregator have delivered so far, and how often a worker began a batch anew.

    Deliveries beyond one a message are redeliveries; a broker that was killed may also have forgotten deliveries.
    """

    inbox: ConsumerInfo
    events: ConsumerInfo
    begun_anew: int

    def shows(self, victim: Victim, before: "Pulse") -> bool:
        """Whether the kill of `victim`, after `before`, made something be delivered or committed a second time."""
        if victim in (Victim.POSTGRES, Victim.BACKEND):
            return self.begun_anew > before.begun_anew
        pairs = {
            Victim.INGEST: [(self.inbox, before.inbox)],
            Victim.AGGREGATOR: [(self.events, before.events)],
            Victim.NATS: [(self.inbox, before.inbox), (self.events, before.events)],
        }[victim]
        return any(_surplus(now) > _surplus(then) or _delivered(now) < _delivered(then) for now, then in pairs)


def _surplus(info: ConsumerInfo) -> int:
    assert info.delivered is not None
    return info.delivered.consumer_seq - info.delivered.stream_seq


def _delivered(info: ConsumerInfo) -> int:
    assert info.delivered is not None
    return info.delivered.stream_seq


async def pulse(js: JetStreamContext, stack: Stack) -> Pulse:
    """Ask for it; raises nats.errors.Error while the broker is away."""
    inbox = await js.consumer_info(subjects.INBOX, subjects.INGEST_DURABLE, timeout=1)
    events = await js.consumer_info(subjects.EVENTS, subjects.AGGREGATOR_DURABLE, timeout=1)
    return Pulse(inbox, events, sum(stack.log(worker).read_text().count(_AWAY) for worker in WORKERS))


def in_flight(now: Pulse, victim: Victim) -> bool:
    """Whether the victim has messages in hand at this moment."""
    inbox, events = (bool(info.num_ack_pending) for info in (now.inbox, now.events))
    return {Victim.INGEST: inbox, Victim.NATS: inbox or events}.get(victim, events)


def kill(stack: Stack, victim: Victim, rng: Random) -> int:
    """SIGKILL; returns the process id."""
    if victim is Victim.AGGREGATOR:
        pid = stack.pid(rng.choice(WORKERS))
    elif victim in (Victim.POSTGRES, Victim.BACKEND):
        pid = _of_database(stack, backend=victim is Victim.BACKEND)
    else:
        pid = stack.pid({Victim.INGEST: hub.INGEST, Victim.NATS: broker.NAME}[victim])
    assert pid is not None, f"{victim} does not run"
    os.kill(pid, signal.SIGKILL)
    return pid


def _of_database(stack: Stack, *, backend: bool) -> int:
    """Inside the sandbox: the postmaster, or a connection of the aggregator, if possible amid a transaction."""
    sandbox = stack.pid(postgres.NAME)
    assert sandbox is not None, "the database does not run"
    titles = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in tree(sandbox)}
    if not backend:
        return next(pid for pid, title in titles.items() if title.startswith("/usr/lib/postgresql/"))
    connections = [
        (title.rstrip().endswith(" idle"), pid) for pid, title in titles.items() if ": hub_aggregator" in title
    ]
    return min(connections)[1]
