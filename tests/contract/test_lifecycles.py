"""Lifecycles are sane: they name only states that exist, begin in one place, and reach every state."""

import pytest

from opd_schemas.event import DATA_MODELS
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED, Lifecycle
from opd_schemas.subjects import parse_publish_subject, publish_subject

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
CASES = pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.has_cases], ids=lambda k: k.kind)


@KIND
def test_states_are_named_once_and_exactly_one_is_initial(kind: Lifecycle) -> None:
    assert len(kind.by_name) == len(kind.states)
    assert [state.initial for state in kind.states].count(True) == 1
    assert VOIDED not in kind.by_name
    assert kind.event_states == (*kind.by_name, *((VOIDED,) if kind.has_cases else ()))


@KIND
def test_only_known_states_are_named(kind: Lifecycle) -> None:
    for state in kind.states:
        assert state.after <= kind.by_name.keys()
    for duration in kind.durations:
        assert {duration.start} | duration.ends <= kind.by_name.keys()
        assert duration.ends
    assert len({duration.name for duration in kind.durations}) == len(kind.durations)


@KIND
def test_ranks_begin_at_the_initial_state_and_end_at_the_terminal_ones(kind: Lifecycle) -> None:
    [initial] = [state for state in kind.states if state.initial]
    assert initial.rank == 0 == min(state.rank for state in kind.states)
    assert [state.rank for state in kind.states if not state.initial] == sorted(
        state.rank for state in kind.states if state.rank > 0
    )
    terminal = {state.rank for state in kind.states if state.terminal}
    assert terminal <= {max(state.rank for state in kind.states)}


@CASES
def test_every_state_is_reached_and_only_terminal_ones_are_not_left(kind: Lifecycle) -> None:
    reached = {state.name for state in kind.states if state.initial}
    for _ in kind.states:
        reached |= {state.name for state in kind.states if state.after & reached}
    assert reached == kind.by_name.keys()
    left = {name for state in kind.states for name in state.after}
    assert left == {state.name for state in kind.states if not state.terminal}
    for state in kind.states:
        assert state.initial != bool(state.after)
        assert not (state.terminal and (state.pauses or state.waiting or state.initial))
        assert not (state.pauses and state.waiting)


@CASES
def test_a_duration_runs_from_a_state_to_a_later_one(kind: Lifecycle) -> None:
    for duration in kind.durations:
        assert all(kind.by_name[end].rank > kind.by_name[duration.start].rank for end in duration.ends)


def test_every_event_has_a_data_model_and_a_subject_that_comes_back() -> None:
    assert set(DATA_MODELS) == {(kind.kind, state) for kind in KINDS.values() for state in kind.event_states}
    for kind, state in DATA_MODELS:
        for history in (False, True):
            subject = publish_subject(opd="dinkes", app="simpus", kind=kind, state=state, history=history)
            address = parse_publish_subject(subject)
            assert address is not None
            assert (address.kind, address.state, address.history) == (kind, state, history)
            assert parse_publish_subject(subject + "\n") is None
