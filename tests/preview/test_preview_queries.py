"""Queries in view against a real database: frames, what is refused, and one run for all who look on."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from dashboards.macros import Variable
from dashboards.preview.live import Full, Live, Query, Result, prepare
from dashboards.preview.model import Dashboard
from dashboards.preview.variables import UnknownValue, choose
from services import db
from tests.databases import Database


class CountedLive(Live):
    """Notes each run of a query."""

    def __init__(self, pool: db.Pool) -> None:
        super().__init__(pool)
        self.runs: Counter[Query] = Counter()

    async def _ask(self, query: Query) -> Result:
        self.runs[query] += 1
        return await super()._ask(query)


@pytest.fixture
async def live(database: Database) -> AsyncIterator[CountedLive]:
    async with db.pool(database.url_for("grafana_reader"), size=4, name="preview", configure=prepare) as pool:
        live = CountedLive(pool)
        yield live
        await live.close()


async def frame(live: Live, sql: str, **options: Any) -> Any:
    result = await live.read(Query(sql, **options))
    assert result.problem is None, result.detail
    assert result.frame is not None
    return json.loads(result.frame)


async def test_a_table_keeps_its_columns_and_types(live: CountedLive) -> None:
    found = await frame(
        live,
        "SELECT 1.5::numeric AS n, 7::bigint AS i, 'kata' AS s, true AS b, NULL::int AS nothing,"
        " '2026-11-23T10:32:00+07'::timestamptz AS at, interval '90 seconds' AS lasted, ARRAY['a', 'b'] AS kinds",
    )
    assert found["columns"] == [
        ["n", "number"], ["i", "number"], ["s", "string"], ["b", "boolean"], ["nothing", "number"],
        ["at", "time"], ["lasted", "number"], ["kinds", "string"],
    ]  # fmt: skip
    assert found["rows"] == [[1.5, 7, "kata", True, None, 1_795_404_720_000, 90.0, "a, b"]]


async def test_a_time_series_has_one_column_a_series_in_the_order_of_time(live: CountedLive) -> None:
    sql = """
        SELECT to_timestamp(t) AS "time", m AS metric, v
        FROM (VALUES (120, 'b', 3), (60, 'a', 1), (60, 'b', 2)) AS x(t, m, v)
    """
    found = await frame(live, sql, form="time_series")
    assert [name for name, _ in found["columns"]] == ["time", "b", "a"]
    assert found["rows"] == [[60_000, 2, 1], [120_000, 3, None]]


@pytest.mark.parametrize(("fill", "middle"), [("0", 0.0), ("NULL", None), ("previous", 5)])
async def test_missing_groups_are_filled_as_asked(live: CountedLive, fill: str, middle: float | None) -> None:
    sql = f"""
        SELECT $__timeGroup(t, '1h', {fill}) AS "time", v
        FROM (VALUES ('2026-11-23T00:10Z'::timestamptz, 5), ('2026-11-23T02:50Z', 7)) AS x(t, v)
    """
    window = {"start": "2026-11-23T00:00:00Z", "end": "2026-11-23T02:59:59Z"}
    found = await frame(live, sql, form="time_series", **window)
    assert [value for _, value in found["rows"]] == [5, middle, 7]


async def test_a_time_as_a_number_of_seconds_is_a_time(live: CountedLive) -> None:
    found = await frame(live, 'SELECT 1795404720 AS "time", 1 AS v', form="time_series")
    assert found["rows"] == [[1_795_404_720_000, 1]]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT * FROM hub.event", "permission denied for schema hub"),
        ("SELECT nothing FROM wall.city", 'column "nothing" does not exist'),
        ("CREATE TABLE wall.mine ()", "cannot execute CREATE TABLE in a read-only transaction"),
        ("SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement"),
        ("SELECT $__timeRange(t)", "unknown macro $__timeRange"),
    ],
)
async def test_what_cannot_be_run_says_why_in_one_line(live: CountedLive, sql: str, says: str) -> None:
    assert await live.read(Query(sql)) == Result(None, "refused", says)


async def test_a_figure_that_no_frame_can_hold_is_refused(live: CountedLive) -> None:
    result = await live.read(Query('SELECT 1e300::float8 AS "time"'))
    assert (result.problem, result.frame) == ("refused", None)


class Flaky(Live):
    """Answers as it is told."""

    def __init__(self) -> None:
        super().__init__(db.pool("postgresql://nowhere", size=1, name="none"))
        self.away: set[Query] = set()

    async def _ask(self, query: Query) -> Result:
        return Result(None, "unreachable") if query in self.away else Result(b"{}")


async def test_one_query_that_is_not_answered_is_known_whatever_others_are() -> None:
    live, well, ill = Flaky(), Query("SELECT 1"), Query("SELECT 2")
    with live.watching([well, ill]) as viewer:
        while live.result(ill) is None or live.result(well) is None:
            await viewer.changes(1)
        assert live.unanswered_since([well, ill]) is None
        before = datetime.now(UTC)
        live.away.add(ill)
        while live.unanswered_since([well, ill]) is None:
            live.hint()
            await asyncio.sleep(0.05)
        since = live.unanswered_since([ill])
        assert since is not None
        assert since <= before
        assert live.unanswered_since([well]) is None
        assert live.result(ill) == Result(b"{}"), "the figure stays"
        live.away.clear()
        while live.unanswered_since([ill]) is not None:
            live.hint()
            await asyncio.sleep(0.05)
    await live.close()


async def test_there_is_an_end_of_different_queries(live: CountedLive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.preview.live._MOST", 2)
    one, two, three = (Query(f"SELECT {number}") for number in range(3))
    live.admit([one, two])
    with live.watching([one, two]):
        live.admit([two])
        with pytest.raises(Full):
            live.admit([three])


@pytest.mark.parametrize(
    ("state", "away"),
    [(None, True), ("08006", True), ("57P01", True), ("53200", False), ("53400", False), ("42703", False)],
)
async def test_only_a_server_that_is_gone_is_waited_for(
    live: CountedLive, monkeypatch: pytest.MonkeyPatch, state: str | None, away: bool
) -> None:
    class Fault(psycopg.OperationalError):
        sqlstate = state

    def fail(*_: object, **__: object) -> None:
        raise Fault("no")

    monkeypatch.setattr("dashboards.preview.live.frame", fail)
    assert (await live.read(Query("SELECT 1"))).problem == ("unreachable" if away else "refused")


def test_a_closed_rows_queries_are_not_asked() -> None:
    inner = {"id": 2, "type": "stat", "targets": [{"rawSql": "SELECT 2", "format": "table"}]}
    row = {"id": 1, "type": "row", "panels": [inner]}
    dashboard = Dashboard("id", {"uid": "x", "title": "X", "panels": [row]})
    assert dashboard.queries("UTC", [], opened=set()) == {}
    assert [query.sql for query in dashboard.queries("UTC", [], opened={"1"})[2]] == ["SELECT 2"]


async def test_a_time_series_without_a_time_is_refused(live: CountedLive) -> None:
    result = await live.read(Query("SELECT 1 AS v", form="time_series"))
    assert (result.problem, result.detail) == ("refused", "a time series needs a column named time")


async def test_a_query_that_is_ended_says_so(live: CountedLive, database: Database) -> None:
    endless = "SELECT 'preview-sleeps', count(*) FROM (SELECT generate_series(1, 1000000000000)) x"
    sleeping = asyncio.create_task(live.read(Query(endless)))
    cancel = """
        SELECT pg_cancel_backend(pid) FROM pg_stat_activity
        WHERE query LIKE '%preview-sleeps%' AND datname = current_database() AND pid <> pg_backend_pid()
    """
    url = database.endpoints.superuser_url or database.owner_url
    with psycopg.connect(url.rpartition("/")[0] + f"/{database.name}", autocommit=True) as superuser:
        while not superuser.execute(cancel).fetchall():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.05)
    assert (await sleeping).problem == "too_long"


async def test_however_many_look_on_a_query_runs_at_most_twice_a_second(live: CountedLive) -> None:
    clock, steady = Query("SELECT clock_timestamp()::text"), Query("SELECT 1")
    loop = asyncio.get_running_loop()
    heard: Counter[Query] = Counter()

    async def look_on() -> None:
        with live.watching([clock, steady]) as viewer:
            while True:
                heard.update(await viewer.changes(1))

    viewers = [asyncio.create_task(look_on()) for _ in range(20)]
    began = loop.time()
    while loop.time() - began < 2:
        live.hint()
        await asyncio.sleep(0.01)
    lasted = loop.time() - began
    for viewer in viewers:
        viewer.cancel()
    await asyncio.gather(*viewers, return_exceptions=True)
    # One at the beginning, then one each half second.
    assert 2 <= live.runs[clock] <= 1 + int(lasted / 0.5)
    assert 2 <= live.runs[steady] <= 1 + int(lasted / 0.5)
    assert heard[steady] == 20, "what did not change is told once to each"
    assert heard[clock] > 20


class Slow(Live):
    """Takes as long as it is told, run by run, and notes when each began."""

    def __init__(self, *took_s: float) -> None:
        super().__init__(db.pool("postgresql://nowhere", size=1, name="none"))
        self._took_s = took_s
        self.began: list[float] = []

    async def _ask(self, query: Query) -> Result:
        self.began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._took_s[min(len(self.began), len(self._took_s)) - 1])
        return Result(b"%d" % len(self.began))

    async def runs(self, number: int) -> None:
        async with asyncio.timeout(20):
            with self.watching([Query("SELECT 1")]):
                while len(self.began) < number:
                    self.hint()
                    await asyncio.sleep(0.01)
        await self.close()


async def test_a_query_that_is_slow_once_goes_on_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.preview.live._REST", 1000)
    # A new connection makes all its plans first; a rest would be of 300 seconds.
    await Slow(0.3, 0, 0.3, 0).runs(4)


async def test_a_query_that_is_slow_rests_for_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    live = Slow(0.3)
    await live.runs(3)
    assert live.began[2] - live.began[1] >= 4 * 0.3


async def test_a_page_that_is_loaded_again_and_again_runs_nothing_more(live: CountedLive) -> None:
    query = Query("SELECT 1")
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(50):
        await live.read(query)
    assert live.runs[query] <= 1 + int((loop.time() - began) / 0.5)


async def test_a_query_that_nobody_looks_at_comes_to_rest(live: CountedLive) -> None:
    query = Query("SELECT 1")
    await live.read(query)
    while live.result(query) is not None:
        live.hint()
        await asyncio.sleep(0.05)
    runs = live.runs[query]
    live.hint()
    await asyncio.sleep(0.1)
    assert live.runs[query] == runs


OPD = {
    "type": "query",
    "name": "opd",
    "query": "SELECT name AS __text, code AS __value"
    " FROM (VALUES ('Dinas Kesehatan', 'dinkes'), ('Dukcapil', 'dukcapil')) AS x(name, code)",
    "multi": True,
    "includeAll": True,
    "allValue": "'*'",
    "current": {"value": ["$__all"]},
}
UNIT = {"type": "query", "name": "unit", "query": {"query": "SELECT unnest(ARRAY[${opd:sqlstring}]) || '-1'"}}


async def test_variables_offer_what_their_queries_find_and_may_use_one_another(live: CountedLive) -> None:
    async def ask(sql: str, before: Any) -> Result:
        return await live.read(Query(sql, variables=tuple(before)))

    untouched = await choose([OPD, UNIT], {}, ask)
    assert untouched[0].options == [("Dinas Kesehatan", "dinkes"), ("Dukcapil", "dukcapil")]
    assert untouched[0].variable == Variable("opd", ("dinkes", "dukcapil"), several=True, all_value="'*'")
    assert untouched[1].variable == Variable("unit", ("*-1",))

    # In the order of the choices and once each: one choice is one query, however it is written.
    chosen = await choose([OPD, UNIT], {"opd": ["dukcapil", "dinkes", "dukcapil"], "unit": ["dinkes-1"]}, ask)
    assert chosen[0].variable == Variable("opd", ("dinkes", "dukcapil"), several=True)
    assert chosen[1].variable == Variable("unit", ("dinkes-1",))

    with pytest.raises(UnknownValue, match="opd has no value 'bpbd'"):
        await choose([OPD], {"opd": ["bpbd"]}, ask)


async def test_a_constant_cannot_be_chosen(live: CountedLive) -> None:
    async def ask(sql: str, before: Any) -> Result:
        raise AssertionError("a constant asks nothing")

    constant = {"type": "constant", "name": "kind", "query": "queue"}
    assert (await choose([constant], {}, ask))[0].variable == Variable("kind", ("queue",))
    with pytest.raises(UnknownValue):
        await choose([constant], {"kind": ["permit"]}, ask)
