"""`python -m bench`: the hub's pace beside this machine's raw ceiling, its latency at a steady rate, its memory.

`python -m bench kpis`: what the wall's figures cost at ten in the morning with 1, 5 and 10 million events stored.

`python -m bench wall`: how long after its commit an event stands on the wall, with twenty browsers looking on.
"""

import argparse
import asyncio
import os
import statistics
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.console import Console

from bench import backlog, kpis, live, register, wall
from bench.backlog import Pace
from bench.city import City, messages
from bench.live import Live
from bench.machine import Machine, machine
from deploy.local import postgres
from deploy.local.hub import AGGREGATOR
from services.catalogue import load

_CATALOGUE = Path(__file__).parent.parent / "schemas" / "catalogue"
_SEED = 1371
#: Targets on two cores.
_RATIO, _P99_MS, _MEMORY_MB, _CHECK_US = 0.3, 500, 200, 1
progress = Console(stderr=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="events in INBOX (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the median counts (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="length of each steady stream (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="5,000 events, one run, 3 seconds: does it run at all?")
    parts = parser.add_subparsers(dest="part")
    parts.add_parser("wall", help="from commit to the pushed tile")
    cost = parts.add_parser("kpis", help="the cost of the wall's figures")
    cost.add_argument("--events", dest="sizes", type=int, nargs="+", default=kpis.SIZES, help="(%(default)s)")
    options = parser.parse_args()
    if options.quick:
        options.events, options.runs, options.seconds = 5_000, 1, 3
    return options


async def _measure(target: Machine, options: argparse.Namespace) -> None:
    city = City(target.catalogue, _SEED)
    await target.new_streams(keep_inbox=False)
    with progress.status("INBOX is filled ..."):
        await target.fill_inbox(list(messages(city.past(options.events, now=datetime.now(UTC)))))
    hub: list[Pace] = []
    stock: list[float] = []
    faster: list[float] = []
    for run in range(1, options.runs + 1):
        with progress.status(f"run {run} of {options.runs} ..."):
            # Turn by turn, so that what else the machine does falls on all alike.
            stock.append(await backlog.ceiling(target, options.events, hub_fetch=False))
            faster.append(await backlog.ceiling(target, options.events, hub_fetch=True))
            hub.append(await backlog.whole_path(target, options.events))
        progress.print(
            f"run {run}: hub {hub[-1].per_second:,.0f}, ceiling {stock[-1]:,.0f}, {faster[-1]:,.0f} events/s"
        )
    _print_backlog(options, hub, stock, faster)
    reading, checking = register.microseconds(target.catalogue, _SEED)
    print(
        f"look-up in the register: {checking:.2f} µs an event (target < {_CHECK_US}), "
        f"{checking / reading:.2f}x reading it"
    )
    with progress.status("latency ..."):
        _print_latency(await live.steady(target, city, rate=500, seconds=options.seconds))
    with progress.status("memory ..."):
        _print_memory(await live.steady(target, city, rate=1000, seconds=options.seconds))


async def _watch(target: Machine, options: argparse.Namespace) -> None:
    for rate in wall.RATES[-1:] if options.quick else wall.RATES:
        with progress.status(f"{wall.BROWSERS} browsers look on, {rate:g} tickets a second ..."):
            # As many tickets at each rate as give a percentile.
            seconds = max(options.seconds, 150 / rate) if not options.quick else options.seconds
            told = await wall.pushed(target, City(target.catalogue, _SEED), rate=rate, seconds=seconds)
        print(
            f"committed → pushed tile at {told.rate:g} events/s, {wall.BROWSERS} browsers: p50 {told.p50_ms:.0f} ms, "
            f"p99 {told.p99_ms:.0f} ms (target < {wall.TARGET_MS}), longest {told.worst_ms:.0f} ms; {told.in_time:.1%}"
            f" of {told.tickets} events within the target"
        )


def _print_backlog(options: argparse.Namespace, hub: list[Pace], stock: list[float], faster: list[float]) -> None:
    paces = {
        "hub: INBOX to committed rollups": [run.per_second for run in hub],
        "raw ceiling: nats-py fetch, binary COPY": stock,
        "raw ceiling with the hub's own fetch": faster,
    }
    own, first, second = (statistics.median(each) for each in paces.values())
    print(f"{own / first:.2f}  hub / raw ceiling (target ≥ {_RATIO} on 2 cores)")
    print(f"{own / second:.2f}  hub / raw ceiling with the hub's own fetch\n")
    print(f"{options.events:,} events wait in INBOX, batch {backlog.BATCH}, events/s:")
    print(f"{'':42}{'median':>8}{'slowest':>9}{'fastest':>9}")
    for name, each in paces.items():
        print(f"{name:42}{statistics.median(each):8,.0f}{min(each):9,.0f}{max(each):9,.0f}")
    _print_limit(own, hub)


def _print_limit(pace: float, hub: list[Pace]) -> None:
    """What the pace rests on: a worker and its database take turns, and all parts share the cores."""
    cpu = {part: statistics.median(run.cpu_us[part] for run in hub) for part in hub[0].cpu_us}
    cores = len(os.sched_getaffinity(0))
    chain, total = cpu[AGGREGATOR] + cpu[postgres.NAME], sum(cpu.values())
    shares = ", ".join(f"{part} {us:.0f}" for part, us in sorted(cpu.items(), key=lambda item: -item[1]))
    print(f"\nProcessor time an event, µs: {shares}; together {total:.0f}.")
    print(
        f"The one worker and its database take turns: at best {1e6 / chain:,.0f} events/s. All parts on {cores} cores:"
        f" at best {cores * 1e6 / total:,.0f}."
    )
    others = statistics.median(run.others for run in hub)
    print(f"Used: {total * pace / 1e6:.1f} cores; other processes of this machine took {others:.1f} meanwhile.\n")


def _print_latency(measured: Live) -> None:
    print(
        f"publish → committed at {measured.rate} events/s: p50 {measured.p50_ms:.0f} ms, p99 {measured.p99_ms:.0f} ms"
        f" (target < {_P99_MS}), longest {measured.worst_ms:.0f} ms"
    )


def _print_memory(measured: Live) -> None:
    parts = ", ".join(f"{name} {held / 1e6:.0f}" for name, held in measured.memory.items())
    print(
        f"resident memory at {measured.rate} events/s: {sum(measured.memory.values()) / 1e6:.0f} MB"
        f" (target < {_MEMORY_MB}): {parts}"
    )


def main() -> None:
    options = _options()
    with progress.status("the stack starts ..."):
        catalogue = load(_CATALOGUE)
        if options.part in ("kpis", "wall"):
            catalogue = kpis.at_ten(catalogue, datetime.now(UTC))
    with machine(catalogue) as target:
        if options.part == "kpis":
            kpis.print_sizes([asyncio.run(kpis.measure(target, events, progress)) for events in options.sizes])
        elif options.part == "wall":
            # The browsers must not take the processor from what they look at.
            uvloop.run(_watch(target, options))
        else:
            asyncio.run(_measure(target, options))


if __name__ == "__main__":
    main()
