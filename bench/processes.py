"""What processes cost, as the kernel counts it: seconds of processor, resident memory."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    # Behind the name, which may hold spaces and parentheses: state, parent, …
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
            children.setdefault(parent, []).append(int(entry.name))
    return children


def tree(root: int) -> list[int]:
    """`root` and all processes below it."""
    children = _children()
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of `root` and all below it, those that have ended included."""
    total = 0
    for pid in tree(root):
        try:
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended; its parent inherits its time
    return total / _TICKS


def busy_seconds() -> float:
    """Processor seconds that the whole machine has spent so far, whoever asked for them; stolen ones are no work."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of these processes, shared pages counted in each."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE for pid in pids)
