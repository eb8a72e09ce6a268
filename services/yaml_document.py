"""A YAML file as people write it: every value is text that knows its line, and every fault is one line that says where.

Values stay text ("no" is no truth value, 13.70 no number) until a pydantic model reads them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

_MOST_VALUES = 100_000
_YAML_NULL = "tag:yaml.org,2002:null"

Value = Any


class Place(NamedTuple):
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Fault(NamedTuple):
    """What is wrong with a field and how to mend it; `field` is "" for the whole file."""

    place: Place
    field: str
    text: str

    def __str__(self) -> str:
        # A quoted key may run over several lines; a fault may not.
        name = " ".join(self.field.split())
        return f"{self.place}: {name}: {self.text}" if name else f"{self.place}: {self.text}"


class Block(dict[str, Value]):
    """A mapping and the place of each key."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.places: dict[str, Place] = {}

    def put(self, key: str, value: Value, place: Place) -> None:
        self[key] = value
        self.places[key] = place


class Items(list[Value]):
    """A sequence and the place of each entry."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []

    def put(self, value: Value, place: Place) -> None:
        self.append(value)
        self.places.append(place)


class _Endless(Exception):
    """A document that repeats itself through its aliases."""

    def __init__(self, place: Place) -> None:
        self.place = place


@dataclass
class _Reader:
    """Turns the nodes of one file into blocks, items and texts."""

    file: str
    faults: list[Fault]
    within: set[int] = field(default_factory=set)
    read: int = 0

    def place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def fault(self, node: Node, name: str, text: str) -> None:
        self.faults.append(Fault(self.place(node), name, text))

    def value(self, node: Node) -> Value:
        self.read += 1
        # An alias may name its own parent, and aliases of aliases may multiply without end.
        if id(node) in self.within or self.read > _MOST_VALUES:
            raise _Endless(self.place(node))
        self.within.add(id(node))
        try:
            return self._value(node)
        finally:
            self.within.remove(id(node))

    def _value(self, node: Node) -> Value:
        if str(node.tag).startswith("!"):
            self.fault(node, str(node.tag), "is a YAML tag, which has no meaning here; remove it")
        if isinstance(node, MappingNode):
            return self.block(node)
        if isinstance(node, SequenceNode):
            items = Items()
            for entry in node.value:
                items.put(self.value(entry), self.place(entry))
            return items
        return None if node.tag == _YAML_NULL else node.value

    def block(self, node: MappingNode) -> Block:
        block = Block(self.place(node))
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.fault(key, "", "has a list or block as the name of a field; write a plain word")
            elif key.value in block:
                first = block.places[key.value].line
                self.fault(key, key.value, f"stands twice in one block, first on line {first}; keep one of them")
            else:
                block.put(key.value, self.value(value), self.place(key))
        return block


def read(path: Path, faults: list[Fault]) -> Block | None:
    """The block that a file holds; its faults are added to `faults`, and None is returned if nothing can be read."""
    text = _text(path, faults)
    if text is None:
        return None
    file = str(path)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        if isinstance(node, MappingNode):
            return _Reader(file, faults).block(node)
        line = node.start_mark.line + 1 if node else 1
        what = "must hold fields (name: value), not a bare list or text; check the first line"
        fault = Fault(Place(file, line), "", what if node else "is empty; write its fields, or remove the file")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = Fault(Place(file, line), "", "holds a control character; delete and retype the line")
    except MarkedYAMLError as error:
        fault = _syntax_fault(file, text, error)
    except _Endless as error:
        fault = Fault(error.place, "", "repeats itself through anchors and aliases; write the values out")
    except RecursionError:
        fault = Fault(Place(file, 1), "", "nests too deep; write it with fewer levels")
    faults.append(fault)
    return None


def _text(path: Path, faults: list[Fault]) -> str | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        faults.append(Fault(Place(str(path), 1), "", "is missing; create it"))
        return None
    except OSError as error:
        faults.append(
            Fault(Place(str(path), 1), "", f"cannot be read ({error.strerror}); check the file and its rights")
        )
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        faults.append(Fault(Place(str(path), line), "", "is not UTF-8; save the file with the encoding UTF-8"))
        return None


#: What the YAML parser says, in part → what a person can do about it.
_SYNTAX = (
    ("expected a single document", "begins a second document (---); one file holds one document"),
    ("unexpected end of stream", "opens a quote that is never closed; close it"),
    ("quoted scalar", "has a quote or backslash that YAML cannot read; write the text in plain double quotes"),
    ("flow sequence", "opens a list with [ that is not closed properly; check commas and the closing ]"),
    ("flow mapping", "opens a block with { that is not closed properly; check commas and the closing }"),
    ("flow node", "opens [ or { and never closes it; close it"),
    (
        "mapping values are not allowed",
        "has one colon too many, or is indented wrongly; put text with colons in quotes",
    ),
    ("could not find expected ':'", "lacks a colon; write each field as name: value"),
    ("undefined alias", "uses an alias (*) that no anchor (&) defines; write the value out"),
    ("that cannot start any token", "has text that begins with a special character; put the text in quotes"),
    ("expected <block end>", "does not line up with the lines above, or closes a quote too early; align or quote it"),
)


def _syntax_fault(file: str, text: str, error: MarkedYAMLError) -> Fault:
    said = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    # What is not closed or completed is noticed at the end of the file or on the next line only.
    if error.context_mark and ("flow" in said or "unexpected end" in said or "simple key" in said):
        mark = error.context_mark
    line = mark.line if mark else 0
    lines = text.splitlines() or [""]
    here = lines[min(line, len(lines) - 1)]
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return Fault(Place(file, line + 1), "", "is indented with a tab; indent with spaces")
    meaning = next(
        (m for part, m in _SYNTAX if part in said), "is not valid YAML; check colons, quotes and indentation"
    )
    return Fault(Place(file, line + 1), "", meaning)
