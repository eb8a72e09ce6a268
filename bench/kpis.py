"""What the figures of the wall cost as the city grows: a fresh database of each size, asked as Grafana asks."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from rich.console import Console

from bench.machine import Machine
from bench.panels import statements
from bench.processes import cpu_seconds
from bench.seed import seed
from deploy.local import postgres
from opd_schemas.catalogue import Catalogue

SIZES = (1_000_000, 5_000_000, 10_000_000)
_READER = "grafana_reader"
_RUNS, _PANEL_RUNS, _WARM = 100, 20, 5
_TARGET_MS, _WALL_MS = 50, 300
#: Panels told of, and the width of a name.
_SHOWN, _NAME = 20, 46
_ROUND_TRIP, _ONE_FIGURE = "a round trip (SELECT 1)", "one figure's rows counted"
#: Without a KPI's function: what any statement costs, and the least that reading one figure does.
_CEILINGS = {
    _ROUND_TRIP: "SELECT 1",
    _ONE_FIGURE: """
SELECT count(*), sum(n) FROM hub.figure_day
WHERE figure_no = (SELECT figure_no FROM hub.kpi WHERE kpi = 'adminduk-tunggu-p90')""",
}
_KPI_SERIES = "SELECT * FROM wall.kpi_series('{}', now() - interval '12 months', now(), '1 day')"
_PROMISED = {
    "all KPIs now": "SELECT * FROM wall.kpi_now",
    "12 months daily: a share": _KPI_SERIES.format("adminduk-tunggu-30-menit"),
    "12 months daily: a count": _KPI_SERIES.format("mpp-terlayani"),
    "12 months daily: a 90th percentile": _KPI_SERIES.format("adminduk-tunggu-p90"),
    "12 months daily: open permits": _KPI_SERIES.format("izin-nakes-terlambat"),
    "12 months daily: waiting patients": _KPI_SERIES.format("puskesmas-menunggu"),
}
_TABLES = (
    *("ledger", "event", "cases", "contribution", "rollup_hour", "rollup_day", "within_hour", "within_day"),
    *("figure_hour", "figure_day", "term", "heard", "arrival_day", "commit_log"),
)
_SHAPE = """
SELECT (SELECT count(*) FROM hub.series), (SELECT count(DISTINCT bin) FROM hub.rollup_day WHERE bin > 0),
       (SELECT count(*) FROM hub.figure), (SELECT count(*) FROM wall.kpi), pg_database_size(current_database())
"""
# The hub's pulse, as its services would have it; without it every status is that of a hub that is behind.
_BEAT = "UPDATE hub.pulse SET at = now()"


@dataclass(frozen=True)
class Cost:
    """How long one statement took, and of it the database's processor, in milliseconds."""

    p50: float
    p95: float
    cpu: float


@dataclass(frozen=True)
class Size:
    """One database: what it holds, and what each statement cost there."""

    rows: dict[str, int]
    series: int
    bins: int
    figures: int
    kpis: int
    disk_bytes: int
    seeded_s: float
    ceilings: dict[str, Cost]
    costs: dict[str, Cost]
    panels: dict[str, Cost]


def at_ten(catalogue: Catalogue, now: datetime) -> Catalogue:
    """The same city where it is ten in the morning `now` (UTC): its day has figures, whatever the hour here."""
    ahead = (10 - now.hour + 11) % 24 - 11
    # These names tell how far UTC is ahead.
    city = catalogue.city.model_copy(update={"timezone": f"Etc/GMT{-ahead:+d}"})
    return catalogue.model_copy(update={"city": city})


async def measure(machine: Machine, events: int, progress: Console) -> Size:
    """Seed a fresh database with about `events` events of twelve months and ask it."""
    await asyncio.to_thread(machine.new_database)
    url = machine.endpoints.database_url
    began = time.monotonic()
    with progress.status("") as status:
        await seed(
            *(url, events),
            until=datetime.now(UTC).replace(microsecond=0),
            on_step=lambda step: status.update(f"{events:,} events are seeded: {step} ..."),
        )
        seeded = time.monotonic() - began
        status.update(f"{events:,} events: measuring ...")
        server = machine.stack.pid(postgres.NAME) or 0
        return await asyncio.to_thread(
            ask, url, machine.endpoints.database_url_for(_READER), seeded, lambda: cpu_seconds(server)
        )


def ask(owner_url: str, reader_url: str, seeded_s: float, cpu: Callable[[], float]) -> Size:
    """Measure a database that is seeded; `cpu` tells the processor seconds of its server so far."""
    with (
        psycopg.connect(owner_url, autocommit=True) as owner,
        psycopg.connect(reader_url, autocommit=True) as reader,
    ):
        owner.execute(_BEAT)
        ceilings = {name: _cost(owner, statement, cpu) for name, statement in _CEILINGS.items()}
        costs = {name: _cost(reader, statement, cpu) for name, statement in _PROMISED.items()}
        panels = {name: _cost(reader, statement, cpu, _PANEL_RUNS) for name, statement in statements(reader).items()}
        shape = owner.execute(_SHAPE).fetchone()
        assert shape is not None
        counted = (owner.execute(f"SELECT count(*) FROM hub.{table}".encode()).fetchone() for table in _TABLES)
        rows = {table: row[0] for table, row in zip(_TABLES, counted, strict=True) if row}
    series, bins, figures, kpis, disk_bytes = shape
    return Size(rows, series, bins, figures, kpis, disk_bytes, seeded_s, ceilings, costs, panels)


def _cost(connection: psycopg.Connection, statement: str, cpu: Callable[[], float], runs: int = _RUNS) -> Cost:
    def run() -> float:
        began = time.perf_counter()
        # Unprepared, as Grafana asks: planning is part of the cost.
        connection.execute(statement.encode(), prepare=False).fetchall()
        return (time.perf_counter() - began) * 1000

    for _ in range(_WARM):
        run()
    before = cpu()
    took = [run() for _ in range(runs)]
    spent = cpu() - before
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    return Cost(cuts[9], cuts[18], spent / runs * 1000)


def print_sizes(sizes: Sequence[Size]) -> None:
    """What was measured, a column for each size."""
    _line("events", [f"{size.rows['event']:,}" for size in sizes])
    _line("seeded in s", [f"{size.seeded_s:.0f}" for size in sizes])
    _line("series", [f"{size.series:,}" for size in sizes])
    _line("bins in use", [f"{size.bins:,}" for size in sizes])
    _line("figures, KPIs", [f"{size.figures}, {size.kpis}" for size in sizes])
    for table in _TABLES:
        if table != "event":
            _line(f"rows of hub.{table}", [f"{size.rows[table]:,}" for size in sizes])
    _line("on disk, MB", [f"{size.disk_bytes / 1e6:,.0f}" for size in sizes])
    print(f"\n{_RUNS} runs of each ({_PANEL_RUNS} of a panel), warm: p50 / p95 in ms; processor time of the")
    print(f"database in ms; p95 as so many times that of: {_ONE_FIGURE}")
    for name in _CEILINGS:
        _line(name, [_times(size, size.ceilings[name]) for size in sizes])
    print(f"\ntarget: p95 < {_TARGET_MS} ms")
    for name in _PROMISED:
        _line(name, [_times(size, size.costs[name]) for size in sizes])
    print(f"\nthe dashboards' {len(sizes[-1].panels)} panels, slowest first (target: p95 < {_TARGET_MS} ms)")
    slowest = sorted(sizes[-1].panels, key=lambda name: -sizes[-1].panels[name].p95)
    for name in slowest[:_SHOWN]:
        _line(name[:_NAME], [_times(size, size.panels[name]) for size in sizes])
    within = [f"{sum(cost.p95 < _TARGET_MS for cost in size.panels.values())}" for size in sizes]
    _line("panels within the target", within)
    wall = [sum(cost.cpu for name, cost in size.panels.items() if name.startswith("city-wall:")) for size in sizes]
    _line(f"city wall, all of it, ms (< {_WALL_MS})", [f"{each:.0f}" for each in wall])


def _times(size: Size, cost: Cost) -> str:
    times = cost.p95 / size.ceilings[_ONE_FIGURE].p95
    return f"{cost.p50:.1f} / {cost.p95:.1f}; {cost.cpu:.1f}; {times:.1f}x"


def _line(name: str, cells: Sequence[str]) -> None:
    print(f"{name:{_NAME + 2}}" + "".join(f"{cell:>28}" for cell in cells))
