"""Times as whole microseconds since 1970, as they travel and are reckoned with: exact, where floating point is not."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """An aware time as whole microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def from_us(at_us: int) -> datetime:
    """The inverse of `to_us`, in UTC."""
    return EPOCH + at_us * MICROSECOND
