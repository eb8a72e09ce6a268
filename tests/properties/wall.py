"""The wall's functions, asked as Grafana's role, in the words of the reference."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg

from tests.properties.reference import HEALTH, Filter, OpenGroup, Reference, microseconds, moment
from tests.properties.strategies import CATALOGUED

_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000
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

    def channel_share(
        self, kind: str, state: str, channel: str, window: Window, where: Filter
    ) -> tuple[int | None, int | None]:
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
        hides_rest = kind in HEALTH and share is None
        assert share == (n / of_n if of_n and n is not None and not hides_rest else None)
        return n, of_n

    def check_duration(
        self, reference: Reference, kind: str, name: str, window: Window, limit: int, where: Filter
    ) -> None:
        """A duration over a window: exact, but for percentiles, which are off by 2 % at most (below 1 s: both are)."""
        right = reference.duration(kind, name, window, limit, where)
        arguments = (kind, name, *map(moment, window), limit * _MICROSECOND)
        ((n, negative, mean, median, p90, within, share),) = self._ask("duration", *arguments, where=where)
        assert (n, negative) == (shown(kind, right.n), shown(kind, right.negative))
        if kind in HEALTH:
            # Only limits of the catalogue, and nothing where the rest would be a few.
            told = limit in CATALOGUED[kind, name] and shown(kind, right.n - right.within) is not None
            assert within == (shown(kind, right.within) if told else None)
            assert share == (None if None in (n, within) or not n else within / n)
        else:
            assert within == right.within
            assert share == (right.within / right.n if right.n else None)
        if right.mean is None or right.median is None or right.p90 is None or n is None:
            assert (mean, median, p90) == (None, None, None)
            return
        if kind in HEALTH:
            assert mean == round(mean)
            assert abs(mean - right.mean / 1_000_000) <= 0.5
        else:
            assert math.isclose(mean, right.mean / 1_000_000, rel_tol=1e-15)
        for given, exact in ((median, right.median / 1e6), (p90, right.p90 / 1e6)):
            assert (0 <= given < 1 and exact < 1) or math.isclose(given, exact, rel_tol=0.02), (given, exact)

    def check_net(self, reference: Reference, name: str, window: Window, where: Filter) -> None:
        """A permit's duration in working time: how many, and the mean of the rest exactly."""
        right = reference.net(name, window, where)
        arguments = ("permit", name, *map(moment, window), None)
        call = {f"a{number}": argument for number, argument in enumerate(arguments)}
        named = {key: _array(value) for key, value in vars(where).items()}
        ((n, mean),) = self._connection.execute(
            "SELECT n, mean_s FROM wall.duration(%(a0)s, %(a1)s, %(a2)s, %(a3)s, %(a4)s, %(opd)s, %(unit)s,"
            " %(service)s, %(channel)s, 'net')",
            call | named,
        )
        assert n == len(right)
        assert mean is None if not right else math.isclose(mean, sum(right) / len(right) / 1e6, rel_tol=1e-12)

    def check_overdue(self, reference: Reference, kind: str, at: int, where: Filter) -> None:
        """Cases overdue at a moment, by place."""
        right = reference.overdue(kind, at, where)
        found = {tuple(row[:3]): tuple(row[3:]) for row in self._ask("overdue", kind, moment(at), where=where)}
        assert found == {place: (n, moment(oldest)) for place, (n, oldest) in right.items()}

    def check_open(self, reference: Reference, kind: str, at: int, where: Filter) -> None:
        """Open and overdue cases at a moment, by state and place, and all together."""
        # Of health kinds as at the end of the hour.
        right = reference.open_by_state(kind, -(-at // _HOUR) * _HOUR - 1 if kind in HEALTH else at, where)
        groups = [
            OpenGroup(*place, open=n, oldest=oldest and microseconds(oldest), overdue=overdue)
            for *place, n, oldest, overdue in self._ask("open_by_state", kind, moment(at), where=where)
        ]
        told = [
            replace(g, open=shown(kind, g.open), oldest=_told(kind, g.open, g.oldest), overdue=shown(kind, g.overdue))
            for g in right
        ]
        told = [group for group in told if group.open is not None]
        assert sorted(groups, key=repr) == sorted(told, key=repr)
        waiting = [group for group in right if group.waiting]
        n, of_these = sum(g.open for g in right), sum(g.open for g in waiting)
        assert self._ask("open", kind, moment(at), where=where) == [
            (
                shown(kind, n),
                shown(kind, of_these),
                _moment(_told(kind, n, _oldest(right))),
                _moment(_told(kind, of_these, _oldest(waiting))),
                shown(kind, sum(g.overdue for g in right)),
            )
        ]


def _array(chosen: Sequence[str] | None) -> list[str] | None:
    return None if chosen is None else list(chosen)


def _oldest(groups: Sequence[OpenGroup]) -> int | None:
    return min((group.oldest for group in groups if group.oldest is not None), default=None)


def shown(kind: str, n: int) -> int | None:
    """What is told of a count: of health kinds none of one to four, and others to the nearest five."""
    if kind not in HEALTH or n == 0:
        return n
    return None if n < 5 else (n + 2) // 5 * 5


def _told(kind: str, n: int, at: int | None) -> int | None:
    if kind not in HEALTH or at is None:
        return at
    return at // _HOUR * _HOUR if n >= 5 else None


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)
