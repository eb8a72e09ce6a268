"""The ids: RFC 9562's layout, strictly rising whatever the clock does, unique over threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from opd_sdk.uuid7 import Uuid7

nanoseconds = st.integers(min_value=0, max_value=2**48 * 1_000_000 - 1)


def milliseconds(uuid: UUID) -> int:
    return uuid.int >> 80


@given(st.lists(nanoseconds, min_size=1, max_size=50))
def test_ids_rise_whatever_the_clock_does(times: Sequence[int]) -> None:
    ticks = iter(times)
    new = Uuid7(clock=lambda: next(ticks))
    ids = [new() for _ in times]
    assert ids == sorted(set(ids))
    assert [str(i) for i in ids] == sorted(str(i) for i in ids)
    assert all(i.version == 7 and i.variant == RFC_4122 for i in ids)


@given(st.lists(nanoseconds, min_size=1, max_size=50, unique_by=lambda n: n // 1_000_000).map(sorted))
def test_an_id_carries_its_millisecond(times: Sequence[int]) -> None:
    ticks = iter(times)
    new = Uuid7(clock=lambda: next(ticks))
    assert [milliseconds(new()) for _ in times] == [time // 1_000_000 for time in times]


def test_a_full_tail_goes_on_in_the_next_millisecond() -> None:
    new = Uuid7(clock=lambda: 5_000_000)
    first = new()
    new._tail = (1 << 74) - 1
    second = new()
    assert (milliseconds(first), milliseconds(second)) == (5, 6)
    assert second.version == 7


def test_two_makers_do_not_meet() -> None:
    one, other = Uuid7(clock=lambda: 1), Uuid7(clock=lambda: 1)
    assert not {one() for _ in range(1000)} & {other() for _ in range(1000)}


def test_threads_do_not_meet() -> None:
    new = Uuid7()
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [new() for _ in range(2000)], range(8)))
    assert len({i for batch in batches for i in batch}) == 16_000
    assert all(batch == sorted(batch) for batch in batches)
