"""The city's register: agencies (OPD), their applications, units and services, and the limits that are counted exactly.

Loaded from YAML, checked here, kept versioned in the database. Ingest judges events by it.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from opd_schemas.calendars import Calendar
from opd_schemas.event import Code
from opd_schemas.events import KINDS
from opd_schemas.faults import Wrong, mend, refuse
from opd_schemas.fields import Kind, Model, Name, Span, Text
from opd_schemas.kpi import Kpi
from opd_schemas.kpi_check import check_kpis


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is not an IANA time zone; Indonesia has Asia/Jakarta, Asia/Makassar and Asia/Jayapura")
    return name


REGION_PATTERN = r"^\d{2}\.\d{2}$"


class City(Model):
    """The city: region code (Kemendagri), name and time zone. An event that arrives `late_after` its time is late."""

    code: Annotated[str, StringConstraints(pattern=REGION_PATTERN)] | None = None
    name: Text
    timezone: Annotated[str, AfterValidator(_known_zone)]
    late_after: Span = timedelta(minutes=10)
    #: So many cases closed within one minute at one unit look like closed in bulk.
    bulk_closing: Annotated[int, Field(ge=2)] = 5

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class App(Model):
    """An application that publishes; it is silent when nothing was heard for `expected_every`."""

    app: Code
    name: Name
    expected_every: Span = timedelta(minutes=5)


class Unit(Model):
    """A place of service: a counter group, a Puskesmas, an office. Without a `calendar` it never closes."""

    unit: Code
    name: Name
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    calendar: Code | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("has only one of latitude and longitude; write both, in degrees, or neither")
        return self


class Service(Model):
    """What a citizen comes for."""

    service: Code
    name: Name
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]


class Agency(Model):
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


class Limit(Model):
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


class Catalogue(Model):
    """The whole register of one city."""

    city: City
    limits: tuple[Limit, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    agencies: Annotated[tuple[Agency, ...], Field(min_length=1)]
    kpis: tuple[Kpi, ...] = ()

    @model_validator(mode="after")
    def _agencies_are_unique(self) -> Self:
        codes = [agency.opd for agency in self.agencies]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"agencies names {twice[0]} twice; one agency, one block")
        return self

    @model_validator(mode="after")
    def _calendars_are_unique_and_known(self) -> Self:
        codes = [calendar.code for calendar in self.calendars]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise ValueError(f"calendars names {twice[0]} twice; give each its own code")
        refuse("catalogue", self._unknown_calendars(codes))
        return self

    def _unknown_calendars(self, known: list[str]) -> Iterator[Wrong]:
        for number, agency in enumerate(self.agencies):
            for place, unit in enumerate(agency.units):
                if unit.calendar is not None and unit.calendar not in known:
                    where = ("agencies", number, "units", place, "calendar")
                    yield Wrong(where, f"is no calendar of the catalogue; {mend(unit.calendar, known)}")

    @model_validator(mode="after")
    def _kpis_fit(self) -> Self:
        refuse("catalogue", (fault.within("kpis") for fault in check_kpis(self, self.kpis)))
        return self

    def applications(self) -> Iterator[tuple[str, str]]:
        """(opd, app) of every application."""
        return ((agency.opd, app.app) for agency in self.agencies for app in agency.apps)
