"""Says where a dashboard that Grafana gives differs from the committed one, apart from what Grafana adds by itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.publish.grafana import Json


class Nothing:
    """The value of a side that has none."""


NOTHING = Nothing()
#: Of a dashboard: numbers that each Grafana gives out itself.
_GIVEN = frozenset({"id", "version", "iteration"})
#: Of a dashboard: what a save from the browser writes out although it says nothing new.
_DEFAULTS: Json = {
    "editable": True,
    "fiscalYearStartMonth": 0,
    "graphTooltip": 0,
    "liveNow": False,
    "preload": False,
    "style": "dark",
    "timezone": "browser",
}
#: By these, things in a list are the same things even where one was put in front of them.
_KEYS = ("id", "refId", "name")
#: Letters of a value on a screen, and those kept on either side of what differs in a longer one.
_SHOWN = 28
_AROUND = 8


@dataclass(frozen=True)
class Difference:
    """One place, by its path in the JSON; things of a list by their id, refId or name where they have one."""

    path: str
    committed: Any
    found: Any

    def show(self, nothing: str) -> str:
        """`path: committed -> found`, long values cut to the part that differs."""
        before, after = self.committed, self.found
        if isinstance(before, str) and isinstance(after, str):
            before, after = _around_difference(before, after)
        return f"{self.path}: {_short(before, nothing)} -> {_short(after, nothing)}"


def differences(committed: Any, found: Any) -> list[Difference]:
    """All places in which two JSON values differ; an empty value is as good as none."""
    return list(_walk("", _pruned(committed), _pruned(found)))


def dashboard_differences(committed: Json, found: Json) -> list[Difference]:
    """The same for dashboards, without the numbers, defaults and marks that Grafana sets itself."""
    ours, theirs = _plain(committed), _plain(found)
    # A newer Grafana lifts the schema of what it stores; a lower one than ours is somebody's import.
    if theirs.get("schemaVersion", 0) > ours.get("schemaVersion", 0):
        theirs["schemaVersion"] = ours.get("schemaVersion")
    return differences(ours, theirs)


def _plain(dashboard: Json) -> Json:
    plain = {**_DEFAULTS, **{name: value for name, value in _pruned(dashboard).items() if name not in _GIVEN}}
    notes = (plain.get("annotations") or {}).get("list") or []
    plain["annotations"] = {**(plain.get("annotations") or {}), "list": [n for n in notes if not n.get("builtIn")]}
    variables = (plain.get("templating") or {}).get("list") or []
    # The choices of a query variable are the database's answer at the time of the save.
    plain["templating"] = {
        **(plain.get("templating") or {}),
        "list": [{**v, "options": []} if v.get("type") == "query" else v for v in variables],
    }
    return plain


def _pruned(value: Any) -> Any:
    """Without what says nothing: nulls, empty texts, lists and objects, and the version of a panel's plugin."""
    if isinstance(value, dict):
        inner = {name: _pruned(item) for name, item in value.items() if name != "pluginVersion"}
        return {name: item for name, item in inner.items() if item is not None and item not in ("", [], {})}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value


def _walk(path: str, committed: Any, found: Any) -> Iterator[Difference]:
    if isinstance(committed, dict) and isinstance(found, dict):
        for name in [*committed, *(name for name in found if name not in committed)]:
            inner = f"{path}.{name}" if path else name
            yield from _walk(inner, committed.get(name, NOTHING), found.get(name, NOTHING))
    elif isinstance(committed, list) and isinstance(found, list):
        ours, theirs = _by_key(committed, found)
        # Panels stand where their `gridPos` says; transformations, variables and all else work in the list's order.
        if path.rpartition(".")[2] != "panels":
            yield from _order(
                path, [each for each in ours if each in theirs], [each for each in theirs if each in ours]
            )
        for label in [*ours, *(label for label in theirs if label not in ours)]:
            yield from _walk(f"{path}[{label}]", ours.get(label, NOTHING), theirs.get(label, NOTHING))
    # True is not 1 in JSON, but 1.0 is 1.
    elif committed != found or isinstance(committed, bool) != isinstance(found, bool):
        yield Difference(path, committed, found)


def _by_key(committed: list[Any], found: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both lists by the first key that tells all their things apart, else by position."""
    for key in _KEYS:
        labels = [
            [f"{key}={item[key]}" for item in items if isinstance(item, dict) and key in item]
            for items in (committed, found)
        ]
        if all(len(set(names)) == len(items) for names, items in zip(labels, (committed, found), strict=True)) and any(
            labels
        ):
            return dict(zip(labels[0], committed, strict=True)), dict(zip(labels[1], found, strict=True))
    return {str(n): item for n, item in enumerate(committed)}, {str(n): item for n, item in enumerate(found)}


def _order(path: str, committed: list[str], found: list[str]) -> Iterator[Difference]:
    """Whether what both lists have comes in another order."""
    if committed != found:
        before, after = (", ".join(label.partition("=")[2] for label in labels) for labels in (committed, found))
        yield Difference(f"{path}: order", before, after)


def _around_difference(before: str, after: str) -> tuple[str, str]:
    """Both texts from shortly before they part to shortly after they meet again, if they are too long to show."""
    if max(len(before), len(after)) <= _SHOWN:
        return before, after
    head = _shared(before, after)
    tail = _shared(before[head:][::-1], after[head:][::-1])
    start, end = max(0, head - _AROUND), max(0, tail - _AROUND)
    left, right = "…" * (start > 0), "…" * (end > 0)
    return (
        left + before[start : len(before) - end] + right,
        left + after[start : len(after) - end] + right,
    )


def _shared(one: str, other: str) -> int:
    """How many letters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _short(value: Any, nothing: str) -> str:
    if isinstance(value, Nothing):
        return nothing
    if isinstance(value, dict) and (name := value.get("title") or value.get("name")):
        value = name  # a whole panel or variable, by what people call it
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN + 2 else text[:_SHOWN] + "…"
