"""Writes the contract as JSON Schema 2020-12 for those who have no Python: one file per kind, and the catalogue.

`python -m opd_schemas.generate` writes; with `--check` it exits 1 and names the files that differ. A schema says what
an envelope looks like; what it cannot say (size, personal data, time, the register) the hub checks beside it.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from opd_schemas.catalogue import Catalogue
from opd_schemas.event import (
    DATA_MODELS,
    EXTENSION_CHARACTERS,
    EXTENSION_INTEGERS,
    EXTENSION_NAME_PATTERN,
    HUB_EXTENSIONS,
    Envelope,
    VoidData,
)
from opd_schemas.events import KINDS
from opd_schemas.lifecycle import VOIDED, Lifecycle

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Validators take `format` as advice only, and a time without offset is the commonest mistake.
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}.*(?:[Zz]|[+-]\d{2}:?\d{2})$"


class _Plain(GenerateJsonSchema):
    """Without a title for every field: it would only repeat the field's name."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(schema_generator=_Plain)


def kind_schema(lifecycle: Lifecycle) -> dict[str, Any]:
    """The whole envelope of one kind; which `data` it must hold follows from its `type`."""
    types = {state: f"opd.{lifecycle.kind}.{state}.v{lifecycle.version}" for state in lifecycle.event_states}
    models = {model.__name__: model for (kind, _), model in DATA_MODELS.items() if kind == lifecycle.kind}
    usual = next(name for name, model in models.items() if model is not VoidData)
    envelope = _schema(Envelope)
    schema: dict[str, Any] = {
        "$schema": _DIALECT,
        "title": f"{lifecycle.title_en} ({lifecycle.title_id}), version {lifecycle.version}",
        "description": envelope["description"],
        "type": "object",
        "required": envelope["required"],
        "properties": {
            **envelope["properties"],
            "type": {"enum": list(types.values())},
            "time": {"type": "string", "format": "date-time", "pattern": _TIME_PATTERN},
            "data": _ref(usual),
        },
        "propertyNames": {"pattern": EXTENSION_NAME_PATTERN, "not": {"enum": list(HUB_EXTENSIONS)}},
        "additionalProperties": {
            "type": ["string", "boolean", "integer"],
            "pattern": "^[ -~]*$",
            "maxLength": EXTENSION_CHARACTERS,
            "minimum": EXTENSION_INTEGERS.start,
            "maximum": EXTENSION_INTEGERS.stop - 1,
        },
    }
    if lifecycle.has_cases:
        schema["properties"]["data"] = {"type": "object"}
        schema["if"] = {"required": ["type"], "properties": {"type": {"const": types[VOIDED]}}}
        schema["then"] = {"properties": {"data": _ref(VoidData.__name__)}}
        schema["else"] = {"properties": {"data": _ref(usual)}}
    schema["$defs"] = {name: _schema(model) for name, model in models.items()}
    return schema


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def files() -> dict[str, bytes]:
    """Name and content of every generated file."""
    schemas = {f"{kind}.v{lifecycle.version}.json": kind_schema(lifecycle) for kind, lifecycle in KINDS.items()}
    schemas["catalogue.json"] = {"$schema": _DIALECT, **_schema(Catalogue)}
    return {name: orjson.dumps(each, option=orjson.OPT_INDENT_2) + b"\n" for name, each in schemas.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m opd_schemas.generate", description="Write the JSON Schemas.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("schemas/jsonschema"))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name the files that differ")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    if not folder.is_dir():
        print(f"{folder} is no folder; run from the repository's root, or name the folder", file=sys.stderr)
        return 1
    differing = [
        folder / name
        for name, content in files().items()
        if not (folder / name).exists() or (folder / name).read_bytes() != content
    ]
    if options.check:
        for path in differing:
            print(f"{path} differs from the contract; run: python -m opd_schemas.generate", file=sys.stderr)
        return 1 if differing else 0
    for path in differing:
        path.write_bytes(files()[path.name])
        print(f"{path} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
