"""The process manager: supervisord, one per state folder, detached from whoever started it.

Each program is a small script, and every path in supervisord's configuration is relative to the state folder, which is
where it runs: so nothing ever needs supervisord's own quoting.
"""

import os
import select
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deploy.local.state import Memory, StackError, write_private

PORT = "supervisor"

#: The state of a program that ended within its first second and is spared before it is tried again.
BACKOFF = "BACKOFF"

_CONFIGURATION = """\
[supervisord]
logfile=log/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=supervisord.pid
childlogdir=log
umask=077
user={user}

[inet_http_server]
port=127.0.0.1:{port}
username=warroom
password={password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

# A program that fails at start is tried again for ever, each time a second later than the last.
_PROGRAM = """
[program:{name}]
command=/bin/sh programs/{name}.sh
priority={priority}
autostart=false
startsecs=1
startretries=1000000
autorestart=true
stopsignal={stop_signal}
stopasgroup={stop_group}
killasgroup=true
stopwaitsecs={stop_seconds}
redirect_stderr=true
stdout_logfile=log/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


@dataclass(frozen=True)
class Program:
    """A process to keep running in the state folder, with what its environment has beyond the supervisor's own."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    #: Lower starts earlier and stops later: the servers before the services.
    priority: int = 200
    stop_signal: str = "TERM"
    #: The signal goes to the whole process group, not only to the process that was started.
    stop_group: bool = False
    stop_seconds: int = 30

    def script(self) -> str:
        """The shell script that becomes the process; killed with its supervisor, so that none is orphaned."""
        exports = [f"export {key}={shlex.quote(value)}" for key, value in sorted(self.environment.items())]
        return "\n".join([*exports, f"exec setpriv --pdeathsig KILL {shlex.join(self.command)}", ""])


class Supervisor:
    """The supervisord of one state folder, spoken to over loopback HTTP with a random password.

    A unix socket would need a path under 108 bytes, which a state folder may not have.
    """

    def __init__(self, folder: Path, memory: Memory) -> None:
        self._folder = folder
        self._memory = memory

    def is_running(self) -> bool:
        """Whether this folder's own supervisord answers."""
        if PORT not in self._memory.ports:
            return False
        try:
            self._call("getState")
        except StackError:
            return False
        return True

    def launch(self, programs: Sequence[Program]) -> None:
        """Start supervisord with these programs and no other."""
        for stale in (self._folder / "programs").glob("*"):
            stale.unlink()
        for program in programs:
            self._write(program)
        (self._folder / "log").mkdir(mode=0o700, exist_ok=True)
        self._configure()
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", self._folder / "supervisord.conf"],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if started.returncode:
            said = " ".join(started.stdout.split())
            raise StackError(f"supervisord did not start in {self._folder}: {said}; run the same command again")
        for program in programs:  # at once; left to itself, supervisord would think a second first
            self.start(program.name)

    def apply(self, programs: Sequence[Program]) -> None:
        """Add these programs, restart those whose command or environment changed, leave all others alone."""
        known = self.names()
        changed = [program.name for program in programs if self._write(program) and program.name in known]
        self._configure()
        self._call("reloadConfig")
        for program in programs:
            if program.name in changed:
                self.stop(program.name)
                self._call("removeProcessGroup", program.name)
            if program.name in changed or program.name not in known:
                self._call("addProcessGroup", program.name)
            self.start(program.name)

    def _write(self, program: Program) -> bool:
        """Write the program's files; whether they differ from what was there."""
        base = self._folder / "programs" / program.name
        files = {
            base.with_suffix(".sh"): program.script(),
            base.with_suffix(".conf"): _PROGRAM.format(
                name=program.name,
                priority=program.priority,
                stop_signal=program.stop_signal,
                stop_group=str(program.stop_group).lower(),
                stop_seconds=program.stop_seconds,
            ),
        }
        changed = {path: text for path, text in files.items() if not path.exists() or path.read_text() != text}
        for path, text in changed.items():
            write_private(path, text)
        return bool(changed)

    def _configure(self) -> None:
        """Write supervisord's configuration, with all programs that were written."""
        general = _CONFIGURATION.format(
            user=os.getuid(), port=self._memory.ports[PORT], password=self._memory.password(PORT)
        )
        programs = [path.read_text() for path in sorted((self._folder / "programs").glob("*.conf"))]
        write_private(self._folder / "supervisord.conf", general + "".join(programs))

    def names(self) -> set[str]:
        """The programs it knows."""
        return {process["name"] for process in self._call("getAllProcessInfo")}

    def pid(self, name: str) -> int | None:
        """The process id of a program, None while it does not run."""
        return self._call("getProcessInfo", name)["pid"] or None

    def state(self, name: str) -> str:
        """supervisord's word for it: RUNNING, STARTING, BACKOFF, STOPPED, FATAL ..."""
        return str(self._call("getProcessInfo", name)["statename"])

    def start(self, name: str) -> None:
        """Start a program, at once even if it is being spared after failures. Nothing happens if it runs already."""
        state = self.state(name)
        if state == BACKOFF:
            self._call("stopProcess", name)
        if state not in {"RUNNING", "STARTING"}:
            self._call("startProcess", name, False)

    def stop(self, name: str) -> None:
        """Stop a program and wait for its end. Nothing happens if it does not run."""
        if self.state(name) in {"RUNNING", "STARTING", BACKOFF}:
            self._call("stopProcess", name)

    def restart(self, name: str) -> None:
        """Stop, then start."""
        self.stop(name)
        self.start(name)

    def signal(self, name: str, signal: str) -> None:
        """Send a signal, by name without SIG, to a program."""
        self._call("signalProcess", name, signal)

    def shut_down(self, *, timeout: float = 120) -> None:
        """Stop all programs, the services before the servers, and supervisord itself."""
        supervisor = os.pidfd_open(self._call("getPID"))
        try:
            self._call("shutdown")
            ended, _, _ = select.select([supervisor], [], [], timeout)
        finally:
            os.close(supervisor)
        if not ended:
            log = self._folder / "log" / "supervisord.log"
            raise StackError(f"the stack in {self._folder} did not stop within {timeout:.0f} s; see {log}")

    def _call(self, method: str, *arguments: str | bool) -> Any:
        password = self._memory.password(PORT)
        url = f"http://warroom:{password}@127.0.0.1:{self._memory.ports[PORT]}/RPC2"
        try:
            with xmlrpc.client.ServerProxy(url) as server:
                return getattr(server.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise StackError(f"supervisord refuses {method} {arguments}: {fault.faultString}") from None
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise StackError(f"supervisord of {self._folder} does not answer: {error}; start the stack again") from None
