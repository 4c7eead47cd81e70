"""Stripe's form encoding: `a[b][0]=1` to a tree, strings to the types that a schema names."""

import re
from typing import Any
from urllib.parse import parse_qsl

from stripe_double.errors import ApiError

KEY = re.compile(r"[^\[\]]+|\[\]")
INTEGER = re.compile(r"-?\d{1,18}\Z")


def tree(text: str) -> dict[str, Any]:
    """Nested dictionaries; list positions stay keys ("0", "1") until a schema says "array"."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        node = root
        keys = KEY.findall(name)
        if not keys:
            continue
        for depth, part in enumerate(keys):
            key = str(len(node)) if part == "[]" else part
            if depth == len(keys) - 1:
                node[key] = value
                break
            child = node.setdefault(key, {})
            if not isinstance(child, dict):
                raise ApiError(f"Invalid request: {name} is both a value and a hash.", param=name)
            node = child
    return root


def coerce(value: Any, schema: dict[str, Any], *, path: str = "") -> Any:
    """Give form strings the types of `schema`; raise Stripe's error for a bad integer."""
    if "anyOf" in schema:
        return _coerce_any(value, schema["anyOf"], path=path)
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        return _coerce_object(value, schema, path=path)
    if kind == "array" and isinstance(value, dict):
        items = schema.get("items", {})
        ordered = sorted(value.items(), key=lambda pair: (len(pair[0]), pair[0]))
        return [coerce(item, items, path=f"{path}[{key}]") for key, item in ordered]
    if not isinstance(value, str):
        return value
    if kind == "integer":
        if not INTEGER.match(value):
            message = f"Invalid integer: {value}"
            raise ApiError(message, code="parameter_invalid_integer", param=path)
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _coerce_object(value: dict[str, Any], schema: dict[str, Any], *, path: str) -> dict[str, Any]:
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    rest = rest if isinstance(rest, dict) else {}
    return {
        key: coerce(item, known.get(key, rest), path=f"{path}[{key}]" if path else key)
        for key, item in value.items()
    }


def _coerce_any(value: Any, choices: list[dict[str, Any]], *, path: str) -> Any:
    wanted = ("object", "array") if isinstance(value, dict) else ("integer", "boolean", "string")
    for choice in sorted(
        (c for c in choices if c.get("type") in wanted), key=lambda c: wanted.index(c["type"])
    ):
        if choice["type"] == "integer" and not INTEGER.match(value):
            continue
        return coerce(value, choice, path=path)
    return value


def param_name(path: list[Any]) -> str:
    """`["a", "b", 0]` as Stripe names it: `a[b][0]`."""
    if not path:
        return ""
    return str(path[0]) + "".join(f"[{part}]" for part in path[1:])
