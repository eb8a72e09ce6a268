"""A real permit log on the running hub: its figures are those of a plain recomputation, whatever the order, repetition
or interruption of its import.
"""

import csv
import gzip
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.catalogue import load
from services.importer.map import load as load_map
from services.importer.mapper import Ready
from services.importer.rows import open_source
from services.importer.send import Progress, Report, import_file
from tests.hubs import RunningHub, running_hub
from tests.importer.permits import FILE, Log

EXAMPLE = Path(__file__).parents[2] / "examples" / "permit-receipts"
MAP = EXAMPLE / "map.yaml"
ZONE = "Europe/Amsterdam"
EVENTS, ROWS = 5_409, 8_577
OPD = "licensing"
DAY = timedelta(days=1)
ALL_TIME = (datetime(2009, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def file() -> Path:
    """The log, or a clear word that it is not here."""
    if not FILE.exists():
        why = f"the permit log is not there: put permit-receipts.csv into {FILE.parent} (see examples/permit-receipts)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return FILE


@pytest.fixture(scope="module")
def log(file: Path) -> Log:
    return Log(file)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub with the example's catalogue."""
    with running_hub(tmp_path_factory.mktemp("history"), load(EXAMPLE / "catalogue")) as running:
        yield running


@pytest.fixture
def another_hub(tmp_path: Path) -> Iterator[RunningHub]:
    """A fresh one with the same catalogue."""
    with running_hub(tmp_path / "hub", load(EXAMPLE / "catalogue")) as running:
        yield running


async def run(hub: RunningHub, path: Path, map_path: Path | None = MAP, **options: object) -> Report:
    """Import into a hub and wait until it is counted."""
    report = await import_file(
        path,
        map_path,
        nats_url=hub.endpoints.nats_url_for("importer"),
        timezone=ZONE,
        progress_folder=hub.stack.state / "imports",
        **options,  # type: ignore[arg-type]
    )
    await hub.settle()
    return report


@pytest.fixture(scope="module")
async def progress(hub: RunningHub, file: Path) -> list[Progress]:
    """What was heard while the log was imported for the first time."""
    heard: list[Progress] = []
    report = await run(hub, file, on_progress=heard.append)
    assert (report.read, report.sent, report.resumed_at) == (ROWS, EVENTS, None)
    return heard


@pytest.fixture
def imported(hub: RunningHub, progress: list[Progress]) -> RunningHub:
    """The hub with the log in it."""
    return hub


def counts(hub: RunningHub) -> tuple[int, int, int]:
    """Counted, duplicates, quarantined."""
    (found,) = hub.query(
        "SELECT (SELECT count(*) FROM hub.ledger), (SELECT count(*) FROM hub.duplicate),"
        " (SELECT count(*) FROM hub.reject)"
    )
    return found  # type: ignore[return-value]


def test_progress_goes_to_the_end(progress: list[Progress], file: Path) -> None:
    assert progress[0].read == 0
    assert progress[-1] == Progress(ROWS, EVENTS, ROWS - EVENTS, file.stat().st_size, file.stat().st_size)
    assert [p.read for p in progress] == sorted(p.read for p in progress)
    assert all(p.read == p.sent + p.skipped and not p.waiting for p in progress)


def test_every_event_is_counted_as_history(imported: RunningHub) -> None:
    assert imported.query("SELECT count(*), count(*) FILTER (WHERE history) FROM hub.event") == [(EVENTS, EVENTS)]
    assert imported.query("SELECT heard_at FROM wall.app WHERE app = 'receipt'") == [(None,)]
    assert imported.query("SELECT count(*) FROM hub.reject") == [(0,)]


def test_states(imported: RunningHub, log: Log) -> None:
    found = imported.query("SELECT * FROM wall.states('permit', %s, %s)", *ALL_TIME)
    assert sorted(found) == sorted(
        (s, log.events(s), log.entered(s)) for s in ("submitted", "verified", "approved", "issued")
    )
    assert sum(events for _, events, _ in found) == EVENTS
    assert ("submitted", 1_434, 1_434) in found
    assert ("verified", 1_368, 1_316) in found


@pytest.mark.parametrize(
    ("name", "end", "cases", "within", "mean_h", "median_s", "p90_h"),
    [
        ("lead", "issued", 1_300, 910, 67.448, 342.032, 213.486),
        ("verify", "verified", 1_316, 1_163, 35.195, None, 47.756),
    ],
)
def test_durations(
    imported: RunningHub,
    log: Log,
    name: str,
    end: str,
    cases: int,
    within: int,
    mean_h: float,
    median_s: float | None,
    p90_h: float,
) -> None:
    expected = log.durations("submitted", end)
    assert (len(expected.values), expected.within(DAY)) == (cases, within)
    assert round(expected.mean_s / 3600, 3) == mean_h
    assert round(expected.percentile_s(0.9) / 3600, 3) == p90_h
    if median_s is not None:
        assert round(expected.percentile_s(0.5), 3) == median_s

    ((n, negative, mean, median, p90, inside, share),) = imported.query(
        "SELECT * FROM wall.duration('permit', %s, %s, %s, %s)", name, *ALL_TIME, DAY
    )
    assert (n, negative, inside, share) == (cases, 0, within, within / cases)
    assert mean == pytest.approx(expected.mean_s, rel=1e-9)
    assert median == pytest.approx(expected.percentile_s(0.5), rel=0.02)
    assert p90 == pytest.approx(expected.percentile_s(0.9), rel=0.02)


def test_net_lead_and_its_kpis(imported: RunningHub, log: Log) -> None:
    """In office hours: a walk over the days of each case, the hub's sums, and the KPIs of the example's catalogue."""
    net, gross = log.net_lead(), log.durations("submitted", "issued")
    ((n, _, mean, _, p90, inside, share),) = imported.query(
        "SELECT * FROM wall.duration('permit', 'lead', %s, %s, %s, clock => 'net')", *ALL_TIME, DAY
    )
    assert (n, inside, share) == (1_300, net.within(DAY), net.within(DAY) / 1_300)
    assert mean == pytest.approx(net.mean_s, rel=1e-12)
    assert p90 == pytest.approx(net.percentile_s(0.9), rel=0.02)
    assert mean < gross.mean_s
    assert inside > gross.within(DAY)

    kpis = {
        kpi: imported.query("SELECT n, value, status FROM wall.kpi_value(%s, %s, %s)", kpi, *ALL_TIME)[0]
        for kpi in ("lead-p90", "lead-mean", "lead-in-time")
    }
    assert {n for n, _, _ in kpis.values()} == {1_300}
    assert kpis["lead-p90"][1] == pytest.approx(net.percentile_s(0.9) / 3600, rel=0.02)
    # Working days of eight hours.
    assert kpis["lead-mean"][1] == pytest.approx(net.mean_s / 28_800, rel=1e-12)
    assert kpis["lead-in-time"][1] == pytest.approx(100 * net.within(DAY) / 1_300, rel=1e-12)
    # Above the warning at 80, though not yet clear of it at 85; nothing was shown before.
    assert kpis["lead-in-time"][2] == "ok"


@pytest.mark.parametrize("at", [datetime(2011, 5, 5, 12, tzinfo=UTC), datetime(2011, 12, 1, 9, 30, tzinfo=UTC)])
def test_overdue_permits(imported: RunningHub, log: Log, at: datetime) -> None:
    expected = log.overdue_at(at, DAY)
    assert expected > 5
    assert imported.query("SELECT coalesce(sum(overdue), 0)::bigint FROM wall.overdue('permit', %s)", at) == [
        (expected,)
    ]
    assert imported.query("SELECT value FROM wall.kpi_value('lead-overdue', %s, %s)", at, at) == [(expected,)]


def test_share_online(imported: RunningHub, log: Log) -> None:
    ((n, of_n, share),) = imported.query(
        "SELECT * FROM wall.channel_share('permit', 'submitted', 'online', %s, %s)", *ALL_TIME
    )
    assert (n, of_n, round(100 * share, 2)) == (1_250, 1_434, 87.17)
    assert share == pytest.approx(log.share_of_channel("Internet"), rel=1e-12)


@pytest.mark.parametrize("at", [datetime(2011, 5, 5, 12, tzinfo=UTC), datetime(2012, 6, 1, tzinfo=UTC)])
def test_open_cases(imported: RunningHub, log: Log, at: datetime) -> None:
    assert imported.query("SELECT open FROM wall.open('permit', %s)", at) == [(log.open_at(at),)]


def test_cases_out_of_order_are_counted_and_flagged(imported: RunningHub, log: Log) -> None:
    flagged = imported.query("SELECT case_id FROM hub.cases WHERE 'out_of_order' = ANY (flags)")
    assert {case for (case,) in flagged} == log.out_of_order()
    assert len(flagged) == 6
    assert imported.query("SELECT count(*) FROM hub.cases") == [(len(log.cases),)]


async def test_a_repeat_changes_nothing(imported: RunningHub, file: Path) -> None:
    figures, (counted, duplicates, rejected) = imported.figures(OPD), counts(imported)
    report = await run(imported, file)
    assert (report.sent, report.resumed_at) == (EVENTS, None)
    assert counts(imported) == (counted, duplicates + EVENTS, rejected)
    assert imported.figures(OPD) == figures


@pytest.fixture(scope="module")
def shuffled(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log with every row twice, in another order, compressed."""
    with file.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    rows *= 2
    random.Random(20101011).shuffle(rows)
    path = tmp_path_factory.mktemp("shuffled") / "log.csv.gz"
    with gzip.open(path, "wt", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([header, *rows])
    return path


#: Imports a file and dies (kill -9) when the checkpoint is written for the third time, before or after that.
DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from services.importer.checkpoint import Checkpoint
from services.importer.send import import_file

moment, path, map_path, url, zone, folder = sys.argv[1:]
write, calls = Checkpoint.write, []

def dying(self, standing):
    calls.append(standing)
    if len(calls) == 3 and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, standing)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoint.write = dying
asyncio.run(import_file(Path(path), Path(map_path), nats_url=url, timezone=zone, progress_folder=Path(folder)))
"""


def killed_import(hub: RunningHub, path: Path, moment: str) -> None:
    """Import in a process of its own that is killed at the given moment."""
    folder, url = hub.stack.state / "imports", hub.endpoints.nats_url_for("importer")
    words = [sys.executable, "-c", DYING, moment, str(path), str(MAP), url, ZONE, str(folder)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL


async def test_any_order_repetition_and_interruption(
    imported: RunningHub, another_hub: RunningHub, shuffled: Path
) -> None:
    """Twice each row, shuffled: into the same hub, and into a fresh one by an import that is killed twice."""
    figures = imported.figures(OPD)
    report = await run(imported, shuffled)
    assert (report.read, report.sent) == (2 * ROWS, 2 * EVENTS)
    assert imported.figures(OPD) == figures

    for moment in ("before", "after"):
        killed_import(another_hub, shuffled, moment)
    again = await run(another_hub, shuffled)
    # Two checkpoints of the first run (500 rows each), three of the second.
    assert again.resumed_at == 1 + 5 * 500
    assert replace(again, resumed_at=None) == report
    assert another_hub.figures(OPD) == figures
    counted, duplicates, rejected = counts(another_hub)
    assert (counted, rejected) == (EVENTS, 0)
    # Each row twice; and what was confirmed but not noted before the first death came a third time.
    assert EVENTS < duplicates <= EVENTS + 500
    assert list((another_hub.stack.state / "imports").iterdir()) == []


async def test_from_the_start_after_an_interruption(imported: RunningHub, file: Path) -> None:
    killed_import(imported, file, "after")
    report = await run(imported, file, from_start=True)
    assert (report.read, report.sent, report.resumed_at) == (ROWS, EVENTS, None)


async def test_cloud_events_are_the_same_events(imported: RunningHub, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl.gz"
    with open_source(file, load_map(MAP), ZoneInfo(ZONE)) as source, gzip.open(path, "wb") as out:
        for row in source.rows():
            if isinstance(row.outcome, Ready):
                out.write(row.outcome.body + b"\n")
    figures, (counted, duplicates, rejected) = imported.figures(OPD), counts(imported)
    report = await run(imported, path, None)
    assert (report.read, report.sent, dict(report.skipped)) == (EVENTS, EVENTS, {})
    assert counts(imported) == (counted, duplicates + EVENTS, rejected)
    assert imported.figures(OPD) == figures
