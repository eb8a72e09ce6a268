"""Does a KPI fit its city: its owner, agencies, units and services exist, and no two KPIs contradict each other."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING

from opd_schemas.faults import Wrong, mend
from opd_schemas.kpi import Filter, Kpi
from opd_schemas.measures import Overdue

if TYPE_CHECKING:
    from opd_schemas.catalogue import Agency, Catalogue

_DAY = timedelta(days=1)
_SPANS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": _DAY}


def check_kpis(catalogue: "Catalogue", kpis: Sequence[Kpi]) -> list[Wrong]:
    """Every fault of `kpis` in this city; each `where` begins with the number of the KPI."""
    agencies = {agency.opd: agency for agency in catalogue.agencies}
    faults = [fault.within(at) for at, kpi in enumerate(kpis) for fault in _misfits(kpi, agencies)]
    faults += [fault.within(at) for at, kpi in enumerate(kpis) for fault in _unequal_days(kpi, catalogue)]
    for (_, first), (at, second) in combinations(enumerate(kpis), 2):
        faults += (fault.within(at) for fault in _contradictions(first, second))
    return faults


def places(catalogue: "Catalogue", chosen: Filter) -> list[tuple[str, str]]:
    """(opd, unit) of every unit whose cases a filter takes."""
    return [
        (agency.opd, unit.unit)
        for agency in catalogue.agencies
        if not chosen.opds or agency.opd in chosen.opds
        for unit in agency.units
        if chosen.kind in unit.kinds and (not chosen.units or unit.unit in chosen.units)
    ]


def unit_span(catalogue: "Catalogue", kpi: Kpi) -> timedelta | None:
    """The time that 1 of the KPI's unit stands for; None for percent and count, which are no time."""
    if kpi.unit == "working_days":
        return min(_working_days(catalogue, kpi.filter), default=_DAY)
    return _SPANS.get(kpi.unit)


def _working_days(catalogue: "Catalogue", chosen: Filter) -> set[timedelta]:
    """The lengths of a working day at the units that a filter takes; where nothing ever closes, it is a day."""
    lengths = {calendar.code: calendar.working_day for calendar in catalogue.calendars}
    calendars = {(a.opd, unit.unit): unit.calendar for a in catalogue.agencies for unit in a.units}
    return {lengths.get(calendars[place] or "", _DAY) for place in places(catalogue, chosen)}


def _unequal_days(kpi: Kpi, catalogue: "Catalogue") -> Iterator[Wrong]:
    lengths = _working_days(catalogue, kpi.filter) if kpi.unit == "working_days" else set()
    if len(lengths) > 1:
        hours = " and ".join(f"{length / timedelta(hours=1):g} h" for length in sorted(lengths))
        what = f"working_days are of unequal length at the units taken, {hours}"
        yield Wrong(("unit",), f"{what}; write hours, or give the units calendars with one working_day")


def _misfits(kpi: Kpi, agencies: dict[str, "Agency"]) -> Iterator[Wrong]:
    if kpi.owner not in agencies:
        yield Wrong(("owner",), f"{kpi.owner} is no agency of the catalogue; {mend(kpi.owner, list(agencies))}")
    # One code that is mistyped makes the rest of the filter look empty, so that is judged last.
    faults = [*_unknown_codes(kpi.filter, agencies)] or [*_nothing_taken(kpi.filter, agencies)]
    yield from (fault.within("filter") for fault in faults)


def _unknown_codes(chosen: Filter, agencies: dict[str, "Agency"]) -> Iterator[Wrong]:
    for at, opd in enumerate(chosen.opds):
        if opd not in agencies:
            yield Wrong(("opds", at), f"{opd} is no agency of the catalogue; {mend(opd, list(agencies))}")
    taken = [agencies[opd] for opd in chosen.opds if opd in agencies]
    units = sorted(set().union(*(_units(agency, chosen.kind) for agency in taken)))
    services = sorted(set().union(*(_services(agency, chosen.kind) for agency in taken)))
    for field, named, known in (("units", chosen.units, units), ("services", chosen.services, services)):
        for at, code in enumerate(named):
            if code not in known and taken:
                whose = f"{field[:-1]} of {', '.join(agency.opd for agency in taken)} that takes {chosen.kind}"
                yield Wrong((field, at), f"{code} is no {whose}; {mend(code, known)}")


def _nothing_taken(chosen: Filter, agencies: dict[str, "Agency"]) -> Iterator[Wrong]:
    if not chosen.opds and not any(_takes(agency, chosen) for agency in agencies.values()):
        yield Wrong(("kind",), f"no unit of the city takes {chosen.kind}; correct it")
    for at, opd in enumerate(chosen.opds):
        if not agencies[opd].apps:
            what = f"{opd} has no application that publishes, so nothing can be measured; add its app, or remove it"
            yield Wrong(("opds", at), what)
        elif not _takes(agencies[opd], chosen):
            what = (
                f"{opd} has no such {chosen.kind} unit or service, so it adds nothing; remove it, or correct the kind"
            )
            yield Wrong(("opds", at), what)


def _units(agency: "Agency", kind: str) -> set[str]:
    return {unit.unit for unit in agency.units if kind in unit.kinds}


def _services(agency: "Agency", kind: str) -> set[str]:
    return {service.service for service in agency.services if kind in service.kinds}


def _takes(agency: "Agency", chosen: Filter) -> bool:
    units, services = _units(agency, chosen.kind), _services(agency, chosen.kind)
    return bool(units & set(chosen.units or units)) and bool(services & set(chosen.services or services))


def _contradictions(first: Kpi, second: Kpi) -> Iterator[Wrong]:
    if first.kpi == second.kpi:
        yield Wrong(("kpi",), f"{second.kpi} stands twice; give each KPI its own code")
    if first.programme.programme == second.programme.programme and first.programme != second.programme:
        what = f"{second.programme.programme} is described otherwise under {first.kpi}; make the two blocks equal"
        yield Wrong(("programme",), what)
    if _due(first) != _due(second) and _meet(first, second):
        what = f"gives cases another due date than {first.kpi} does, and a case has one; make the limits equal"
        yield Wrong(("measure",), f"{what}, or part the filters")


def _due(kpi: Kpi) -> object:
    return (kpi.measure.duration, kpi.measure.limit) if isinstance(kpi.measure, Overdue) else None


def _meet(first: Kpi, second: Kpi) -> bool:
    """Whether some case can be overdue for both, on some day."""
    if not (isinstance(first.measure, Overdue) and isinstance(second.measure, Overdue)):
        return False
    lists: tuple[Callable[[Filter], tuple[str, ...]], ...] = (
        lambda chosen: chosen.opds,
        lambda chosen: chosen.units,
        lambda chosen: chosen.services,
        lambda chosen: chosen.channels,
    )
    return (
        first.filter.kind == second.filter.kind
        and all(_common(of(first.filter), of(second.filter)) for of in lists)
        and (first.effective.holds(second.effective.since) or second.effective.holds(first.effective.since))
    )


def _common(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two lists have something in common, where an empty one takes all."""
    return not first or not second or not set(first).isdisjoint(second)
