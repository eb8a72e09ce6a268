"""A dashboard's variables: their options, read with the SQL that Grafana uses, and what the browser chose of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from dashboards.macros import Variable
from dashboards.preview.live import Result

ALL = "$__all"


class UnknownValue(Exception):
    """A value that is none of the variable's options: it never reaches a query."""

    def __init__(self, name: str, value: str) -> None:
        super().__init__(
            f"{name} tidak mengenal {value!r}; pilih dari daftarnya."
            f" / {name} has no value {value!r}; choose from its list."
        )


@dataclass(frozen=True)
class Choice:
    """A variable with its options (text, value) and what is chosen; ALL stands for every one."""

    definition: Mapping[str, Any]
    options: Sequence[tuple[str, str]]
    chosen: Sequence[str]

    @property
    def variable(self) -> Variable:
        """As the macros take it."""
        several = bool(self.definition.get("multi") or self.definition.get("includeAll"))
        all_value = None
        values = tuple(self.chosen)
        if ALL in self.chosen:
            all_value = self.definition.get("allValue") or None
            values = tuple(value for _, value in self.options)
        return Variable(str(self.definition["name"]), values, several, all_value)

    def as_dict(self) -> dict[str, object]:
        """For the page's selectors."""
        return {
            "name": self.definition["name"],
            "label": self.definition.get("label") or self.definition["name"],
            "multi": bool(self.definition.get("multi")),
            "all": bool(self.definition.get("includeAll")),
            "hidden": self.definition.get("hide", 0) == 2 or self.definition["type"] != "query",
            "options": self.options,
            "chosen": self.chosen,
        }


async def choose(
    definitions: Iterable[Mapping[str, Any]],
    wanted: Mapping[str, Sequence[str]],
    ask: Callable[[str, Sequence[Variable]], Awaitable[Result]],
) -> list[Choice]:
    """Each variable with its options and the wanted values; one may use those before it in its query."""
    choices: list[Choice] = []
    for definition in definitions:
        if definition["type"] == "query":
            result = await ask(_sql(definition), [choice.variable for choice in choices])
            options = _options(result)
        else:
            # A constant has one value, and nobody can choose another.
            value = str(definition.get("query", ""))
            options = [(value, value)]
        values = _wanted(definition, wanted.get(definition["name"], []), options) or _default(definition, options)
        choices.append(Choice(definition, options, values))
    return choices


def _sql(definition: Mapping[str, Any]) -> str:
    query = definition["query"]
    return str(query.get("rawSql") or query["query"]) if isinstance(query, Mapping) else str(query)


def _options(result: Result) -> list[tuple[str, str]]:
    """From the columns __text and __value, or from every value of every column, as Grafana takes them."""
    if result.frame is None:
        return []
    found = orjson.loads(result.frame)
    names = [name for name, _ in found["columns"]]
    if "__text" in names and "__value" in names:
        text, value = names.index("__text"), names.index("__value")
        pairs = [(str(row[text]), str(row[value])) for row in found["rows"]]
    else:
        pairs = [(str(cell), str(cell)) for row in found["rows"] for cell in row]
    return list(dict.fromkeys(pairs))


def _wanted(definition: Mapping[str, Any], wanted: Sequence[str], options: Sequence[tuple[str, str]]) -> list[str]:
    known = {value for _, value in options} | ({ALL} if definition.get("includeAll") else set())
    for value in wanted:
        if value not in known:
            raise UnknownValue(str(definition["name"]), value)
    # In one order and once each, so that one choice is one query.
    chosen = [value for value in (ALL, *(value for _, value in options)) if value in wanted]
    return chosen if definition.get("multi") else chosen[:1]


def _default(definition: Mapping[str, Any], options: Sequence[tuple[str, str]]) -> list[str]:
    """What the dashboard was saved with, as far as it is still there."""
    saved = definition.get("current", {}).get("value", [])
    values = [str(value) for value in (saved if isinstance(saved, list) else [saved])]
    known = [value for value in values if value in {value for _, value in options}]
    if known:
        return known
    if definition.get("includeAll"):
        return [ALL]
    return [options[0][1]] if options else [""]
