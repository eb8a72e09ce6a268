"""The benchmark runs from end to end, counts every event it sent (it fails otherwise) and prints what it promises."""

import asyncio
import re
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


async def test_quick_benchmark_prints_ratio_latency_and_memory() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "--quick"),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    printed = out.decode()
    assert re.match(r"\d\.\d\d  hub / raw ceiling \(target", printed)
    for line in (
        r"hub: INBOX to committed rollups +[\d,]+",
        r"raw ceiling: nats-py fetch, binary COPY +[\d,]+",
        r"Processor time an event, µs: (?=.*ingest \d)(?=.*aggregator \d)(?=.*postgres \d)(?=.*nats \d)",
        r"look-up in the register: \d+\.\d\d µs an event \(target < 1\), \d\.\d\dx reading it",
        r"publish → committed at 500 events/s: p50 \d+ ms, p99 \d+ ms",
        r"resident memory at 1000 events/s: \d+ MB",
    ):
        assert re.search(line, printed), f"{line} not in:\n{printed}"
