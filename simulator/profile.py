"""How many citizens come at which hour: a morning peak, a noon dip, a deeper one on Fridays for the prayer.

The simulated service day begins with the run, whenever that is, and the next follows it without a night, so that a
city can be shown at any hour. At `speed` 60 a day of eight and a half hours passes in eight and a half minutes.
"""

from bisect import bisect_right

#: (minutes since opening at 07.30, relative arrivals); linear in between.
_KNOTS = ((0, 1.1), (60, 1.7), (150, 1.6), (240, 1.1), (285, 0.45), (330, 0.8), (390, 1.0), (450, 0.7), (510, 0.3))
_MINUTES = [minute for minute, _ in _KNOTS]
_DAY = _KNOTS[-1][0]
_WEEK = 5 * _DAY
_FRIDAY = 4
_PRAYER_FROM, _PRAYER_TO, _PRAYER = 240, 345, 0.25


def _relative(minute: float, first_weekday: int) -> float:
    day, at = divmod(minute, _DAY)
    index = min(bisect_right(_MINUTES, at), len(_KNOTS) - 1)
    (m0, v0), (m1, v1) = _KNOTS[index - 1], _KNOTS[index]
    value = v0 + (v1 - v0) * (at - m0) / (m1 - m0)
    friday = (first_weekday + int(day)) % 5 == _FRIDAY
    return value * _PRAYER if friday and _PRAYER_FROM <= at < _PRAYER_TO else value


class DayProfile:
    """Arrivals relative to their mean, over a run of `duration` seconds (None: without end, the mean of a week).

    `weekday` is that of the first day, 0 for Monday; a run on a weekend begins with a Monday.
    """

    def __init__(self, *, duration: float | None, speed: float, weekday: int) -> None:
        self._first = weekday if weekday < 5 else 0
        self._per_second = speed / 60
        span = _WEEK if duration is None else min(duration * self._per_second, _WEEK)
        # A fine grid, for the run may see no more than an hour of its day.
        grid = [_relative(span * (n + 0.5) / 2000, self._first) for n in range(2000)]
        self._mean = sum(grid) / len(grid)
        self.peak = max(value for _, value in _KNOTS) / self._mean

    def at(self, elapsed: float) -> float:
        """The factor at so many seconds since the run began; between 0 and `peak`, 1 in the mean."""
        return _relative(elapsed * self._per_second, self._first) / self._mean
