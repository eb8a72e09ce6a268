"""One event: a CloudEvents 1.0 envelope around a state that a case entered. Parsing either yields an `Event` or raises
a `Refusal` that names the field; there is no third outcome.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from opd_schemas import privacy
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED
from opd_schemas.refusal import Reason, Refusal
from opd_schemas.subjects import CODE_PATTERN

#: Bytes of one event; a service event is some 400 bytes, so more is a mistake of the publisher.
MAX_EVENT_BYTES = 16 * 1024
#: How far an event may lie ahead of the moment the broker received it: clocks drift, futures do not happen.
MAX_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

Channel = Literal["online", "onsite", "email", "post", "phone", "internal"]
CHANNELS: tuple[str, ...] = get_args(Channel)

Code = Annotated[str, StringConstraints(pattern=CODE_PATTERN)]
EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,95}$")]
CaseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,95}$")]

_TYPE = re.compile(r"^opd\.([a-z][a-z_]{0,30})\.([a-z][a-z_]{0,30})\.v([1-9][0-9]{0,3})$")
_SOURCE = re.compile(r"^/opd/([a-z0-9-]{1,48})/([a-z0-9-]{1,48})$")
EXTENSION_NAME_PATTERN = r"^[a-z0-9]{1,20}$"
_EXTENSION_NAME = re.compile(EXTENSION_NAME_PATTERN)
#: CloudEvents integers have 32 bits; a longer one could not be written again.
EXTENSION_INTEGERS = range(-(2**31), 2**31)
#: Room for a `tracestate` (W3C: 512), not for a text about a person: everybody who reads the hub's events sees them.
EXTENSION_CHARACTERS = 512
#: CloudEvents extensions that only the hub stamps.
HUB_EXTENSIONS = ("hubinbox", "hubreceived", "hubdigest", "hubtime", "hubhistory")


def _only_text(value: object) -> object:
    # Pydantic would also take a count of seconds ("1700000000"), which carries no offset that somebody chose.
    if not (isinstance(value, datetime) or (isinstance(value, str) and value[10:11] in ("T", "t"))):
        raise ValueError("must be an RFC 3339 text such as 2026-11-22T08:15:00+07:00")
    return value


class CaseData(BaseModel):
    """The `data` of an event about a case: its unit (counter, Puskesmas, office), service, channel and case id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Code
    service: Code
    channel: Channel
    case: CaseId


class VoidData(CaseData):
    """The `data` of a void: the event `voids` of the same application and case is taken back."""

    voids: EventId


class HeartbeatData(BaseModel):
    """The `data` of a heartbeat: nothing; that it came is the news."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Envelope(BaseModel):
    """A CloudEvents 1.0 envelope in structured JSON form; extension attributes such as `traceparent` pass."""

    model_config = ConfigDict(extra="allow", frozen=True)

    specversion: Literal["1.0"]
    id: EventId
    source: Annotated[str, StringConstraints(pattern=_SOURCE.pattern)]
    type: Annotated[str, StringConstraints(pattern=_TYPE.pattern)]
    time: Annotated[AwareDatetime, BeforeValidator(_only_text)]
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A service event in the hub's own words; `time` is in UTC. A heartbeat has no unit, service, channel or case."""

    opd: str
    app: str
    kind: str
    state: str
    id: str
    time: datetime
    unit: str | None = None
    service: str | None = None
    channel: str | None = None
    case: str | None = None
    voids: str | None = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)

    @property
    def type(self) -> str:
        return f"opd.{self.kind}.{self.state}.v{KINDS[self.kind].version}"

    def digest(self) -> bytes:
        """16 bytes: whether two events under one id say the same; extensions (a retry's trace) do not count."""
        content = (self.kind, self.state, self.time, self.unit, self.service, self.channel, self.case, self.voids)
        return hashlib.blake2b(orjson.dumps(content), digest_size=16).digest()

    def to_json(self) -> bytes:
        """The envelope as it travels."""
        data = {
            name: value
            for name in ("unit", "service", "channel", "case", "voids")
            if (value := getattr(self, name)) is not None
        }
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": f"/opd/{self.opd}/{self.app}",
                "type": self.type,
                "time": self.time.isoformat(),
                "datacontenttype": "application/json",
                "data": data,
                **self.extensions,
            }
        )


def _data_model(state: str, has_cases: bool) -> type[BaseModel]:
    if not has_cases:
        return HeartbeatData
    return VoidData if state == VOIDED else CaseData


DATA_MODELS: dict[tuple[str, str], type[BaseModel]] = {
    (kind, state): _data_model(state, lifecycle.has_cases)
    for kind, lifecycle in KINDS.items()
    for state in lifecycle.event_states
}


def _sentence(error: Any) -> str:
    """One pydantic error as a sentence, never with the value itself."""
    kind = error["type"]
    if kind == "missing":
        return "is missing; add it"
    if kind == "literal_error":
        return f"must be one of {error['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return f"must match {error['ctx']['pattern']}"
    if kind == "timezone_aware":
        return "needs an offset, such as 2026-11-22T08:15:00+07:00"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    return str(error["msg"])


def _first(error: ValidationError, prefix: str = "") -> tuple[str, Any]:
    first = error.errors(include_url=False, include_input=False)[0]
    return prefix + ".".join(str(part) for part in first["loc"]), first


def _refuse_unparsed(body: bytes, error: ValidationError) -> Refusal:
    """Say what is wrong with a body that is no envelope: not JSON, personal data, or a field."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as why:
        return Refusal(
            Reason.MALFORMED_JSON, "", f"is not JSON (line {why.lineno}, column {why.colno}); send UTF-8 JSON"
        )
    if not isinstance(document, dict):
        return Refusal(Reason.MALFORMED_JSON, "", "must be one JSON object, a CloudEvents 1.0 envelope")
    if path := privacy.find_personal_data(document):
        return _personal(path)
    field_name, first = _first(error)
    if first["type"] == "json_invalid":
        return Refusal(Reason.MALFORMED_JSON, "", "nests too deep or holds a number out of range; send a flat event")
    return Refusal(Reason.INVALID_ENVELOPE, field_name, _sentence(first))


def _personal(path: str) -> Refusal:
    return Refusal(
        Reason.PERSONAL_DATA, path, "holds personal data (NIK, telephone or name); send a case number that names nobody"
    )


def parse(body: bytes) -> Event:
    """Parse one event of any known kind; raises `Refusal` with the first thing that is wrong.

    This is the whole contract that needs no catalogue: SDK, gateway and ingest judge by it alike.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise Refusal(Reason.TOO_LARGE, "", f"has {len(body):,} bytes; at most {MAX_EVENT_BYTES:,} are taken")
    try:
        envelope = Envelope.model_validate_json(body)
    except ValidationError as error:
        raise _refuse_unparsed(body, error) from None
    extensions = envelope.__pydantic_extra__ or {}
    if body.count(b'"') != _quotes(envelope):
        _refuse_repeated_keys(body)
    # A body without long digit runs and without foreign names needs no walk through its fields.
    if extensions or privacy.may_contain_number(body) or not _known_data(envelope.data):
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as why:
            raise Refusal(Reason.MALFORMED_JSON, "", f"is not strict JSON: {why.msg}; send UTF-8 JSON") from None
        if path := privacy.find_personal_data(document):
            raise _personal(path)
    for name, value in extensions.items():
        if not _EXTENSION_NAME.fullmatch(name) or name in HUB_EXTENSIONS or not _is_extension_value(value):
            raise Refusal(
                Reason.INVALID_ENVELOPE,
                privacy.mask_text(name)[:40],
                "extension attributes are 1 to 20 of a-z and 0-9, hold a text (at most"
                f" {EXTENSION_CHARACTERS} printable characters of ASCII), whole number (32 bits) or truth value,"
                " and do not begin with the hub's own names",
            )
    return _event(envelope, extensions)


def _quotes(envelope: Envelope) -> int:
    """How many quotation marks an envelope has whose values are all text, without repeated keys and escapes."""
    return 2 * (2 * len(envelope.model_fields_set) - 1 + 2 * len(envelope.data))


def _refuse_repeated_keys(body: bytes) -> None:
    """A parser keeps the last of equal keys; the first would travel on unseen, with whatever it holds."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise Refusal(Reason.MALFORMED_JSON, "", "names a field twice; send each field once")
        return found

    try:
        json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Refusal(Reason.MALFORMED_JSON, "", "is not strict JSON; send UTF-8 JSON") from None


def _is_extension_value(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= EXTENSION_CHARACTERS and value.isascii() and value.isprintable()
    return isinstance(value, int) and value in EXTENSION_INTEGERS


def _known_data(data: dict[str, Any]) -> bool:
    return data.keys() <= VoidData.model_fields.keys()


@lru_cache(maxsize=1024)
def _meaning(type_: str) -> tuple[str, str, int, type[BaseModel]]:
    """Kind, state, version in force and data model of a `type` attribute; raises `Refusal`."""
    matched = _TYPE.match(type_)
    assert matched, "the envelope's pattern was checked"  # noqa: S101
    kind, state, version = matched[1], matched[2], int(matched[3])
    lifecycle = KINDS.get(kind)
    if lifecycle is None:
        raise Refusal(Reason.UNKNOWN_KIND, "type", f"names no known kind; known: {', '.join(KINDS)}")
    if version > lifecycle.version:
        raise Refusal(
            Reason.NEWER_SCHEMA, "type", f"is newer than this hub, which takes v{lifecycle.version} of {kind}"
        )
    if version < lifecycle.version - 1:
        raise Refusal(Reason.INVALID_ENVELOPE, "type", f"is no longer taken; send v{lifecycle.version} of {kind}")
    model = DATA_MODELS.get((kind, state))
    if model is None:
        raise Refusal(
            Reason.UNKNOWN_STATE, "type", f"{kind} has no such state; known: {', '.join(lifecycle.event_states)}"
        )
    return kind, state, lifecycle.version, model


def _event(envelope: Envelope, extensions: Mapping[str, Any]) -> Event:
    kind, state, version, model = _meaning(envelope.type)
    try:
        data = model.model_validate(envelope.data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        if extra := [e for e in errors if e["type"] == "extra_forbidden"]:
            name = privacy.mask_text(".".join(str(part) for part in extra[0]["loc"]))[:80]
            raise Refusal(
                Reason.NEWER_SCHEMA,
                f"data.{name}",
                f"is not known to v{version} of {kind}; drop it or upgrade the hub",
            ) from None
        field_name, first = _first(error, "data.")
        raise Refusal(Reason.INVALID_DATA, field_name, _sentence(first)) from None
    try:
        time = envelope.time.astimezone(UTC)
    except OverflowError:
        raise Refusal(
            Reason.INVALID_ENVELOPE, "time", "lies outside the calendar; check the application's clock"
        ) from None
    if time < EARLIEST:
        raise Refusal(Reason.INVALID_ENVELOPE, "time", "lies before the year 2000; check the application's clock")
    fields = data.__dict__
    _, _, opd, app = envelope.source.split("/")
    return Event(
        opd=opd,
        app=app,
        kind=kind,
        state=state,
        id=envelope.id,
        time=time,
        unit=fields.get("unit"),
        service=fields.get("service"),
        channel=fields.get("channel"),
        case=fields.get("case"),
        voids=fields.get("voids"),
        extensions=extensions,
    )
