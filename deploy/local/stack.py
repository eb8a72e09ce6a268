"""The embedded stack: broker, database and the hub's services, from one state folder, kept running by supervisord.

Where WARROOM_NATS_URL or WARROOM_DATABASE_URL is set, that part is used as it is and none is started.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from deploy.local import nats, postgres, supervise
from deploy.local.accounts import accounts
from deploy.local.state import Endpoints, Memory, StackError
from deploy.local.supervise import Program, Supervisor

__all__ = ["Endpoints", "Program", "Stack", "StackError"]

#: Seconds for a server that is at work (after a crash it replays its log), and for one that keeps ending.
_PATIENCE = 120.0
_PATIENCE_WITH_FAILURE = 10.0


class _Part(Protocol):
    """What the modules `nats` and `postgres` have in common."""

    @property
    def NAME(self) -> str: ...
    @property
    def PORTS(self) -> tuple[str, ...]: ...

    def configure(self, folder: Path, memory: Memory) -> None: ...
    def program(self, folder: Path) -> Program: ...
    def answers(self, memory: Memory) -> bool: ...


class Stack:
    """One embedded stack; all that it keeps (data, passwords, logs) is in the folder `state`."""

    def __init__(self, state: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.state = state.absolute()
        self._nats_url = environment.get("WARROOM_NATS_URL") or None
        self._database_url = environment.get("WARROOM_DATABASE_URL") or None
        self._parts: list[_Part] = []
        if self._nats_url is None:
            self._parts.append(nats)
        if self._database_url is None:
            self._parts.append(postgres)

    def up(
        self, *, applications: Sequence[tuple[str, str]] | None = None, programs: Sequence[Program] = ()
    ) -> Endpoints:
        """Start what does not run, wait until broker and database answer, then add the programs.

        `applications` are the (opd, app) that have a NATS user; None keeps those of the last time. What runs already
        is left alone where nothing about it changed; programs are forgotten once the stack has stopped.
        """
        with self._locked() as memory:
            if self._nats_url:
                nats.reach(self._nats_url)
            if self._database_url:
                postgres.reach(self._database_url)
            supervisor = Supervisor(self.state, memory)
            parts = {part.NAME for part in self._parts}
            if supervisor.is_running() and supervisor.names() & {nats.NAME, postgres.NAME} != parts:
                supervisor.shut_down()
            if supervisor.is_running():
                for name in parts:
                    supervisor.start(name)
            else:
                self._start(memory)
            self._wait(memory)
            if self._database_url is None:
                postgres.bootstrap(memory)
            if applications is not None:
                self._grant(memory, applications)
            endpoints = self._describe(memory)
            endpoints.write(self._file)
            if programs:
                supervisor.apply(programs)
            return endpoints

    def add_programs(self, programs: Sequence[Program]) -> None:
        """Keep these running as well; one whose command or environment changed is restarted."""
        with self._locked() as memory:
            self._running(memory).apply(programs)

    def port(self, name: str) -> int:
        """The port that this state folder keeps for `name`: the same at every call, chosen free at the first."""
        with self._locked() as memory:
            if name not in memory.ports:
                memory.choose_ports([name])
            return memory.ports[name]

    def reconfigure(self, applications: Sequence[tuple[str, str]]) -> Endpoints:
        """Let exactly these (opd, app) publish; users that stay keep their passwords and their connections."""
        with self._locked() as memory:
            self._running(memory)
            self._grant(memory, applications)
            endpoints = self._describe(memory)
            endpoints.write(self._file)
            return endpoints

    def down(self) -> None:
        """Stop everything cleanly, services before servers; the data stays. Nothing happens if nothing runs."""
        with self._locked() as memory:
            supervisor = Supervisor(self.state, memory)
            if supervisor.is_running():
                supervisor.shut_down()

    def endpoints(self) -> Endpoints | None:
        """Where the parts are, as of the last `up`; None if there never was one."""
        return Endpoints.read(self._file)

    def is_running(self) -> bool:
        """Whether the supervisor of this state folder is there."""
        return Supervisor(self.state, self._memory()).is_running()

    def wait(self) -> None:
        """Return once broker and database answer, for instance after one was killed."""
        memory = self._memory()
        self._running(memory)
        self._wait(memory)

    def start(self, program: str) -> None:
        """Start one program; a server answers on return."""
        memory = self._memory()
        self._running(memory).start(program)
        self._wait(memory, program)

    def stop(self, program: str) -> None:
        """Stop one program and wait for its end; it stays stopped until `start`, `restart` or `up`."""
        self._running(self._memory()).stop(program)

    def restart(self, program: str) -> None:
        """Stop and start one program; a server answers on return."""
        self.stop(program)
        self.start(program)

    def pid(self, program: str) -> int | None:
        """The process id of a program (of the database: its sandbox), None while it does not run."""
        return self._running(self._memory()).pid(program)

    def log(self, program: str) -> Path:
        """Where a program's output goes."""
        return self.state / "log" / f"{program}.log"

    @property
    def _file(self) -> Path:
        return self.state / "stack.json"

    def _memory(self) -> Memory:
        return Memory.read(self.state / "memory.json")

    @contextmanager
    def _locked(self) -> Iterator[Memory]:
        """One at a time: two commands on one state folder wait for each other."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.state / "lock").open("w")
        except OSError as error:
            raise StackError(
                f"the state folder cannot be used: {error}; choose another, or correct its owner"
            ) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._memory()

    def _running(self, memory: Memory) -> Supervisor:
        supervisor = Supervisor(self.state, memory)
        if not supervisor.is_running():
            raise StackError(f"no stack runs in {self.state}: start it first (`warroom up`)")
        return supervisor

    def _start(self, memory: Memory) -> None:
        memory.choose_ports([supervise.PORT, *(port for part in self._parts for port in part.PORTS)])
        for part in self._parts:
            (self.state / part.NAME).mkdir(mode=0o700, exist_ok=True)
            part.configure(self.state / part.NAME, memory)
        Supervisor(self.state, memory).launch([part.program(self.state / part.NAME) for part in self._parts])

    def _wait(self, memory: Memory, only: str | None = None) -> None:
        supervisor = Supervisor(self.state, memory)
        for part in self._parts:
            if only in {None, part.NAME}:
                self._wait_for(part, memory, supervisor)

    def _wait_for(self, part: _Part, memory: Memory, supervisor: Supervisor) -> None:
        begun = time.monotonic()
        while not part.answers(memory):
            waited = time.monotonic() - begun
            state = supervisor.state(part.NAME)
            if state == "STOPPED":
                raise StackError(f"{part.NAME} in {self.state} was stopped: start it first (`warroom up`)")
            if waited > (_PATIENCE_WITH_FAILURE if state == supervise.BACKOFF else _PATIENCE):
                log = self.log(part.NAME)
                last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise StackError(f"{part.NAME} does not answer after {waited:.0f} s: {last[0]}; more in {log}")
            if state == supervise.BACKOFF:
                supervisor.start(part.NAME)
                time.sleep(0.2)
            time.sleep(0.03)

    def _grant(self, memory: Memory, applications: Sequence[tuple[str, str]]) -> None:
        if list(applications) == memory.applications:
            return
        before = {account.user for account in accounts(memory.applications)}
        after = {account.user for account in accounts(applications)}
        for user in before - after:  # should it come back one day, then with a new password
            memory.passwords.pop(f"nats/{user}", None)
        memory.applications = list(applications)
        memory.write()
        if self._nats_url is None:
            loaded = nats.loaded_at(memory)
            nats.configure(self.state / nats.NAME, memory)
            Supervisor(self.state, memory).signal(nats.NAME, "HUP")
            deadline = time.monotonic() + 10
            while nats.loaded_at(memory) == loaded:
                if time.monotonic() > deadline:
                    raise StackError(f"the broker did not take its new users; see {self.log(nats.NAME)}")
                time.sleep(0.02)

    def _describe(self, memory: Memory) -> Endpoints:
        embedded = self._database_url is None
        users = [account.user for account in accounts(memory.applications)]
        return Endpoints(
            nats_url=self._nats_url or f"nats://127.0.0.1:{memory.ports[nats.NAME]}",
            database_url=self._database_url or postgres.url(memory, postgres.OWNER),
            superuser_url=postgres.url(memory, postgres.SUPERUSER) if embedded else None,
            nats_users={user: memory.password(f"nats/{user}") for user in users} if self._nats_url is None else {},
            database_roles={role: memory.password(f"database/{role}") for role in postgres.ROLES} if embedded else {},
            ports={port: memory.ports[port] for part in self._parts for port in part.PORTS},
        )
