"""What the broker's answer to one publish means. Pure; the codes are JetStream's own (server/errors.json)."""

from dataclasses import dataclass

import orjson
from nats.aio.msg import Msg

from opd_schemas.subjects import INBOX
from opd_sdk.errors import HubError, StreamFull, StreamMissing, StreamRefused, TooLarge

_NO_RESPONDERS = "503"
# Store failed (its limit is reached), no storage left on the server, no storage left for the account.
_FULL = frozenset({10077, 10023, 10047})
_MESSAGE_TOO_LARGE = 10054
_OTHER_STREAM = 10060
_UNAVAILABLE = 503


@dataclass(frozen=True)
class Verdict:
    """`error` None: stored. `again`: another attempt may fare better. `doubt`: it may have been stored all the same."""

    error: HubError | None
    again: bool = False
    doubt: bool = False


STORED = Verdict(None)


def read_verdict(answer: Msg, *, where: str) -> Verdict:
    """Judge the broker's answer to a publish."""
    if (answer.headers or {}).get("Status") == _NO_RESPONDERS:
        # A server that has just started answers so until its streams are recovered.
        return Verdict(StreamMissing(where, "nobody listens to the subject"), again=True)
    try:
        content = orjson.loads(answer.data)
        error = content.get("error")
        if error is None:
            return STORED if content["stream"] == INBOX else _other_stream(where)
        why, code = str(error.get("description", "no reason given")), error.get("err_code")
    except (orjson.JSONDecodeError, AttributeError, KeyError):
        return Verdict(StreamRefused("an answer that is not JetStream's"), doubt=True)
    if code in _FULL:
        return Verdict(StreamFull(why))
    if code == _MESSAGE_TOO_LARGE:
        return Verdict(TooLarge("", "has more bytes than the hub's stream takes; send less"))
    if code == _OTHER_STREAM:
        return _other_stream(where)
    if error.get("code") == _UNAVAILABLE:
        return Verdict(StreamMissing(where, why), again=True)
    return Verdict(StreamRefused(why))


def _other_stream(where: str) -> Verdict:
    return Verdict(StreamMissing(where, "another stream has its subjects"))
