"""The meaning of a case, by examples: `merge.yaml`."""

from collections import Counter
from datetime import datetime
from itertools import count, islice, permutations, product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ruamel.yaml import YAML

from opd_schemas.events import KINDS
from services.aggregator.merge import Meaning, Series, SeriesKey, Transition, merge
from services.aggregator.rules import City, Rules, measure_names
from services.micros import to_us

EXAMPLES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("merge.yaml"))
ZONE = ZoneInfo("Asia/Jakarta")
USUAL = {"unit": "u1", "service": "s1", "channel": "onsite", "app": "a"}
APPS = {1: "a", 2: "b", 3: "c"}
MEASURES = dict(
    zip(
        [
            (kind, role, name)
            for kind, lifecycle in KINDS.items()
            if lifecycle.has_cases
            for role, name, *_ in measure_names(lifecycle)
        ],
        count(1),
        strict=False,
    )
)
SERIES = {
    number: Series("opd", *names)
    for number, names in enumerate(product(KINDS, ("u1", "u2"), ("s1", "s2"), ("online", "onsite")), 1)
}
SERIES_IDS: dict[SeriesKey, int] = {series: number for number, series in SERIES.items()}
APP_IDS = {app: number for number, app in APPS.items()}


def at_us(text: str | None) -> int | None:
    if text is None:
        return None
    return to_us(datetime.fromisoformat(f"2025-11-{text if 'T' in text else f'17T{text}'}+07:00"))


def fields(words: list[str]) -> dict[str, str]:
    return USUAL | dict(word.split("=") for word in words)


def series_id(kind: str, named: dict[str, str]) -> int:
    return SERIES_IDS[Series("opd", kind, named["unit"], named["service"], named["channel"])]


def transition(kind: str, number: int, text: str) -> Transition:
    clock, state, *rest = text.split()
    named = {"id": f"e{number}"} | fields(rest)
    time = at_us(clock)
    assert time is not None
    return Transition(time, state, series_id(kind, named), APP_IDS[named["app"]], named["id"])


def contribution(kind: str, text: str) -> tuple[int, int, int | None, int]:
    clock, name, value, *rest = text.split()
    if value == "negative":
        role, amount = "negative", 0
    elif value == "net":
        role, amount = "net", int(rest.pop(0)) * 1_000_000
    elif (kind, "level", name) in MEASURES or (kind, "signal", name) in MEASURES:
        role, amount = "level" if (kind, "level", name) in MEASURES else "signal", int(value)
    elif (kind, "state", name) in MEASURES:
        role, amount = "state", int(value)
    else:
        role, amount = "duration", int(value) * 1_000_000
    return series_id(kind, fields(rest)), MEASURES[kind, role, name], at_us(clock), amount


def meaning_of(kind: str, transitions: list[Transition], voids: set[tuple[int, str]]) -> Meaning:
    return merge(
        Rules(KINDS[kind], MEASURES, City(ZONE, None)),
        transitions,
        voids,
        app_of=APPS,
        series_of=SERIES,
        series_ids=SERIES_IDS,
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["about"])
def test_example(example: dict[str, Any]) -> None:
    kind, case = example["kind"], example["case"]
    transitions = [transition(kind, number, text) for number, text in enumerate(example["events"], 1)]
    voids = {(APP_IDS[app], event_id) for app, event_id in (void.split("/") for void in example.get("voids", ()))}

    meaning = meaning_of(kind, list(transitions), voids)
    plain = {number for (_, role, _), number in MEASURES.items() if role in ("state", "duration", "negative")}
    found = Counter(meaning.contributions)
    told = Counter({each: n for each, n in found.items() if each.measure_id in plain})
    assert told == Counter(contribution(kind, text) for text in example["means"])
    if "also" in example:
        assert found - told == Counter(contribution(kind, text) for text in example["also"])
    assert (meaning.opened_us, meaning.closed_us, meaning.last_us) == tuple(
        at_us(case[name]) for name in ("opened", "closed", "last")
    )
    assert meaning.state == case["state"]
    assert meaning.flags == case.get("flags", [])
    assert meaning.missing_series == []
    if case["state"] is not None:
        last = SERIES[meaning.series_id or 0]
        assert (last.unit, last.service) == (case.get("unit", "u1"), case.get("service", "s1"))
        assert meaning.channel == case.get("channel", "onsite")

    # The order in which the events came says nothing.
    for order in islice(permutations(transitions[::-1]), 200):
        assert meaning_of(kind, list(order), voids) == meaning


def test_a_place_without_a_number_is_asked_for() -> None:
    """A duration ends where the first event's channel was never seen."""
    issued, called = (
        transition("queue", 1, "08:00 issued channel=online"),
        transition("queue", 2, "08:10 called unit=u2"),
    )
    needed = Series("opd", "queue", "u2", "s1", "online")
    known = {series: number for series, number in SERIES_IDS.items() if series != needed}
    meaning = merge(
        Rules(KINDS["queue"], MEASURES, City(ZONE, None)),
        [issued, called],
        set(),
        app_of=APPS,
        series_of=SERIES,
        series_ids=known,
    )
    assert meaning.missing_series == [needed]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        (
            "Asia/Jakarta",
            [
                ("2025-11-16T17:00Z", "2025-11-17T17:00Z"),
                ("2025-11-17T16:59:59.999999Z", "2025-11-17T17:00Z"),
                ("2025-11-17T17:00Z", "2025-11-18T17:00Z"),
            ],
        ),
        # Days that turn within an hour of UTC.
        (
            "Asia/Kolkata",
            [("2025-11-17T18:29:59.999999Z", "2025-11-17T18:30Z"), ("2025-11-17T18:30Z", "2025-11-18T18:30Z")],
        ),
        ("Asia/Kathmandu", [("2025-11-17T18:14Z", "2025-11-17T18:15Z"), ("2025-11-17T18:15Z", "2025-11-18T18:15Z")]),
        # A day of 25 hours and one of 23.
        ("Europe/Amsterdam", [("2025-10-25T22:00Z", "2025-10-26T23:00Z"), ("2025-03-29T23:00Z", "2025-03-30T22:00Z")]),
    ],
)
def test_the_end_of_the_local_day(zone: str, days: list[tuple[str, str]]) -> None:
    rules = Rules(KINDS["queue"], MEASURES, City(ZoneInfo(zone), None))
    for moment, midnight in [*days, *reversed(days)]:  # the second time from memory
        assert rules.next_midnight(to_us(datetime.fromisoformat(moment))) == to_us(datetime.fromisoformat(midnight))
