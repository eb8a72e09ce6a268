"""The helpers: one for each state of each kind, and what they write is what the contract reads."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from opd_schemas.event import Event, parse
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED
from opd_sdk import Hub, InvalidEvent

CASES = [kind for kind, lifecycle in KINDS.items() if lifecycle.has_cases]
STATES = [(kind, state.name) for kind in CASES for state in KINDS[kind].states]


@pytest.fixture
def hub() -> Hub:
    """Drafts only, so it never connects."""
    return Hub("nats://127.0.0.1:1", opd="dukcapil", app="antrean", timezone="Asia/Makassar")


def call(hub: Hub, kind: str, state: str, **fields: Any) -> Event:
    fields = {"unit": "loket", "service": "ktp", **fields}
    if kind == "queue":
        fields.setdefault("ticket", "A-001")
        if state == "transferred":
            fields.setdefault("issued_by", "kios")
    else:
        fields.setdefault("case", "K/2026/17")
    event: Event = getattr(getattr(hub.draft, kind), state)(**fields)
    return event


@pytest.mark.parametrize(("kind", "state"), STATES)
def test_every_state_has_a_helper_that_speaks_the_contract(hub: Hub, kind: str, state: str) -> None:
    event = call(hub, kind, state)
    assert (event.opd, event.app, event.kind, event.state) == ("dukcapil", "antrean", kind, state)
    assert (event.unit, event.service) == ("loket", "ktp")
    assert parse(event.to_json()) == event


@pytest.mark.parametrize("kind", CASES)
def test_no_helper_without_a_state(hub: Hub, kind: str) -> None:
    helpers = {name for name in dir(getattr(hub.draft, kind)) if not name.startswith("_")}
    assert helpers == {state.name for state in KINDS[kind].states}


def test_a_ticket_is_named_by_the_local_day_of_its_event(hub: Hub) -> None:
    # 23:30 in UTC is half past seven of the next morning in Makassar.
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    assert call(hub, "queue", "issued", time=late).case == "loket:2026-11-22:A-001"
    assert call(hub, "queue", "issued", time=late - timedelta(hours=8)).case == "loket:2026-11-21:A-001"


def test_a_ticket_keeps_the_name_of_its_issue(hub: Hub) -> None:
    event = call(hub, "queue", "served", issued_by="kios", issued_on=date(2026, 11, 20))
    assert (event.unit, event.case) == ("loket", "kios:2026-11-20:A-001")
    assert call(hub, "queue", "transferred", issued_on=date(2026, 11, 20)).case == event.case


@pytest.mark.parametrize(("kind", "state"), [("queue", "called"), ("permit", "issued"), ("visit", "examined")])
def test_times_become_utc_and_need_an_offset(hub: Hub, kind: str, state: str) -> None:
    local = datetime.fromisoformat("2026-11-22T08:15:00+08:00")
    assert call(hub, kind, state, time=local).time == datetime(2026, 11, 22, 0, 15, tzinfo=UTC)
    with pytest.raises(InvalidEvent, match="offset") as error:
        call(hub, kind, state, time=local.replace(tzinfo=None))
    assert error.value.field == "time"


def test_channels_are_the_usual_ones_of_the_kind(hub: Hub) -> None:
    assert [call(hub, kind, KINDS[kind].states[0].name).channel for kind in ("queue", "permit", "visit")] == [
        "onsite",
        "online",
        "onsite",
    ]
    assert call(hub, "queue", "issued", channel="phone").channel == "phone"


def test_a_void_names_the_event_and_its_case(hub: Hub) -> None:
    event = call(hub, "visit", "registered")
    void = hub.draft.void(event)
    assert (void.state, void.voids, void.kind, void.case) == (VOIDED, event.id, "visit", event.case)
    assert (void.unit, void.service, void.channel) == (event.unit, event.service, event.channel)
    assert void.id != event.id
    assert parse(void.to_json()) == void


def test_heartbeats_and_voids_cannot_be_taken_back(hub: Hub) -> None:
    heartbeat = hub.draft.heartbeat()
    assert parse(heartbeat.to_json()) == heartbeat
    for event in (heartbeat, hub.draft.void(call(hub, "queue", "issued"))):
        with pytest.raises(InvalidEvent, match="voids"):
            hub.draft.void(event)
