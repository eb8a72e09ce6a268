"""Grafana's published description of its API (Swagger 2), as a judge of requests and replies."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

#: Outside the repository: Grafana's own file, which this project does not publish.
FILE = Path(__file__).parents[3] / "shared" / "data" / "grafana-api-12.3.json"
Json = dict[str, Any]


class Description:
    """Which methods, paths, parameters and bodies there are."""

    def __init__(self, file: Path = FILE) -> None:
        self._whole: Json = json.loads(file.read_text(encoding="utf-8"))
        self._strict = _strict(self._whole["definitions"])
        # `/dashboards/uid/{uid}` before `/dashboards/{x}/{y}`: the fewer parameters, the nearer.
        self._paths = [
            (re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))), path)
            for path in sorted(self._whole["paths"], key=lambda path: path.count("{"))
        ]

    def request_faults(self, method: str, path: str, query: Mapping[str, Sequence[str]], body: Any) -> list[str]:
        """What Grafana's description has against a request; `path` without /api; `body` None: there was none."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path} is not in Grafana's description"]
        parameters = {p["name"]: p for p in operation.get("parameters", [])}
        described = {name: p for name, p in parameters.items() if p["in"] == "query"}
        faults = [fault for name, values in query.items() for fault in _query_faults(name, values, described.get(name))]
        schema = next((p["schema"] for p in parameters.values() if p["in"] == "body"), None)
        if schema is None:
            return faults + (["takes no body"] if body is not None else [])
        return faults + self._faults(schema, body, self._strict)

    def reply_faults(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What it has against a reply; a status that it does not describe is not judged."""
        operation = self._operation(method, path)
        reply = (operation or {})["responses"].get(str(status), {})
        if "$ref" in reply:
            reply = self._whole["responses"][reply["$ref"].rpartition("/")[2]]
        return self._faults(reply.get("schema", {}), body, self._whole["definitions"])

    def _operation(self, method: str, path: str) -> Json | None:
        for pattern, name in self._paths:
            if pattern.fullmatch(path) and method.lower() in self._whole["paths"][name]:
                found: Json = self._whole["paths"][name][method.lower()]
                return found
        return None

    def _faults(self, schema: Json, body: Any, definitions: Json) -> list[str]:
        judge = Draft4Validator({"allOf": [schema], "definitions": definitions})
        return [f"{error.json_path}: {error.message[:200]}" for error in judge.iter_errors(body)]


def _strict(schema: Any) -> Any:
    """Swagger lets an object carry any further property; ours must carry none that Grafana does not know."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(item) for name, item in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        strict.setdefault("additionalProperties", False)
    return strict


def _query_faults(name: str, values: Sequence[str], described: Json | None) -> Iterator[str]:
    if described is None:
        yield f"query parameter {name} is not in the description"
        return
    if described["type"] != "array" and len(values) > 1:
        yield f"query parameter {name} is given {len(values)} times"
    kind = described.get("items", described)["type"]
    for value in values:
        if kind == "integer" and not re.fullmatch(r"-?\d+", value):
            yield f"query parameter {name} is no integer: {value}"
        if kind == "boolean" and value not in ("true", "false"):
            yield f"query parameter {name} is no boolean: {value}"
        if value not in described.get("enum", [value]):
            yield f"query parameter {name} may not be {value}"
