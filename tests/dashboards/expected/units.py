"""From what commands tell (seconds, moments, counts) to what panels show (minutes, days, shares); None stays None."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal


def per(value: float | None, unit_s: float) -> float | None:
    """Seconds in another unit."""
    return None if value is None else value / unit_s


def since(at: datetime | None, moment: datetime, unit_s: float) -> float | None:
    """How long ago something was."""
    return None if at is None else (moment - at).total_seconds() / unit_s


def share(part: int | None, whole: int | None) -> float | None:
    """None where there is no whole, or either is hidden."""
    return None if part is None or not whole else part / whole


def rounded(value: float | None, digits: int) -> float | None:
    """As PostgreSQL rounds: a float has 15 digits, and a half goes away from zero."""
    if value is None:
        return None
    return float(Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def shown(n: int) -> int | None:
    """A count of a health kind: one to four are hidden, others told to the nearest five."""
    return None if 0 < n < 5 else 5 * ((n + 2) // 5)
