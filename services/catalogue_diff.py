"""What separates two catalogues, block by block and field by field, and what would follow from the second.

Documents are compared as the hub stores them; a field that is absent is one that is empty.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from opd_schemas.catalogue import Catalogue
from opd_schemas.events import KINDS
from services import figures
from services.aggregator.rules import City

Document = Mapping[str, Any]
Sign = Literal["added", "removed", "changed"]
GROUPS: Final = ("city", "agencies", "units", "services", "apps", "calendars", "limits", "kpis")
#: By what the entries of a list within a block are told apart; entries of other lists are plain values.
_KEYS: Final = {"targets": "by", "holidays": "date", "special_hours": "first", "closures": "start"}
#: What is written of an agency beside itself.
_PARTS: Final = {"units": "unit", "services": "service", "apps": "app"}


@dataclass(frozen=True)
class Change:
    """One block that came or went (`path` empty, the block itself), or one field of it that is another now.

    Of a list of plain values `old` holds those that left and `new` those that came; the path `order` tells of blocks
    that only changed places.
    """

    group: str
    sign: Sign
    key: str
    path: str = ""
    old: Any = None
    new: Any = None


@dataclass(frozen=True)
class Consequences:
    """(kind, opd) whose cases would be merged anew, and the KPIs whose figure would be counted over what is stored."""

    rewritten: list[tuple[str, str]]
    new_figures: list[str]


def changes(old: Document, new: Document) -> list[Change]:
    """All differences, group by group, in the order of the catalogue."""
    found = list(_fields("city", "", old.get("city"), new.get("city"), ""))
    for group in GROUPS[1:]:
        found += _blocks(group, _by_key(old, group), _by_key(new, group))
    return found


def consequences(old: Catalogue | None, new: Catalogue, stored: Iterable[tuple[str, str]]) -> Consequences:
    """What `new` does to what is stored under `old`; `stored` are the (kind, opd) that have cases or may have."""
    before, after = (City(new.city.zone if each is None else each.city.zone, each) for each in (old, new))
    kinds = {(kind, agency.opd) for agency in new.agencies for unit in agency.units for kind in unit.kinds}
    known = {figures.figure_of(old, kpi).definition for kpi in old.kpis} if old else set()
    return Consequences(
        [
            (kind, opd)
            for kind, opd in sorted({*stored, *kinds})
            if before.digest(KINDS[kind], opd) != after.digest(KINDS[kind], opd)
        ],
        [kpi.kpi for kpi in new.kpis if figures.figure_of(new, kpi).definition not in known],
    )


def _by_key(document: Document, group: str) -> dict[str, Any]:
    """The blocks of a group by their codes; parts of an agency as opd/code."""
    agencies = document.get("agencies", ())
    if group in _PARTS:
        return {f"{a['opd']}/{part[_PARTS[group]]}": part for a in agencies for part in a.get(group, ())}
    if group == "agencies":
        return {a["opd"]: {field: value for field, value in a.items() if field not in _PARTS} for a in agencies}
    if group == "limits":
        return {" ".join((each["kind"], each["duration"], each["limit"])): each for each in document.get(group, ())}
    return {each["code" if group == "calendars" else "kpi"]: each for each in document.get(group, ())}


def _blocks(group: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for key in [*new, *(key for key in old if key not in new)]:
        if key not in old:
            yield Change(group, "added", key, new=new[key])
        elif key not in new:
            yield Change(group, "removed", key, old=old[key])
        else:
            yield from _fields(group, key, old[key], new[key], "")
    yield from _order(group, "", "", old, new)


def _order(group: str, key: str, path: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """Blocks that stand in both, but in another order."""
    before, after = list(old), list(new)
    was, now = [each for each in before if each in after], [each for each in after if each in before]
    if was != now:
        yield Change(group, "changed", key, f"{path}.order".lstrip("."), was, now)


def _fields(group: str, key: str, old: Any, new: Any, path: str) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for field in [*new, *(field for field in old if field not in new)]:
            inner = f"{path}.{field}".lstrip(".")
            yield from _fields(group, key, old.get(field), new.get(field), inner)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(group, key, old, new, path)
    else:
        yield Change(group, "changed", key, path, old, new)


def _lists(group: str, key: str, old: Sequence[Any], new: Sequence[Any], path: str) -> Iterator[Change]:
    by = _KEYS.get(path.rpartition(".")[2])
    if by is None:
        left, came = [each for each in old if each not in new], [each for each in new if each not in old]
        # The same values in another order, or another number of times.
        same = not left and not came
        yield Change(group, "changed", key, path, old if same else left, new if same else came)
        return
    before, after = ({each[by]: each for each in entries} for entries in (old, new))
    for entry in [*after, *(entry for entry in before if entry not in after)]:
        yield from _fields(group, key, before.get(entry), after.get(entry), f"{path}[{entry}]")
    yield from _order(group, key, path, before, after)
