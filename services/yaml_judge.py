"""A YAML document becomes a pydantic model, or faults in plain words, each at its line."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from opd_schemas.calendars import COUNTRY_PATTERN, INTERVAL_PATTERN, WRITTEN_BY_HUB
from opd_schemas.catalogue import REGION_PATTERN
from opd_schemas.faults import mend
from opd_schemas.subjects import CODE_PATTERN
from services.yaml_document import Block, Fault, Items, Place, Value

Model = TypeVar("Model", bound=BaseModel)


def judge(model: type[Model], root: Block, faults: list[Fault]) -> Model | None:
    """`root` as a `model`; what the model refuses is added to `faults`, each at its line."""
    try:
        return model.model_validate(root)
    except ValidationError as error:
        found = [_follow(model, root, dict(each)) for each in error.errors(include_url=False, include_input=False)]
        meant = {one.meant for one in found}
        faults += (one.fault() for one in found if not one.follows_from(meant))
        return None


@dataclass
class _Finding:
    """One error of the validator with its place, readable name, the value it concerns and the models passed."""

    error: dict[str, Any]
    place: Place
    name: str
    node: Value
    judges: list[type[BaseModel] | None]

    def follows_from(self, meant: set[tuple[str | int, ...]]) -> bool:
        """Said already: a field is missing as it is misspelt, or a list too short as all of its entries are wrong."""
        if self.error["type"] == "missing":
            return self.error["loc"] in meant
        return self.error["type"] == "too_short" and bool(self.node)

    @property
    def meant(self) -> tuple[str | int, ...]:
        """The path of the field that a misspelt one stands for."""
        loc: tuple[str | int, ...] = self.error["loc"]
        if self.error["type"] != "extra_forbidden":
            return ()
        return (*loc[:-1], *get_close_matches(str(loc[-1]), _fields(self.judges[-2]), n=1))

    @property
    def tagged(self) -> tuple[type[BaseModel] | None, str]:
        """The model and the name of the field whose tag is wrong; the tag itself ends the path."""
        return self.judges[-3], str(self.error["loc"][-2])

    def fault(self) -> Fault:
        return Fault(self.place, self.name, _sentence(self))


def _fields(model: type[BaseModel] | None) -> list[str]:
    """What a person may write in a block."""
    fields = model.model_fields if model else {}
    return [name for name, field in fields.items() if field.json_schema_extra != WRITTEN_BY_HUB]


def _follow(model: type[BaseModel], root: Block, error: dict[str, Any]) -> _Finding:
    """Follow an error's path through the document."""
    node: Value = root
    place, name = root.place, ""
    judges: list[type[BaseModel] | None] = [model]
    variants: dict[str, type[BaseModel]] = {}
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        error["loc"] = (*error["loc"], error["ctx"]["discriminator"].strip("'"))
    for part in error["loc"]:
        if isinstance(node, Items) and isinstance(part, int):
            place, node = node.places[part], node[part]
            name += f"[{_label(node, judges[-1])}]"
        elif part in variants:
            # Which form of a block was judged: the validator's path names it, the file has no field of that name.
            judges[-1] = variants[part]
        else:
            variants = _variants(judges[-1], str(part))
            name += f".{part}" if name else str(part)
            judges.append(_inner(judges[-1], str(part)))
            known = isinstance(node, Block) and part in node
            place, node = (node.places[part], node[part]) if known else (place, None)
    return _Finding(error, place, name, node, judges)


def _inner(model: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """The model of the blocks below a field, if it holds any."""
    if model is None or name not in model.model_fields:
        return None
    ahead = [model.model_fields[name].annotation]
    while ahead:
        here = ahead.pop()
        if isinstance(here, type) and issubclass(here, BaseModel):
            return here
        ahead += get_args(here)
    return None


def _variants(model: type[BaseModel] | None, name: str) -> dict[str, type[BaseModel]]:
    """The forms of a field whose blocks differ by a tag, by that tag."""
    field = model.model_fields.get(name) if model else None
    if field is None or not isinstance(field.discriminator, str):
        return {}
    return {
        tag: form
        for form in get_args(field.annotation)
        for tag in get_args(form.model_fields[field.discriminator].annotation)
    }


def _label(node: Value, model: type[BaseModel] | None) -> str:
    """An entry of a list is named by its first field, its code; an entry that has none, by a question mark."""
    code = node.get(next(iter(model.model_fields))) if isinstance(node, Block) and model else node
    return code[:48] if isinstance(code, str) else "?"


_FORMS = {
    CODE_PATTERN: "must be a code of a-z, 0-9 and hyphens within, 48 at most, such as loket-1",
    COUNTRY_PATTERN: "must be a country's two capital letters, such as ID",
    INTERVAL_PATTERN: "must be hours from and to, such as 07:30-16:00 or 22:00-24:00",
    REGION_PATTERN: "must be the city's region code (Kemendagri), such as 13.71; correct it, or remove the line",
}

#: What the validator says where one text was wanted, and where there is no value at all.
_ONE_TEXT = (
    "string_type",
    "time_delta_type",
    "date_type",
    "datetime_type",
    "bool_type",
    "float_type",
    "int_type",
    "literal_error",
)
_EMPTY = (*_ONE_TEXT, "tuple_type", "model_type", "model_attributes_type")


def _sentence(found: _Finding) -> str:
    """What is wrong and how to mend it, without the validator's own terms."""
    context = found.error.get("ctx", {})
    match found.error["type"]:
        case "missing":
            return "is missing; add it"
        case "extra_forbidden":
            known = _fields(found.judges[-2])
            if close := found.meant[len(found.error["loc"]) - 1 :]:
                return f"is not a known field; did you mean {close[0]}?"
            return f"is not a known field; known here: {', '.join(known)}"
        case kind if kind in _EMPTY and found.node is None:
            return "is empty; write its value, or remove the line"
        case kind if kind in _ONE_TEXT and not isinstance(found.node, str):
            return "must be one text, not a list or block; write it behind the colon"
        case "tuple_type":
            return "must be a list; write [a, b], or begin each entry with a hyphen"
        case "model_type":
            return f"must be a block of fields; known here: {', '.join(_fields(found.judges[-1]))}"
        case "model_attributes_type":
            return "must be a block of fields, one of them its type"
        case "string_pattern_mismatch":
            return _FORMS.get(context["pattern"], f"does not have the form {context['pattern']}; correct it")
        case "string_too_long":
            return f"is longer than {context['max_length']} characters; shorten it"
        case "string_too_short":
            return "is an empty text; write its value"
        case "too_short":
            return "is an empty list; name at least one entry"
        case "value_error":
            return str(context["error"])
        case "union_tag_not_found":
            return f"is missing; add it: {', '.join(_variants(*found.tagged))}"
        case "union_tag_invalid":
            return f"is not known; {mend(context['tag'], list(_variants(*found.tagged)))}"
        case "literal_error":
            known = re.findall("'([^']*)'", context["expected"])
            return f"is not known; {mend(found.node, known)}"
        case "float_parsing" | "finite_number":
            return "must be a number such as 80 or 7.5, without unit or thousands separator"
        case "int_parsing" | "int_from_float":
            return "must be a whole number such as 30"
        case "greater_than_equal":
            return f"must be {context['ge']:g} at least"
        case "less_than_equal":
            return f"must be {context['le']:g} at most"
    return str(found.error["msg"])
