"""Health: no cell of one to four cases is told by any function of the wall, nor by the difference of two of them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.kpi.town import Town, catalogue, kpi

NINE = datetime(2025, 11, 17, 9, tzinfo=ZoneInfo("Asia/Jakarta"))
HOUR = timedelta(hours=1)
DAY = (NINE - 9 * HOUR, NINE + 15 * HOUR)
KPIS = [
    kpi("kunjungan", "visit", {"type": "count", "state": "registered"}, unit="count"),
    kpi("rujukan", "visit", {"type": "share_of_states", "states": ["referred"], "of": ["registered"]}),
    kpi("tunggu", "visit", {"type": "p90", "duration": "wait"}, unit="minutes"),
    kpi("menunggu", "visit", {"type": "open", "waiting": True}, unit="count"),
]


async def visits(
    town: Town, n: int, *, unit: str = "kantor", at: datetime = NINE, first: int = 0, referred: int = 0
) -> None:
    arrivals = []
    for number in range(first, first + n):
        case = f"{unit}-{number}"
        arrivals.append(town.arrival("visit", "registered", at, case, unit=unit))
        arrivals.append(town.arrival("visit", "examined", at + timedelta(minutes=7, seconds=number), case, unit=unit))
        if number < referred:
            arrivals.append(town.arrival("visit", "referred", at + HOUR, case, unit=unit))
    await town.commit(arrivals)


async def heartbeats(town: Town) -> None:
    """Everybody is heard to the end of the day, so that nothing is stale."""
    last = DAY[1] - timedelta(minutes=1)
    await town.commit([town.arrival("app", "heartbeat", last, None, app=app) for app in ("a", "b")])


async def test_three_patients_are_nowhere_to_be_seen(town: Town) -> None:
    await town.put_in_force(catalogue(KPIS))
    await visits(town, 3, referred=1)
    await heartbeats(town)
    at = NINE + HOUR / 2
    assert {row[1:] for row in town.wall("SELECT * FROM wall.states('visit', %s, %s)", *DAY)} == {(None, None)}
    assert {row[-2:] for row in town.wall("SELECT * FROM wall.states_by('visit', %s, %s, 'unit')", *DAY)} == {
        (None, None)
    }
    assert {row[-2:] for row in town.wall("SELECT * FROM wall.states_over('visit', %s, %s, '1 hour')", *DAY)} == {
        (None, None)
    }
    assert town.wall("SELECT * FROM wall.channel_share('visit', 'registered', 'onsite', %s, %s)", *DAY) == [
        (None, None, None)
    ]
    assert town.wall("SELECT * FROM wall.duration('visit', 'wait', %s, %s, '1 hour')", *DAY) == [
        (None, 0, None, None, None, None, None)
    ]
    assert {
        row[2:] for row in town.wall("SELECT * FROM wall.duration_by('visit', 'wait', %s, %s, 'unit', '1 hour')", *DAY)
    } == {(None,) * 6}
    assert {
        row[1:] for row in town.wall("SELECT * FROM wall.duration_over('visit', 'wait', %s, %s, '1 hour')", *DAY)
    } == {(None,) * 4}
    assert town.wall("SELECT * FROM wall.open('visit', %s)", at) == [(None, 0, None, None, 0)]
    # Nor when they came, by asking from moment to moment within their hour.
    moments = [NINE + timedelta(minutes=minute) for minute in range(-59, 1, 7)]
    assert {town.wall("SELECT * FROM wall.open('visit', %s)", moment)[0] for moment in moments} == {
        (0, 0, None, None, 0)
    }
    assert town.wall("SELECT * FROM wall.open_by_state('visit', %s)", at) == []
    found = town.wall("SELECT * FROM wall.integrity('visit', %s, %s)", *DAY)
    assert all(count in (None, 0) for row in found for count in row[2:])
    for code in ("kunjungan", "rujukan", "tunggu"):
        asked = "SELECT value, n, achievement, status, reason FROM wall.kpi_value(%s, %s, %s)"
        assert town.wall(asked, code, *DAY) == [(None, None, None, "no_data", "suppressed")]
        steps = town.wall("SELECT value, n, status FROM wall.kpi_series(%s, %s, %s, '1 day')", code, *DAY)
        assert (None, None, "no_data") in steps


async def test_no_difference_tells_of_fewer_than_five(town: Town) -> None:
    """Twenty patients at one unit and three at another; twenty in one hour and three in the next."""
    await town.put_in_force(catalogue(KPIS))
    await visits(town, 20)
    await visits(town, 3, unit="ugd")
    await visits(town, 3, at=NINE + 2 * HOUR, first=20)

    def registered(*, unit: list[str] | None = None, until: datetime = DAY[1]) -> int:
        rows = town.wall("SELECT state, cases FROM wall.states('visit', %s, %s, NULL, %s::text[])", DAY[0], until, unit)
        return dict(rows)["registered"]

    cells = [
        registered(),
        registered(unit=["kantor"]),
        registered(until=NINE + HOUR),
        registered(unit=["kantor"], until=NINE + HOUR),
        # Within the hour nothing is told apart, whatever minute is asked for.
        registered(unit=["kantor"], until=NINE + timedelta(minutes=1)),
        *(value for (value,) in town.wall("SELECT value FROM wall.kpi_value('kunjungan', %s, %s)", *DAY)),
    ]
    assert all(cell % 5 == 0 for cell in cells)
    assert not {abs(a - b) for a in cells for b in cells} & {1, 2, 3, 4}
    assert cells[3] == cells[4] == 20


async def test_a_share_that_would_tell_of_a_few_is_hidden_too(town: Town) -> None:
    await town.put_in_force(catalogue(KPIS))
    await visits(town, 40, referred=3)
    await heartbeats(town)
    asked = "SELECT value, n, reason FROM wall.kpi_value('rujukan', %s, %s)"
    assert town.wall(asked, *DAY) == [(None, 40, "suppressed")]
    await visits(town, 60, unit="ugd", referred=17)
    assert town.wall(asked, *DAY) == [(20.0, 100, "good")]
    # Nor by asking from limit to limit.
    for limit in ("420 seconds", "425 seconds", "1 hour"):
        ((within, within_share),) = town.wall(
            "SELECT within, within_share FROM wall.duration('visit', 'wait', %s, %s, %s)", *DAY, limit
        )
        assert (within, within_share) == (None, None)
    # Nobody's own waiting time: the middle of a bin of two percent, and whole seconds.
    ((mean, p90),) = town.wall("SELECT mean_s, p90_s FROM wall.duration('visit', 'wait', %s, %s)", *DAY)
    waits = sorted([420 + n for n in range(40)] + [420 + n for n in range(60)])
    assert mean == round(sum(waits) / 100)
    assert abs(p90 / waits[89] - 1) < 0.02
    assert p90 not in waits


async def test_a_few_late_events_are_not_told_of(town: Town) -> None:
    await town.put_in_force(catalogue(KPIS))
    await visits(town, 20)
    late = [town.arrival("visit", "registered", NINE, f"late-{n}", late=timedelta(hours=2)) for n in range(3)]
    await town.commit(late)
    asked = "SELECT late_share FROM wall.kpi_value('kunjungan', %s, %s)"
    assert town.wall(asked, *DAY) == [(None,)]
    await town.commit(
        [town.arrival("visit", "registered", NINE, f"later-{n}", late=timedelta(hours=2)) for n in range(4)]
    )
    assert town.wall(asked, *DAY) == [(5 / 45,)]
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        town.wall("SELECT * FROM wall.throughput(now() - interval '1 hour', now(), '1 millisecond')")


async def test_too_few_are_judged_by_their_true_number(town: Town) -> None:
    """Eight are told as ten, and are still fewer than ten."""
    few = kpi(
        "rujukan", "visit", {"type": "share_of_states", "states": ["referred"], "of": ["registered"]}, minimum_sample=10
    )
    await town.put_in_force(catalogue([few]))
    await visits(town, 8)
    await heartbeats(town)
    asked = "SELECT n, status, reason FROM wall.kpi_value('rujukan', %s, %s)"
    assert town.wall(asked, *DAY) == [(10, "no_data", "under_sampled")]
