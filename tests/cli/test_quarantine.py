"""From a refused event to a counted one: mend the catalogue or the payload, replay, counted once."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats

from opd_schemas import subjects
from opd_schemas.event import Event
from tests.cli.conftest import ROOT, Warroom, one_line


def _event(event_id: str, *, unit: str = "loket-kk", case: str = "loket-kk:2026-11-22:X-1") -> Event:
    return Event(
        "disdukcapil",
        "antrean",
        "queue",
        "issued",
        event_id,
        datetime.now(UTC),
        unit,
        "ktp-el",
        "onsite",
        case,
    )


def _publish(warroom: Warroom, event: Event, body: bytes, subject: str | None = None) -> int:
    own = subjects.publish_subject(opd=event.opd, app=event.app, kind=event.kind, state=event.state)

    async def work() -> int:
        client = await nats.connect(warroom.endpoints().nats_url_for("hub-admin"))
        ack = await client.jetstream().publish(subject or own, body)
        await client.close()
        return ack.seq

    return asyncio.run(work())


def _eventually(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not come about")


def _standing(warroom: Warroom, seq: int) -> str | None:
    listed = warroom.json("rejects", "list", "--all", "--limit", "5")
    return next((r["standing"] for r in listed if r["inbox_seq"] == seq), None)


def test_unknown_unit_counts_once_after_the_catalogue_is_mended(warroom: Warroom, tmp_path: Path) -> None:
    event = _event("cli-unknown-unit", unit="loket-baru")
    seq = _publish(warroom, event, event.to_json())
    _eventually(lambda: _standing(warroom, seq) == "open", "the reject")
    shown = warroom("rejects", "show", str(seq))
    assert "unknown_unit" in shown.stdout
    assert "loket-baru" in shown.stdout

    catalogue = tmp_path / "catalogue"
    shutil.copytree(ROOT / "schemas" / "catalogue", catalogue)
    changed = 0
    for path in catalogue.rglob("*.yaml"):
        text = path.read_text()
        if "loket-kk" in text:
            path.write_text(text.replace("loket-kk", "loket-baru"))
            changed += 1
    assert changed
    unknown = warroom("measure", "queue", "--unit", "loket-baru")
    assert unknown.returncode == 2
    assert "loket-baru is not in the catalogue" in " ".join(unknown.stderr.replace("│", " ").split())
    applied = warroom("catalogue", "apply", str(catalogue))
    assert applied.returncode == 0, applied.stderr
    assert "is in force" in applied.stdout
    assert warroom("up").returncode == 0  # which leaves the catalogue in force as it is
    replayed = warroom("rejects", "replay", str(seq))
    assert replayed.returncode == 0, replayed.stderr
    _eventually(lambda: _standing(warroom, seq) == "counted", "the count")
    assert warroom.json("measure", "queue", "--unit", "loket-baru")["events"] == 1
    assert "already" in one_line(warroom("rejects", "replay", str(seq)))
    assert warroom("catalogue", "apply", str(ROOT / "schemas" / "catalogue")).returncode == 0
    # It has left the catalogue, and keeps its figures.
    assert warroom.json("measure", "queue", "--unit", "loket-baru")["events"] == 1
    assert warroom.json("status")["books"]["close"]


def test_a_nik_counts_once_after_the_payload_is_mended(warroom: Warroom, tmp_path: Path) -> None:
    event = _event("cli-nik", case="1371011203850001")
    seq = _publish(warroom, event, event.to_json())
    _eventually(lambda: _standing(warroom, seq) == "open", "the reject")
    shown = warroom("rejects", "show", str(seq))
    assert "personal_data" in shown.stdout
    assert "1371011203850001" not in shown.stdout
    assert "masked" in one_line(warroom("rejects", "replay", str(seq)))
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps(json.loads(_event("cli-nik").to_json()), indent=2))
    done = warroom("rejects", "replay", str(seq), "--payload", str(mended))
    assert done.returncode == 0, done.stderr
    _eventually(lambda: _standing(warroom, seq) == "counted", "the count")
    assert warroom.json("status")["books"]["close"]


def test_no_one_speaks_as_another_agency_by_a_replay(warroom: Warroom) -> None:
    event = _event("cli-bad-subject")
    for subject, why in (
        ("opd.dinkes.simpus.Queue.issued", "dinkes/simpus sent it"),
        ("opd.Dinkes", "its sender is unknown"),
    ):
        seq = _publish(warroom, event, event.to_json(), subject)
        _eventually(lambda seq=seq: _standing(warroom, seq) == "open", "the reject")  # type: ignore[misc]
        assert why in one_line(warroom("rejects", "replay", str(seq)))
    seq = _publish(warroom, event, event.to_json(), "opd.disdukcapil.antrean.Queue.issued")
    _eventually(lambda: _standing(warroom, seq) == "open", "the reject")
    done = warroom("rejects", "replay", str(seq))
    assert done.returncode == 0, done.stderr
    listed = warroom("rejects", "list", "--all", COLUMNS="80").stdout
    assert f"{seq} " in listed
    assert max(map(len, listed.splitlines())) <= 80


def test_an_empty_list_says_so(warroom: Warroom) -> None:
    done = warroom("rejects", "list", "--reason", "too_large", lang="id")
    assert done.stdout.strip() == "Karantina kosong."
