"""A validator for the part of JSON Schema that our generated files use; a keyword beyond it fails loudly."""

import re
from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_NOTES = {"$schema", "$defs", "title", "description", "default", "format", "readOnly", "discriminator", "then", "else"}


def valid(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    """Whether `value` satisfies `schema`; `root` is the document in which references are looked up."""
    root = schema if root is None else root
    return all(_holds(keyword, rule, schema, value, root) for keyword, rule in schema.items())


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and not (kind in ("integer", "number") and isinstance(value, bool))


def _holds(keyword: str, rule: Any, schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    fields = value if isinstance(value, dict) else {}
    number = value if _is("number", value) else 0
    match keyword:
        case _ if keyword in _NOTES:
            return True
        case "$ref":
            return valid(root["$defs"][rule.removeprefix("#/$defs/")], value, root)
        case "type":
            return any(_is(kind, value) for kind in ([rule] if isinstance(rule, str) else rule))
        case "const":
            return bool(value == rule)
        case "enum":
            return value in rule
        case "pattern":
            return not isinstance(value, str) or re.search(rule.replace("$", r"\Z"), value) is not None
        case "minLength":
            return not isinstance(value, str) or len(value) >= rule
        case "maxLength":
            return not isinstance(value, str) or len(value) <= rule
        case "minimum":
            return bool(number >= rule)
        case "maximum":
            return bool(number <= rule)
        case "minItems":
            return not isinstance(value, list) or len(value) >= rule
        case "items":
            return not isinstance(value, list) or all(valid(rule, each, root) for each in value)
        case "required":
            return not isinstance(value, dict) or all(name in value for name in rule)
        case "properties":
            return all(valid(rule[name], each, root) for name, each in fields.items() if name in rule)
        case "additionalProperties":
            others = [each for name, each in fields.items() if name not in schema.get("properties", {})]
            return rule is True or all(rule is not False and valid(rule, each, root) for each in others)
        case "propertyNames":
            return all(valid(rule, name, root) for name in fields)
        case "not":
            return not valid(rule, value, root)
        case "anyOf":
            return any(valid(each, value, root) for each in rule)
        case "oneOf":
            return [valid(each, value, root) for each in rule].count(True) == 1
        case "if":
            return valid(schema["then" if valid(rule, value, root) else "else"], value, root)
    raise AssertionError(f"the schema uses {keyword}, which this validator does not know")
