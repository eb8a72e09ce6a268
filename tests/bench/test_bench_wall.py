"""The benchmark of the wall runs from end to end: every browser shows every ticket (it fails otherwise)."""

import asyncio
import re
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


async def test_quick_benchmark_tells_how_soon_tiles_show_what_was_committed() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "--quick", "wall"),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    line = r"committed → pushed tile at 20 events/s, 20 browsers: p50 \d+ ms, p99 \d+ ms \(target < 500\)"
    assert re.search(line, out.decode()), out.decode()
