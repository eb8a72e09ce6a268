"""kill -9 of each part at random moments under load: afterwards the books close and every figure is right.

A kill counts only if it hit messages in flight: something had to be delivered or committed a second time.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from deploy.local import hub, nats, postgres
from services.catalogue import load as load_catalogue
from tests.faults.experiment import Say, under_load
from tests.faults.victims import Victim
from tests.hubs import RunningHub, running_hub

_CATALOGUE = load_catalogue(Path(__file__).parents[2] / "schemas" / "catalogue")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Prints at once, past pytest: a long test should tell what it does."""

    def speak(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    return speak


@pytest.fixture
def seed(say: Say) -> int:
    """WARROOM_SEED, or another one each time."""
    seed = int(os.environ.get("WARROOM_SEED") or Random().randrange(10_000))
    say(f"\nWARROOM_SEED={seed}")
    return seed


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[RunningHub]:
    """A hub of its own, with two workers: the servers themselves are killed."""
    with running_hub(tmp_path / "hub", _CATALOGUE, aggregators=2) as hub:
        yield hub


@pytest.mark.faults
async def test_restarts_on_purpose(whole: RunningHub, seed: int, say: Say) -> None:
    async with under_load(whole, _CATALOGUE, seed, say) as experiment:
        for program in (hub.INGEST, hub.AGGREGATOR, nats.NAME, postgres.NAME):
            await experiment.restart(program)


async def test_each_part_killed_once(whole: RunningHub, seed: int, say: Say) -> None:
    async with under_load(whole, _CATALOGUE, seed, say) as experiment:
        await experiment.strike(Victim.INGEST, Victim.AGGREGATOR)
        await experiment.strike(Victim.POSTGRES)
        await experiment.strike(Victim.NATS)


@pytest.mark.faults
async def test_each_part_killed_at_least_five_times(whole: RunningHub, seed: int, say: Say) -> None:
    rng = Random(seed)
    rounds: list[tuple[Victim, ...]] = [(victim,) for victim in Victim for _ in range(5)]
    # And some where one dies while another is still getting up.
    rounds += [tuple(rng.sample(list(Victim), 2)) for _ in range(3)]
    rng.shuffle(rounds)
    async with under_load(whole, _CATALOGUE, seed, say) as experiment:
        for victims in rounds:
            await experiment.strike(*victims)


@pytest.mark.faults
async def test_broker_frozen_for_20_seconds(whole: RunningHub, seed: int, say: Say) -> None:
    async with under_load(whole, _CATALOGUE, seed, say) as experiment:
        pid = whole.stack.pid(nats.NAME)
        assert pid is not None
        experiment.load.rate = 500
        await asyncio.sleep(2)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(20)
        os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(2)
        await experiment.caught_up()


@pytest.mark.faults
async def test_database_away_for_a_minute(whole: RunningHub, seed: int, say: Say) -> None:
    async with under_load(whole, _CATALOGUE, seed, say) as experiment:
        experiment.load.rate = 300
        await asyncio.sleep(2)
        await asyncio.to_thread(whole.stack.stop, postgres.NAME)
        await asyncio.sleep(60)
        await asyncio.to_thread(whole.stack.start, postgres.NAME)
        await experiment.caught_up()
    # An outage turns no event into poison.
    assert whole.query("SELECT count(*) FROM hub.reject WHERE reason = 'not_storable'") == [(0,)]


@pytest.mark.faults
async def test_poison_costs_nobody_else(whole: RunningHub, seed: int, say: Say) -> None:
    async with under_load(whole, _CATALOGUE, seed, say) as experiment:
        experiment.load.rate = 300
        for _ in range(20):
            for sent in experiment.load.poison():
                await experiment.load.publish(sent)
        await experiment.caught_up()
