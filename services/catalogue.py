"""The catalogue as files and as a register: `load` reads a folder of YAML, `Register` judges events by it.

A folder holds `city.yaml` (the city and its limits) and the agencies, in `agencies.yaml` or any number of files in
`agencies/`.
"""

from difflib import get_close_matches
from pathlib import Path

from opd_schemas.catalogue import Agency, Catalogue
from opd_schemas.event import Event
from opd_schemas.events import KINDS
from opd_schemas.refusal import Reason, Refusal
from services.errors import CatalogueError
from services.yaml_document import Block, Fault, Items, Place, read
from services.yaml_judge import judge

_CITY_FIELDS = ("city", "limits")
_AGENCY_FIELDS = ("agencies",)
_NEXT_STEP = "register it in the catalogue, run: warroom catalogue apply, then replay the event"


def load(folder: Path) -> Catalogue:
    """The catalogue that a folder of YAML files holds; raises `CatalogueError` with every fault, one line each."""
    faults: list[Fault] = []
    root = _gather(folder, faults)
    catalogue = judge(Catalogue, root, faults) if root is not None else None
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
    lists = [_read_agencies(path, faults) for path in files]
    merged = Items()
    for listed in lists:
        if listed is not None:
            merged.extend(listed)
            merged.places.extend(listed.places)
    if city is None or not files or None in lists:
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
    return city


def _agency_files(folder: Path, faults: list[Fault]) -> list[Path]:
    beside, within = folder / "agencies.yaml", folder / "agencies"
    files = ([beside] if beside.exists() else []) + sorted(within.glob("*.yaml"))
    faults += (
        Fault(Place(str(path), 1), "", "is not read, since its name ends in .yml; rename it to .yaml")
        for path in sorted((*folder.glob("*.yml"), *within.glob("*.yml")))
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


def _read_agencies(path: Path, faults: list[Fault]) -> Items | None:
    part = _read_part(path, _AGENCY_FIELDS, faults)
    if part is None:
        return None
    entries = part.get("agencies")
    if isinstance(entries, Items):
        return entries
    what = "must list the agencies, each beginning with a hyphen; add them, or remove the file"
    faults.append(Fault(part.places.get("agencies", part.place), "agencies", what))
    return None


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
