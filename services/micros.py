"""Times as whole microseconds since 1970, as they travel and are reckoned with: exact, where floating point is not."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


#: What PostgreSQL counts its own microseconds from.
_POSTGRES_EPOCH_US: Final = (datetime(2000, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


def binary_timestamp(at_us: int) -> int:
    """A time as binary COPY carries it in a timestamptz column, given to psycopg as an int8: no datetime in between."""
    return at_us - _POSTGRES_EPOCH_US


def to_us(at: datetime) -> int:
    """An aware time as whole microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def from_us(at_us: int) -> datetime:
    """The inverse of `to_us`, in UTC."""
    return EPOCH + at_us * MICROSECOND
