"""The register names what the catalogue lacks, with the next step."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opd_schemas.event import Event
from opd_schemas.refusal import Reason, Refusal
from services.catalogue import Register, load

GOOD = Event(
    opd="dinkes",
    app="simpus",
    kind="visit",
    state="registered",
    id="e1",
    time=datetime(2026, 11, 23, 1, tzinfo=UTC),
    unit="pkm-pauh",
    service="poli-umum",
    channel="onsite",
    case="pkm-pauh:2026-11-23:0001",
)
HEARTBEAT = Event(opd="dinkes", app="simpus", kind="app", state="heartbeat", id="h1", time=GOOD.time)


@pytest.fixture(scope="module")
def register() -> Register:
    return Register(load(Path(__file__).parents[2] / "schemas" / "catalogue"))


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        (replace(GOOD, opd="dinkez"), Reason.UNKNOWN_OPD, "source"),
        (replace(GOOD, app="simpuz"), Reason.UNKNOWN_APP, "source"),
        (replace(GOOD, opd="bappeda"), Reason.UNKNOWN_APP, "source"),
        (replace(GOOD, unit="pkm-pauk"), Reason.UNKNOWN_UNIT, "data.unit"),
        (replace(GOOD, unit="loket-ktp"), Reason.UNKNOWN_UNIT, "data.unit"),
        (replace(GOOD, kind="permit", state="submitted"), Reason.UNKNOWN_UNIT, "data.unit"),
        (replace(GOOD, service="poli-umun"), Reason.UNKNOWN_SERVICE, "data.service"),
        (replace(GOOD, service="farmasi"), Reason.UNKNOWN_SERVICE, "data.service"),
        (replace(HEARTBEAT, app="simpuz"), Reason.UNKNOWN_APP, "source"),
        (replace(HEARTBEAT, opd="dinkez"), Reason.UNKNOWN_OPD, "source"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_not_registered_is_refused(register: Register, event: Event, reason: Reason, field: str) -> None:
    with pytest.raises(Refusal) as caught:
        register.check(event)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert "warroom catalogue apply" in caught.value.detail
    assert "replay" in caught.value.detail
    for value in (event.unit, event.service, event.case):
        assert value is None or value not in caught.value.detail


def test_what_is_registered_passes(register: Register) -> None:
    register.check(GOOD)
    register.check(replace(GOOD, app="antrean-puskesmas"))
    register.check(HEARTBEAT)
