"""Checks of every request and response against Stripe's published OpenAPI description.

The description is a cut of Stripe's own file (see SPEC-NOTICE.md). Form bodies are coerced by the
schema, nested objects are closed against unknown names, `nullable` becomes an alternative of null.
Being valid here is not being meaningful: the rules on money are in the handlers.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from stripe_double.errors import ApiError
from stripe_double.forms import coerce, param_name

FILE = Path(__file__).with_name("spec3.connect-subset.json")
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@cache
def document() -> dict[str, Any]:
    """The description, `nullable` resolved. Roughly 1 MB, read once a process."""
    return _nullable(json.loads(FILE.read_text()))


def api_version() -> str:
    return document()["info"]["version"]


def _nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON Schema; open enumerations lose their enumeration."""
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _nullable(value) for key, value in node.items()}
    if out.get("x-stripeBypassValidation") is True and isinstance(out.get("enum"), list):
        del out["enum"]
    if out.get("nullable") is True:
        del out["nullable"]
        return {"anyOf": [out, {"type": "null"}]}
    return out


def _closed(node: Any) -> Any:
    """Unknown names are errors at every depth of a request."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _closed(value) for key, value in node.items()}
    if out.get("type") == "object" and "additionalProperties" not in out and "properties" in out:
        out["additionalProperties"] = False
    return out


@cache
def routes() -> list[tuple[tuple[str, ...], str]]:
    """Path templates by segments, literal segments before parameters."""
    found = [(tuple(path.strip("/").split("/")), path) for path in document()["paths"]]
    return sorted(found, key=lambda row: [part.startswith("{") for part in row[0]])


@cache
def _literal_routes() -> frozenset[str]:
    return frozenset(path for path in document()["paths"] if "{" not in path)


def match(path: str) -> tuple[str, dict[str, str]] | None:
    """The template of a path and its parameters, or None when Stripe has no such route."""
    if path in _literal_routes():
        return path, {}
    parts = path.strip("/").split("/")
    for segments, template in routes():
        if len(segments) != len(parts):
            continue
        pairs = list(zip(segments, parts, strict=True))
        if all(want.startswith("{") or want == got for want, got in pairs):
            return template, {w.strip("{}"): got for w, got in pairs if w.startswith("{")}
    return None


def route(method: str, path: str) -> tuple[str, tuple[str, ...]]:
    """The template of a path and what stands in it for the parameters, or Stripe's 404."""
    found = match(path)
    if found is None or not has_operation(method, found[0]):
        raise ApiError(f"Unrecognized request URL ({method}: {path}).", status=404)
    return found[0], tuple(unquote(value) for value in found[1].values())


def has_operation(method: str, template: str) -> bool:
    return method.lower() in document()["paths"][template]


@cache
def _request_schema(method: str, template: str) -> tuple[dict[str, Any], Any]:
    operation = document()["paths"][template][method.lower()]
    if method == "POST":
        content = operation.get("requestBody", {}).get("content", {})
        schema = (content.get(FORM) or content.get(JSON) or {"schema": {"type": "object"}})[
            "schema"
        ]
    else:
        query = [p for p in operation.get("parameters") or [] if p["in"] == "query"]
        schema = {
            "type": "object",
            "properties": {p["name"]: p["schema"] for p in query},
            "required": [p["name"] for p in query if p.get("required")],
        }
    schema = _closed(schema)
    whole = {**schema, "components": document()["components"]}
    return schema, jsonschema_rs.Draft202012Validator(whole)


@cache
def _response_validator(method: str, template: str) -> Any:
    operation = document()["paths"][template][method.lower()]
    schema = operation["responses"]["200"]["content"][JSON]["schema"]
    return _validator(json.dumps(schema))


@cache
def _validator(schema: str) -> Any:
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole)


def check_request(method: str, template: str, params: dict[str, Any]) -> dict[str, Any]:
    """Coerced parameters. Raises Stripe's 400 (type, code, param, message) for the first fault."""
    schema, validator = _request_schema(method, template)
    if template.startswith("/v1") or method != "POST":
        params = coerce(params, schema)
    if validator.is_valid(params):
        return params
    raise _request_error(next(iter(validator.iter_errors(params))))


def _request_error(fault: Any) -> ApiError:
    path = list(fault.instance_path)
    kind = type(fault.kind).__name__.rsplit("_", 1)[-1]
    if kind == "AdditionalProperties":
        name = param_name([*path, fault.kind.unexpected[0]])
        message = f"Received unknown parameter: {name}"
        return ApiError(message, code="parameter_unknown", param=name)
    if kind == "Required":
        name = param_name([*path, fault.kind.property])
        return ApiError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    name = param_name(path)
    if kind == "Enum":
        message = f"Invalid {name}: must be one of {', '.join(map(str, fault.kind.options))}"
        return ApiError(message, param=name)
    if kind == "MaxLength":
        message = f"Invalid string: {name} is too long."
        return ApiError(message, code="parameter_invalid_string_length", param=name)
    return ApiError(f"Invalid {name or 'request'}: {fault.message}", param=name)


def property_names(schema: str) -> list[str]:
    """The fields of a named object."""
    return list(document()["components"]["schemas"][schema]["properties"])


class ResponseError(Exception):
    """The stand-in's own answer does not fit the description: a bug of the stand-in."""


def check_response(method: str, template: str, body: dict[str, Any]) -> None:
    """Raise when an answer does not fit. v2 fields that were not asked for (`include`) are null in
    Stripe's documentation but not nullable in the description, so they are left out here.
    """
    if template.startswith("/v2"):
        body = _without_nulls(body)
    _check(_response_validator(method, template), f"{method} {template}", body)


def check_object(schema: str, body: dict[str, Any]) -> None:
    """Check one object (an event, an error) against a named schema."""
    _check(_validator(json.dumps({"$ref": f"#/components/schemas/{schema}"})), schema, body)


def _check(validator: Any, what: str, body: dict[str, Any]) -> None:
    if validator.is_valid(body):
        return
    fault = next(iter(validator.iter_errors(body)))
    raise ResponseError(f"{what}: {fault.message} at {list(fault.instance_path)}")


def _without_nulls(body: dict[str, Any]) -> dict[str, Any]:
    paging = ("next_page_url", "previous_page_url")
    kept = {key: value for key, value in body.items() if value is not None or key in paging}
    if isinstance(kept.get("data"), list):
        kept["data"] = [_without_nulls(item) for item in kept["data"]]
    return kept
