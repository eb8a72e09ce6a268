"""The wall's functions, asked as Grafana's role, in the words of the reference."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, LiteralString

import psycopg

from tests.properties.reference import Filter, OpenGroup, Reference, microseconds, moment

_MICROSECOND = timedelta(microseconds=1)
Window = tuple[int, int]


class Wall:
    """A connection of `grafana_reader`."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def _ask(self, function: LiteralString, *arguments: object, where: Filter) -> list[tuple[Any, ...]]:
        call = {f"a{number}": argument for number, argument in enumerate(arguments)}
        named = {name: _array(value) for name, value in vars(where).items()}
        text = ", ".join([*(f"%({name})s" for name in call), *(f"{name} => %({name})s::text[]" for name in named)])
        return self._connection.execute(f"SELECT * FROM wall.{function}({text})", call | named).fetchall()

    def states(self, kind: str, window: Window, where: Filter) -> dict[str, tuple[int, int]]:
        """Per state: its events, and the cases that entered it for the first time."""
        return {state: (n, cases) for state, n, cases in self._ask("states", kind, *map(moment, window), where=where)}

    def channel_share(self, kind: str, state: str, channel: str, window: Window, where: Filter) -> tuple[int, int]:
        """Cases that entered a state: those through `channel`, and all."""
        call = (
            kind,
            state,
            channel,
            *map(moment, window),
            _array(where.opd),
            _array(where.unit),
            _array(where.service),
        )
        ((n, of_n, share),) = self._connection.execute(
            "SELECT * FROM wall.channel_share(%s, %s, %s, %s, %s, %s, %s, %s)", call
        )
        assert share == (n / of_n if of_n else None)
        return n, of_n

    def check_duration(
        self, reference: Reference, kind: str, name: str, window: Window, limit: int, where: Filter
    ) -> None:
        """A duration over a window: exact, but for percentiles, which are off by 2 % at most (below 1 s: both are)."""
        right = reference.duration(kind, name, window, limit, where)
        arguments = (kind, name, *map(moment, window), limit * _MICROSECOND)
        ((n, negative, mean, median, p90, within, share),) = self._ask("duration", *arguments, where=where)
        assert (n, negative, within) == (right.n, right.negative, right.within)
        assert share == (right.within / right.n if right.n else None)
        if right.mean is None or right.median is None or right.p90 is None:
            assert (mean, median, p90) == (None, None, None)
            return
        assert math.isclose(mean, right.mean / 1_000_000, rel_tol=1e-15)
        for given, exact in ((median, right.median / 1e6), (p90, right.p90 / 1e6)):
            assert (0 <= given < 1 and exact < 1) or math.isclose(given, exact, rel_tol=0.02), (given, exact)

    def check_open(self, reference: Reference, kind: str, at: int, where: Filter) -> None:
        """Open cases at a moment, by state and place, and all together."""
        right = reference.open_by_state(kind, at, where)
        groups = [
            OpenGroup(opd, unit, service, channel, state, waiting, n, microseconds(oldest))
            for opd, unit, service, channel, state, waiting, n, oldest in self._ask(
                "open_by_state", kind, moment(at), where=where
            )
        ]
        assert sorted(groups, key=repr) == sorted(right, key=repr)
        waiting = [group for group in right if group.waiting]
        assert self._ask("open", kind, moment(at), where=where) == [
            (sum(g.open for g in right), sum(g.open for g in waiting), _oldest(right), _oldest(waiting))
        ]


def _array(chosen: Sequence[str] | None) -> list[str] | None:
    return None if chosen is None else list(chosen)


def _oldest(groups: Sequence[OpenGroup]) -> object:
    return moment(min(group.oldest for group in groups)) if groups else None
