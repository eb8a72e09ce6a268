"""Percentiles as the hub's own are: nearest rank."""

from collections.abc import Sequence


def rank(ordered: Sequence[float], share: float) -> float:
    """The nearest rank of values in ascending order; `share` in 0 to 1."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
