"""`python -m bench`: the hub's pace beside this machine's raw ceiling, its latency at a steady rate, its memory."""

import argparse
import asyncio
import os
import statistics
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import backlog, live
from bench.backlog import Pace
from bench.city import City, messages
from bench.live import Live
from bench.machine import Machine, machine
from services.catalogue import load

_CATALOGUE = Path(__file__).parent.parent / "schemas" / "catalogue"
_SEED = 1371
#: Targets on two cores.
_RATIO, _P99_MS, _MEMORY_MB = 0.3, 500, 200
console = Console(stderr=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="events in INBOX (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the median counts (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="length of each steady stream (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="5,000 events, one run, 3 seconds: does it run at all?")
    options = parser.parse_args()
    if options.quick:
        options.events, options.runs, options.seconds = 5_000, 1, 3
    return options


async def _measure(target: Machine, options: argparse.Namespace) -> None:
    city = City(target.catalogue, _SEED)
    await target.new_streams(keep_inbox=False)
    with console.status("INBOX is filled ..."):
        await target.fill_inbox(list(messages(city.past(options.events, now=datetime.now(UTC)))))
    hub: list[Pace] = []
    stock: list[float] = []
    faster: list[float] = []
    for run in range(1, options.runs + 1):
        with console.status(f"run {run} of {options.runs} ..."):
            # Turn by turn, so that what else the machine does falls on all alike.
            stock.append(await backlog.ceiling(target, options.events, hub_fetch=False))
            faster.append(await backlog.ceiling(target, options.events, hub_fetch=True))
            hub.append(await backlog.whole_path(target, options.events))
        console.print(f"run {run}: hub {hub[-1].per_second:,.0f}, ceiling {stock[-1]:,.0f}, {faster[-1]:,.0f} events/s")
    _print_backlog(options, hub, stock, faster)
    with console.status("latency ..."):
        _print_latency(await live.steady(target, city, rate=500, seconds=options.seconds))
    with console.status("memory ..."):
        _print_memory(await live.steady(target, city, rate=1000, seconds=options.seconds))


def _print_backlog(options: argparse.Namespace, hub: list[Pace], stock: list[float], faster: list[float]) -> None:
    pace = statistics.median(run.per_second for run in hub)
    table = Table(
        title=f"{options.events:,} events wait in INBOX; batch {backlog.BATCH}; median of {options.runs}",
        title_justify="left",
    )
    for column in ("", "ratio", "events/s", "slowest … fastest"):
        table.add_column(column, justify="left" if not column else "right")
    for name, paces in (
        ("raw ceiling: nats-py fetch, binary COPY", stock),
        ("the same with the hub's own fetch", faster),
    ):
        ceiling = statistics.median(paces)
        table.add_row(name, f"{pace / ceiling:.2f}", f"{ceiling:,.0f}", f"{min(paces):,.0f} … {max(paces):,.0f}")
    paces = [run.per_second for run in hub]
    table.add_row("hub: INBOX to committed rollups", "1", f"{pace:,.0f}", f"{min(paces):,.0f} … {max(paces):,.0f}")
    out = Console()
    out.print(table)
    out.print(f"ratio hub / raw ceiling: {pace / statistics.median(stock):.2f} (target ≥ {_RATIO} on 2 cores)")
    cpu = {part: statistics.median(run.cpu_us[part] for run in hub) for part in hub[0].cpu_us}
    total = sum(cpu.values())
    cores = len(os.sched_getaffinity(0))
    shares = ", ".join(f"{part} {us:.0f}" for part, us in sorted(cpu.items(), key=lambda item: -item[1]))
    first = max(cpu, key=lambda part: cpu[part])
    out.print(
        f"processor time an event, in µs: {shares}; together {total:.0f}, which is"
        f" {total * pace / 1e6 / cores:.0%} of {cores} cores. {first.capitalize()} takes the most"
        f" ({cpu[first] / total:.0%}; {cpu[first] * pace / 1e6:.0%} of one core).\n"
    )


def _print_latency(measured: Live) -> None:
    Console().print(
        f"publish → committed at {measured.rate} events/s: p50 {measured.p50_ms:.0f} ms, p99 {measured.p99_ms:.0f} ms"
        f" (target < {_P99_MS}), longest {measured.worst_ms:.0f} ms"
    )


def _print_memory(measured: Live) -> None:
    parts = ", ".join(f"{name} {held / 1e6:.0f}" for name, held in measured.memory.items())
    Console().print(
        f"resident memory at {measured.rate} events/s: {sum(measured.memory.values()) / 1e6:.0f} MB"
        f" (target < {_MEMORY_MB}): {parts}"
    )


def main() -> None:
    options = _options()
    with console.status("the stack starts ..."):
        catalogue = load(_CATALOGUE)
    with machine(catalogue) as target:
        asyncio.run(_measure(target, options))


if __name__ == "__main__":
    main()
