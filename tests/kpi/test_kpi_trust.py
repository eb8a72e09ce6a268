"""Whether a figure may be believed: who was heard, whose unit is open, how far the hub is behind, what came late."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.kpi.town import Town, calendar, catalogue, kpi

WAIT = kpi("tunggu", "queue", {"type": "mean", "duration": "wait"}, unit="minutes", minimum_sample=2)
TICKETS = kpi("tiket", "queue", {"type": "count", "state": "issued"}, unit="count")
OFFICE = kpi(
    "izin",
    "permit",
    {"type": "count", "state": "submitted"},
    unit="count",
    filter={"kind": "permit", "opds": ["dinas"], "units": ["kantor"]},
)
MINUTE = timedelta(minutes=1)
JAKARTA = ZoneInfo("Asia/Jakarta")
#: A Monday at nine, and the Sunday before.
MONDAY = datetime(2025, 11, 17, 9, tzinfo=JAKARTA)
SUNDAY = MONDAY - timedelta(days=1)


def now() -> datetime:
    """The middle of the last whole minute, so that all windows hold it."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(seconds=30)


def said(town: Town, code: str) -> tuple[object, ...]:
    ((status, reason, value, n, heard, expected),) = town.wall(
        "SELECT status, reason, value, n, heard, expected FROM wall.kpi_now WHERE kpi = %s", code
    )
    return status, reason, value, n, heard, expected


async def test_a_live_figure_is_ok_and_a_silent_publisher_makes_it_stale(town: Town) -> None:
    await town.put_in_force(catalogue([WAIT]))
    at = now()
    tickets = [
        town.arrival("queue", state, at - minutes * MINUTE, f"A-{number}", app=app)
        for number, app in ((1, "a"), (2, "b"))
        for state, minutes in (("issued", 4), ("called", 1))
    ]
    await town.commit(tickets[:2])
    town.beat()
    # One is under-sampled, and of two publishers one was never heard.
    assert said(town, "tunggu") == ("stale", "silent", 3.0, 1, 1, 2)
    await town.commit(tickets[2:])
    assert said(town, "tunggu") == ("ok", "good", 3.0, 2, 2, 2)

    town.owner("UPDATE hub.heard SET last_at = last_at - interval '9 minutes', slot = slot - interval '10 minutes'")
    # Not heard within what they promised (5 minutes), but not for three times as long either.
    assert said(town, "tunggu") == ("ok", "good", 3.0, 2, 0, 2)
    town.owner("UPDATE hub.heard SET last_at = last_at - interval '6 minutes', slot = slot - interval '10 minutes'")
    assert said(town, "tunggu") == ("stale", "silent", 3.0, 2, 0, 2)


async def test_a_hub_that_lags_or_stands_still_makes_everything_stale(town: Town) -> None:
    await town.put_in_force(catalogue([WAIT]))
    at = now()
    await town.commit(
        town.arrival("queue", state, at - minutes * MINUTE, f"A-{number}", app=app)
        for number, app in ((1, "a"), (2, "b"))
        for state, minutes in (("issued", 4), ("called", 1))
    )
    assert said(town, "tunggu")[:2] == ("stale", "hub_lag"), "a hub without a pulse"
    town.beat(waiting_since=datetime.now(UTC) - timedelta(seconds=30))
    assert said(town, "tunggu")[:2] == ("ok", "good")
    town.beat(waiting_since=datetime.now(UTC) - timedelta(seconds=61))
    assert said(town, "tunggu")[:2] == ("stale", "hub_lag")
    town.beat(at=datetime.now(UTC) - timedelta(seconds=61))
    assert said(town, "tunggu")[:2] == ("stale", "hub_lag")
    assert town.wall("SELECT reason FROM wall.kpi_at(%s)", datetime.now(UTC)) == [("hub_lag",)]
    # What lies before the last pulse is known, and stays what it was.
    town.beat(waiting_since=at - 10 * MINUTE)
    for minutes, reason in ((0, "hub_lag"), (8, "hub_lag"), (9.2, "silent")):
        assert town.wall("SELECT reason FROM wall.kpi_at(%s)", at - minutes * MINUTE) == [(reason,)]
    ((status,),) = town.wall(
        "SELECT status FROM wall.kpi_series('tunggu', %s, %s, '1 day') ORDER BY at DESC LIMIT 1", at - 60 * MINUTE, at
    )
    assert status == "stale", "the day that runs is no better than now"


@pytest.mark.parametrize(("at", "expected"), [(MONDAY, (0, 2)), (SUNDAY, (0, 0))])
async def test_nobody_is_expected_while_the_unit_is_closed(town: Town, at: datetime, expected: tuple[int, int]) -> None:
    await town.put_in_force(catalogue([OFFICE]))
    await town.commit([town.arrival("permit", "submitted", SUNDAY - timedelta(days=3), "P-1")])
    ((heard, of, status, reason),) = town.wall("SELECT heard, expected, status, reason FROM wall.kpi_at(%s)", at)
    assert (heard, of) == expected
    assert (status, reason) == (("stale", "silent") if of else ("no_data", "no_value"))


async def test_zero_is_told_only_where_somebody_was_heard(town: Town) -> None:
    await town.put_in_force(catalogue([TICKETS]))
    await town.commit([town.arrival("app", "heartbeat", MONDAY, None)])
    window = (MONDAY - 30 * MINUTE, MONDAY + 30 * MINUTE)
    asked = "SELECT value, n FROM wall.kpi_value('tiket', %s, %s)"
    assert town.wall(asked, *window) == [(0.0, 0)]
    assert town.wall(asked, *(at - timedelta(days=1) for at in window)) == [(None, 0)]
    steps = town.wall(
        "SELECT at, value, status FROM wall.kpi_series('tiket', %s, %s, '1 day')", MONDAY - timedelta(days=1), MONDAY
    )
    assert [step[1:] for step in steps] == [(None, "no_data"), (0.0, "ok")]


async def test_late_events_show_in_the_share_and_raise_the_revision(town: Town) -> None:
    await town.put_in_force(catalogue([TICKETS], late_after=timedelta(minutes=10)))
    asked = "SELECT value, late_share, revision, commit_no FROM wall.kpi_value('tiket', %s, %s)"
    day = (MONDAY - 9 * 60 * MINUTE, MONDAY + 15 * 60 * MINUTE)
    await town.commit(town.arrival("queue", "issued", MONDAY, f"A-{number}") for number in range(3))
    assert town.wall(asked, *day) == [(3.0, 0.0, 1, 1)]
    # Another day does not touch this one.
    await town.commit([town.arrival("queue", "issued", MONDAY + timedelta(days=1), "B-1")])
    assert town.wall(asked, *day) == [(3.0, 0.0, 1, 2)]
    # Three days late: in the right day, and seen to have come.
    await town.commit([town.arrival("queue", "issued", MONDAY, "A-3", late=timedelta(days=3))])
    assert town.wall(asked, *day) == [(4.0, 0.25, 3, 3)]
    # Imported history is neither late nor timely.
    await town.commit([town.arrival("queue", "issued", MONDAY, "A-4", late=timedelta(days=900), history=True)])
    assert town.wall(asked, *day) == [(5.0, 0.25, 4, 4)]
    # Step by step as well.
    steps = town.wall(
        "SELECT value, heard, expected, commit_no, late_share, revision FROM wall.kpi_series('tiket', %s, %s, '1 day')",
        day[0],
        day[1] + MINUTE,
    )
    assert steps == [(5.0, 1, 2, 4, 0.25, 4), (0.0, 1, 2, 4, 0.0, 2)]
    # What counts as late is the catalogue's to say.
    await town.put_in_force(catalogue([TICKETS], late_after=timedelta(days=5)))
    assert town.wall(asked, *day)[0][1] == 0.0


async def test_a_value_between_raising_and_clearing_keeps_what_the_wall_showed(town: Town) -> None:
    await town.put_in_force(catalogue([TICKETS]))
    town.beat()
    at = now()
    await town.commit([town.arrival("app", "heartbeat", at, None, app=app) for app in ("a", "b")])
    await town.commit(town.arrival("queue", "issued", at, f"A-{number}") for number in range(52))
    assert said(town, "tiket")[:3] == ("warning", "raised", 52.0)
    town.owner("SELECT hub.note_statuses()")
    await town.commit(
        [town.arrival("queue", "voided", at, f"A-{number}", voids=f"e{number + 3}") for number in range(7)]
    )
    assert said(town, "tiket")[:3] == ("warning", "held", 45.0)
    await town.commit(
        [town.arrival("queue", "voided", at, f"A-{number}", voids=f"e{number + 3}") for number in range(7, 12)]
    )
    assert said(town, "tiket")[:3] == ("ok", "good", 40.0)
    town.owner("SELECT hub.note_statuses()")
    await town.commit(town.arrival("queue", "issued", at, f"C-{number}") for number in range(5))
    assert said(town, "tiket")[:3] == ("ok", "good", 45.0), "it was cleared, so nothing holds it"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("wall.states('queues', now(), now())", "queues is no kind of service; known: permit, queue, visit"),
        ("wall.duration('permit', 'lead', now(), now(), clock => 'nett')", "lead (net)"),
        ("wall.duration('queue', 'wait', now(), now(), clock => 'net')", "wait (gross)"),
        ("wall.states_by('queue', now() - interval '9 years', now(), 'units')", "units is no place"),
        ("wall.kpi_series('tiket', '-infinity', now(), '1 hour')", "more than 20000 steps"),
        ("wall.states_over('queue', '-infinity', 'infinity', '1 hour')", "more than 20000 steps"),
        ("wall.kpi_series('tiket', now() - interval '1 day', now(), '1 minute')", "a step is whole hours"),
        ("wall.throughput(now() - interval '1 day', now(), '0')", "a step is whole minutes"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_one_line(town: Town, call: str, says: str) -> None:
    await town.put_in_force(catalogue([TICKETS]))
    await town.commit([town.arrival("queue", "issued", MONDAY, "A-1")])
    with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
        town.wall(f"SELECT * FROM {call}")
    assert says in str(refused.value.diag.message_primary)


async def test_moments_beyond_all_years_are_answered(town: Town) -> None:
    await town.put_in_force(catalogue([TICKETS]))
    await town.commit([town.arrival("queue", "issued", MONDAY, "A-1")])
    assert town.wall("SELECT n FROM wall.kpi_value('tiket', '-infinity', 'infinity')") == [(1,)]
    assert town.wall("SELECT n FROM wall.kpi_at('-infinity')") == []
    assert town.wall("SELECT cases FROM wall.states('queue', '-infinity', 'infinity')") == [(1,)]
    assert town.wall("SELECT open FROM wall.open('queue', 'infinity')") == [(0,)]


async def test_a_unit_that_never_closes_is_always_expected_to_be_heard(town: Town) -> None:
    week = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
    await town.put_in_force(catalogue([OFFICE], office=calendar(hours=week)))
    assert town.wall("SELECT heard, expected, reason FROM wall.kpi_at(%s)", SUNDAY) == [(0, 2, "silent")]


async def test_months_of_a_series_are_local_months(town: Town) -> None:
    await town.put_in_force(catalogue([TICKETS]))
    await town.commit([town.arrival("queue", "issued", MONDAY, "A-1")])
    steps = "SELECT at FROM wall.kpi_series('tiket', %s, %s, %s)"
    months = town.wall(steps, MONDAY - timedelta(days=29), MONDAY, "1 month")
    assert [at.astimezone(JAKARTA).strftime("%m-%d %H:%M") for (at,) in months] == ["10-01 00:00", "11-01 00:00"]
    weeks = town.wall(steps, MONDAY - timedelta(days=3), MONDAY, "7 days")
    assert [at.astimezone(JAKARTA).strftime("%m-%d") for (at,) in weeks] == ["11-10", "11-17"]
