"""Events as the aggregator gets them: through the contract and with ingest's own stamps."""

from opd_schemas.event import Event, parse
from services.aggregator.arrival import Arrival, read_event
from services.ingest.onward import Origin, accepted

RECEIVED_US = 1_763_348_400_000_000


def arrive(
    event: Event, seq: int, *, created_us: int = 1, received_us: int = RECEIVED_US, history: bool = False
) -> Arrival:
    """The event after its journey; `created_us` and `seq` say where it lay in INBOX."""
    body = event.to_json()
    origin = Origin(created_us, seq, received_us)
    return read_event(accepted(parse(body), body, origin, history=history).payload)
