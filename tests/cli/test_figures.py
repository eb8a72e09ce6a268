"""The demo's figures as the commands tell them: books close, measures agree, verify finds and mends."""

import re

import psycopg

from tests.cli.conftest import Warroom


def test_the_books_close_and_everything_happened(warroom: Warroom) -> None:
    status = warroom.json("status")
    books = status["books"]
    assert books["close"]
    assert books["accepted"] == books["counted"] + books["duplicates"] + books["quarantined"] >= 10_000
    assert books["duplicates"] > 0
    assert sum(status["quarantine"].values()) > 0
    assert {"time_ahead", "personal_data", "conflict"} <= status["quarantine"].keys()
    assert all(stream["lag"] == 0 for stream in status["streams"])
    assert any(not application["silent"] for application in status["applications"])


def test_a_message_in_two_places_opens_the_books(warroom: Warroom) -> None:
    with psycopg.connect(warroom.endpoints().database_url) as connection:
        twice = connection.execute(
            """INSERT INTO hub.duplicate (inbox_created, inbox_seq, source_id, event_id, batch_id)
               SELECT inbox_created, inbox_seq, source_id, event_id, batch_id FROM hub.ledger
               ORDER BY inbox_created, inbox_seq LIMIT 1 RETURNING inbox_created, inbox_seq"""
        ).fetchone()
    try:
        books = warroom.json("status")["books"]
        assert books["in_two_places"] == 1
        assert not books["close"]
    finally:
        with psycopg.connect(warroom.endpoints().database_url) as connection:
            connection.execute("DELETE FROM hub.duplicate WHERE (inbox_created, inbox_seq) = (%s, %s)", twice)
    assert warroom.json("status")["books"]["close"]


def test_status_fits_a_narrow_screen(warroom: Warroom) -> None:
    lines = warroom("status", COLUMNS="80").stdout.splitlines()
    assert any(line.rstrip().endswith("live") for line in lines)
    assert any("disdukcapil" in line or "disdukca" in line for line in lines)


def test_numbers_are_written_as_each_language_does(warroom: Warroom) -> None:
    books = warroom.json("status")["books"]
    events = warroom.json("measure", "queue")["events"]
    assert min(events, books["accepted"]) >= 1000
    for lang, mark in (("id", "."), ("en", ",")):
        said = " ".join(warroom("status", lang=lang).stdout.split())
        assert f" {books['accepted']:,} = ".replace(",", mark) in said
        said = warroom("measure", "queue", lang=lang).stdout
        assert f": {events:,}\n".replace(",", mark) in said
        shares = re.findall(r"online (\d+[.,]\d\d)%", said)
        assert shares
        assert mark not in shares[0]


def test_measure_agrees_with_the_raw_events(warroom: Warroom) -> None:
    with psycopg.connect(warroom.endpoints().database_url) as connection:
        rows = connection.execute(
            """SELECT s.kind, e.state, count(*) FROM hub.event e JOIN hub.series s USING (series_id)
               WHERE e.state <> 'voided' AND NOT EXISTS (
                   SELECT FROM hub.event v JOIN hub.series t USING (series_id)
                   WHERE v.state = 'voided' AND v.voids = e.event_id AND v.source_id = e.source_id
                     AND (v.case_id, t.kind, t.opd) = (e.case_id, s.kind, s.opd))
               GROUP BY 1, 2"""
        ).fetchall()
    for kind in ("queue", "permit", "visit"):
        states = warroom.json("measure", kind)["states"]
        counted = {state: n for k, state, n in rows if k == kind}
        if kind == "visit":
            # Of a health kind, none of fewer than five, and others to the nearest five.
            counted = {state: (n + 2) // 5 * 5 if n >= 5 else None for state, n in counted.items()}
        assert {name: row["events"] for name, row in states.items()} == counted
        assert warroom("measure", kind).returncode == 0


def test_measure_filters_and_limits(warroom: Warroom) -> None:
    whole = warroom.json("measure", "queue", "--limit", "PT10S")
    part = warroom.json("measure", "queue", "--limit", "10", "--opd", "disdukcapil")
    assert 0 < part["events"] < whole["events"]
    wait = whole["durations"]["wait"]
    asked = [limit for limit in wait["limits"] if limit["limit_s"] == 10]
    assert len(asked) == 1
    assert 0 < asked[0]["within"] <= wait["n"]
    shares = [row["share"] for name, row in whole["channels"].items() if name != "of"]
    assert abs(sum(shares) - 1) < 1e-9
    assert warroom.json("measure", "queue", "--to", "2020-01-01")["events"] == 0


def test_measure_reads_as_a_table(warroom: Warroom) -> None:
    done = warroom("measure", "permit", lang="id")
    assert done.returncode == 0
    assert "Perizinan" in done.stdout
    assert "rata-rata" in done.stdout
    lead = warroom.json("measure", "permit")["durations"]["lead"]
    assert lead["net"]["n"] == lead["n"]
    assert lead["net"]["mean_s"] <= lead["mean_s"]
    assert "lead (bersih)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_verify_names_and_mends_each_difference(warroom: Warroom) -> None:
    assert warroom.json("verify")["differences"] == []
    with psycopg.connect(warroom.endpoints().database_url) as connection:
        connection.execute(
            """UPDATE hub.rollup_day SET n = n + 1
               WHERE (measure_id, day, series_id, bin) = (SELECT measure_id, day, series_id, bin FROM hub.rollup_day
                                                          ORDER BY 1, 2, 3, 4 LIMIT 1)"""
        )
        connection.execute("DELETE FROM hub.contribution WHERE case_no = (SELECT min(case_no) FROM hub.contribution)")
        connection.execute("UPDATE hub.cases SET state = 'lost' WHERE case_no = (SELECT max(case_no) FROM hub.cases)")
    done = warroom("verify")
    assert done.returncode == 1
    assert "rollup_day queue" in done.stdout or "rollup_day" in done.stdout
    assert "contributions of" in done.stdout
    assert "'lost'" in done.stdout
    assert "warroom verify --repair" in done.stdout
    mended = warroom("verify", "--repair")
    assert mended.returncode == 0, mended.stdout
    assert "0 left" in mended.stdout
    assert warroom.json("verify")["differences"] == []
