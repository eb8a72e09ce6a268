"""The catalogue as files and as a register: `load` reads a folder of YAML, `Register` judges events by it.

A folder holds `city.yaml` (the city and its limits), the agencies, in `agencies.yaml` or any number of files in
`agencies/`, if anything ever closes, `calendars.yaml`, and in `kpis/` one file for each agency that owns KPIs.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from opd_schemas.catalogue import Agency, Catalogue
from opd_schemas.event import Event
from opd_schemas.events import KINDS
from opd_schemas.refusal import Reason, Refusal
from services import holidays_source
from services.errors import CatalogueError
from services.yaml_document import Block, Fault, Items, Place, read
from services.yaml_judge import judge

_CITY_FIELDS = ("city", "limits")
_NEXT_STEP = "register it in the catalogue, run: warroom catalogue apply, then replay the event"


def load(folder: Path) -> Catalogue:
    """The catalogue that a folder of YAML files holds; raises `CatalogueError` with every fault, one line each."""
    faults: list[Fault] = []
    root = _gather(folder, faults)
    catalogue = judge(Catalogue, root, faults) if root is not None else None
    if root is not None and catalogue is not None:
        faults += _unknown_holidays(catalogue, root)
    if faults or catalogue is None:
        raise CatalogueError(*(str(fault) for fault in sorted(set(faults))))
    return catalogue


def _gather(folder: Path, faults: list[Fault]) -> Block | None:
    """One document from all files, without repeated codes, which are faults.

    None if any file gave nothing: the rest would be accused of lacking what stands in it.
    """
    if not folder.is_dir():
        faults.append(Fault(Place(str(folder), 1), "", "is no folder; name the folder that holds city.yaml"))
        return None
    city = _read_part(folder / "city.yaml", _CITY_FIELDS, faults)
    files = _agency_files(folder, faults)
    lists = [_read_list(path, "agencies", faults) for path in files]
    merged = Items()
    for listed in lists:
        if listed is not None:
            merged.extend(listed)
            merged.places.extend(listed.places)
    calendars = _read_calendars(folder / "calendars.yaml", faults)
    kpis = _read_kpis(folder, faults)
    if city is None or not files or None in lists or calendars is None:
        return None
    agencies = _without_repeats(merged, ("opd",), "agencies", faults)
    for agency in (each for each in agencies if isinstance(each, Block)):
        for name, code in (("apps", "app"), ("units", "unit"), ("services", "service")):
            if isinstance(entries := agency.get(name), Items):
                where = f"agencies[{agency.get('opd') or '?'}].{name}"
                agency[name] = _without_repeats(entries, (code,), where, faults)
    if isinstance(limits := city.get("limits"), Items):
        city["limits"] = _without_repeats(limits, ("kind", "duration", "limit"), "limits", faults)
    city.put("agencies", agencies, Place(str(files[0]), 1))
    city.put("calendars", calendars, Place(str(folder / "calendars.yaml"), 1))
    city.put("kpis", kpis, Place(str(folder / "kpis"), 1))
    return city


def _agency_files(folder: Path, faults: list[Fault]) -> list[Path]:
    beside, within = folder / "agencies.yaml", folder / "agencies"
    files = ([beside] if beside.exists() else []) + sorted(within.glob("*.yaml"))
    faults += (
        Fault(Place(str(path), 1), "", "is not read, since its name ends in .yml; rename it to .yaml")
        for path in sorted((*folder.glob("*.yml"), *within.glob("*.yml"), *(folder / "kpis").glob("*.yml")))
    )
    if not files:
        what = "is missing, and agencies/ holds no .yaml file; list the agencies in either"
        faults.append(Fault(Place(str(beside), 1), "", what))
    return files


def _read_part(path: Path, fields: tuple[str, ...], faults: list[Fault]) -> Block | None:
    block = read(path, faults)
    if block is None:
        return None
    for name in block.keys() - set(fields):
        close = get_close_matches(name, fields, n=1)
        mend = f"did you mean {close[0]}?" if close else f"this file holds {' and '.join(fields)} only"
        faults.append(Fault(block.places[name], name, f"does not belong in this file; {mend}"))
        value = block.pop(name)
        if close and close[0] not in block:
            block.put(close[0], value, block.places[name])
    return block


def _read_list(path: Path, name: str, faults: list[Fault]) -> Items | None:
    """What a file lists under its only field."""
    part = _read_part(path, (name,), faults)
    if part is None:
        return None
    entries = part.get(name)
    if isinstance(entries, Items):
        return entries
    what = f"must list the {name}, each beginning with a hyphen; add them, or remove the file"
    faults.append(Fault(part.places.get(name, part.place), name, what))
    return None


def _read_calendars(path: Path, faults: list[Fault]) -> Items | None:
    if not path.exists():
        return Items()
    calendars = _read_list(path, "calendars", faults)
    if calendars is None:
        return None
    for calendar in (each for each in calendars if isinstance(each, Block) and "expanded" in each):
        name = f"calendars[{calendar.get('code') or '?'}].expanded"
        what = "is written by the hub when the catalogue is put into force; remove it"
        faults.append(Fault(calendar.places["expanded"], name, what))
        del calendar["expanded"]
    return _without_repeats(calendars, ("code",), "calendars", faults)


def _read_kpis(folder: Path, faults: list[Fault]) -> Items:
    """The KPIs of all files: each stands in the file of its owner, and the runbook that it names is there."""
    merged = Items()
    for path in sorted((folder / "kpis").glob("*.yaml")):
        listed = _read_list(path, "kpis", faults) or Items()
        for entry, place in zip(listed, listed.places, strict=True):
            merged.put(entry, place)
            if not isinstance(entry, Block):
                continue
            name = f"kpis[{entry.get('kpi') or '?'}]"
            owner, runbook = entry.get("owner"), entry.get("runbook")
            if isinstance(owner, str) and owner != path.stem:
                what = f"is {owner}, but this is the file of {path.stem}; correct it, or move the KPI to {owner}.yaml"
                faults.append(Fault(entry.places["owner"], f"{name}.owner", what))
            if isinstance(runbook, str) and runbook.endswith(".md") and not (folder / runbook).is_file():
                what = f"names {runbook}, which is no file beside city.yaml; write it, or write the runbook here"
                faults.append(Fault(entry.places["runbook"], f"{name}.runbook", what))
    return _without_repeats(merged, ("kpi",), "kpis", faults)


def _unknown_holidays(catalogue: Catalogue, root: Block) -> Iterator[Fault]:
    for calendar, block in zip(catalogue.calendars, root["calendars"], strict=True):
        if calendar.public_holidays is not None and (wrong := holidays_source.unknown(calendar.public_holidays)):
            field, what = str(wrong.where[0]), wrong.what
            place = block["public_holidays"].places.get(field, block.places["public_holidays"])
            yield Fault(place, f"calendars[{calendar.code}].public_holidays.{field}", what)


def _without_repeats(entries: Items, keys: tuple[str, ...], where: str, faults: list[Fault]) -> Items:
    """`entries` less those whose keys stood before; each of those is a fault that names both places."""
    kept = Items()
    first: dict[tuple[str, ...], Place] = {}
    for entry, place in zip(entries, entries.places, strict=True):
        code = tuple(str(entry.get(key)) for key in keys) if isinstance(entry, Block) else ()
        if code in first:
            name = f"{where}[{' '.join(code)}]"
            faults.append(
                Fault(place, name, f"stands twice, first at {first[code]}; keep one of the two, or correct it")
            )
        else:
            if code and "None" not in code:
                first[code] = place
            kept.put(entry, place)
    return kept


class Register:
    """Who may speak about what: sets built once from a catalogue, asked for every event."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._agencies = frozenset(agency.opd for agency in catalogue.agencies)
        self._senders = {
            (agency.opd, app.app): {kind: _codes(agency, kind) for kind in KINDS}
            for agency in catalogue.agencies
            for app in agency.apps
        }

    def check(self, event: Event) -> None:
        """Raise `Refusal` if the catalogue does not know the event's agency, application, unit or service."""
        kinds = self._senders.get((event.opd, event.app))
        if kinds is None:
            raise self._unknown_sender(event)
        # A heartbeat concerns no unit.
        if event.unit is None:
            return
        units, services = kinds[event.kind]
        if event.unit not in units:
            what = f"is no unit of {event.opd} that serves {event.kind}"
            raise Refusal(Reason.UNKNOWN_UNIT, "data.unit", f"{what}; {_NEXT_STEP}")
        if event.service not in services:
            what = f"is no {event.kind} service of {event.opd}"
            raise Refusal(Reason.UNKNOWN_SERVICE, "data.service", f"{what}; {_NEXT_STEP}")

    def _unknown_sender(self, event: Event) -> Refusal:
        if event.opd not in self._agencies:
            return Refusal(Reason.UNKNOWN_OPD, "source", f"names an agency that is not registered; {_NEXT_STEP}")
        return Refusal(Reason.UNKNOWN_APP, "source", f"names no application of {event.opd}; {_NEXT_STEP}")


def _codes(agency: Agency, kind: str) -> tuple[frozenset[str], frozenset[str]]:
    """The units and the services of an agency that take a kind."""
    return (
        frozenset(unit.unit for unit in agency.units if kind in unit.kinds),
        frozenset(service.service for service in agency.services if kind in service.kinds),
    )
