"""Two aggregators at once over the same load give the same figures as one."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.machine import Machine
from deploy.local import hub
from services.catalogue import load as load_catalogue
from tests.faults.load import loaded
from tests.faults.victims import WORKERS
from tests.hubs import RunningHub, running_hub

_CATALOGUE = load_catalogue(Path(__file__).parents[2] / "schemas" / "catalogue")
_SEED = 1371
_MESSAGES = 8_000


def _batches(hub_: RunningHub, worker: str) -> int:
    """How many batches a worker has finished, as it says itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{hub_.stack.port(worker)}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    (count,) = [line.split()[1] for line in lines if line.startswith("warroom_aggregator_batch_seconds_count")]
    return int(float(count))


def _figures(whole: RunningHub) -> dict[str, bytes]:
    return {agency.opd: whole.figures(agency.opd) for agency in _CATALOGUE.agencies}


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[RunningHub]:
    """A hub of its own with one worker: its store is made anew."""
    with running_hub(tmp_path / "hub", _CATALOGUE) as hub:
        yield hub


async def test_two_workers_and_one_give_the_same_figures(whole: RunningHub) -> None:
    # No conflicts: of two contents under one id the first committed counts, and that may be either.
    async with loaded(whole.endpoints.nats_url_for("hub-admin"), _CATALOGUE, _SEED, conflicts=False) as load:
        await load.publish_at_once(_MESSAGES)
    await whole.settle()
    by_one = _figures(whole)
    assert any(by_one.values())

    # The same INBOX once more, from its first message, into an empty store.
    for service in hub.programs(whole.stack, whole.endpoints):
        whole.stack.stop(service.name)
    machine = Machine(whole.stack, whole.endpoints, _CATALOGUE)
    await machine.new_streams(keep_inbox=True)
    machine.new_database()
    whole.stack.add_programs(hub.programs(whole.stack, whole.endpoints, aggregators=2))
    await whole.settle()
    assert all(_batches(whole, worker) > 1 for worker in WORKERS)
    assert _figures(whole) == by_one
