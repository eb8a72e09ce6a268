"""The city's register: agencies (OPD), their applications, units and services, and the limits that are counted exactly.

Loaded from YAML, checked here, kept versioned in the database. Ingest judges events by it.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from opd_schemas.event import Code
from opd_schemas.events import KINDS


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is not an IANA time zone; Indonesia has Asia/Jakarta, Asia/Makassar and Asia/Jayapura")
    return name


def _known_kind(kind: str) -> str:
    if kind not in KINDS or not KINDS[kind].has_cases:
        raise ValueError(f"is no kind of service; known: {', '.join(k for k, v in KINDS.items() if v.has_cases)}")
    return kind


# Pydantic alone would read P15M as fifteen months and 15:00 as fifteen hours, where somebody meant minutes.
_DURATION = re.compile(r"P(?!$)(\d+Y)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def _iso(span: object) -> object:
    if isinstance(span, str) and not _DURATION.fullmatch(span):
        raise ValueError("must be a duration such as PT15M (15 minutes), PT2H (2 hours) or P1D (one day)")
    return span


def _positive(span: timedelta) -> timedelta:
    if span <= timedelta(0):
        raise ValueError("must be longer than nothing, such as PT15M or P1D")
    return span


REGION_PATTERN = r"^\d{2}\.\d{2}$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Span = Annotated[timedelta, BeforeValidator(_iso), AfterValidator(_positive)]
Kind = Annotated[str, AfterValidator(_known_kind)]


class Name(_Model):
    """A name in Bahasa Indonesia and in English."""

    id: Text
    en: Text


class City(_Model):
    """The city: region code (Kemendagri), name and time zone. An event that arrives `late_after` its time is late."""

    code: Annotated[str, StringConstraints(pattern=REGION_PATTERN)] | None = None
    name: Text
    timezone: Annotated[str, AfterValidator(_known_zone)]
    late_after: Span = timedelta(minutes=10)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class App(_Model):
    """An application that publishes; it is silent when nothing was heard for `expected_every`."""

    app: Code
    name: Name
    expected_every: Span = timedelta(minutes=5)


class Unit(_Model):
    """A place of service: a counter group, a Puskesmas, an office."""

    unit: Code
    name: Name
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]


class Service(_Model):
    """What a citizen comes for."""

    service: Code
    name: Name
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]


class Agency(_Model):
    """One OPD with its applications, units and services; one without applications does not publish yet."""

    opd: Code
    name: Name
    apps: tuple[App, ...] = ()
    units: tuple[Unit, ...] = ()
    services: tuple[Service, ...] = ()

    @model_validator(mode="after")
    def _codes_are_unique(self) -> Self:
        for field, codes in (
            ("apps", [a.app for a in self.apps]),
            ("units", [u.unit for u in self.units]),
            ("services", [s.service for s in self.services]),
        ):
            if twice := sorted({code for code in codes if codes.count(code) > 1}):
                raise ValueError(f"{field} names {twice[0]} twice; give each its own code")
        if self.apps and not (self.units and self.services):
            raise ValueError("has apps but no units or no services; name what the apps publish about")
        return self


class Limit(_Model):
    """A limit of a duration that is counted exactly ("within 15 minutes"); others are counted when asked, at a cost."""

    kind: Kind
    duration: str
    limit: Span

    @model_validator(mode="after")
    def _duration_is_known(self) -> Self:
        known = [d.name for d in KINDS[self.kind].durations]
        if self.duration not in known:
            raise ValueError(f"{self.kind} has no duration {self.duration}; known: {', '.join(known)}")
        return self


class Catalogue(_Model):
    """The whole register of one city."""

    city: City
    limits: tuple[Limit, ...] = ()
    agencies: Annotated[tuple[Agency, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _agencies_are_unique(self) -> Self:
        codes = [agency.opd for agency in self.agencies]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"agencies names {twice[0]} twice; one agency, one block")
        return self

    def applications(self) -> Iterator[tuple[str, str]]:
        """(opd, app) of every application."""
        return ((agency.opd, app.app) for agency in self.agencies for app in agency.apps)
