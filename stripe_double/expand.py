"""`expand[]`: an id in an answer becomes the object itself."""

from typing import Any

from stripe_double.core import Sim
from stripe_double.errors import ApiError
from stripe_double.routes import EXPANDABLE
from stripe_double.store import public


def expand(sim: Sim, body: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    for path in paths:
        body = _along(sim, body, path.split("."), path)
    return body


def _along(sim: Sim, value: Any, path: list[str], whole: str) -> Any:
    if isinstance(value, list):
        return [_along(sim, item, path, whole) for item in value]
    if isinstance(value, str):
        record = sim.store.get(EXPANDABLE.get(value.partition("_")[0], ""), value)
        if record is None:
            raise _impossible(whole)
        value = public(record)
    if not path or value is None:
        return value
    if not isinstance(value, dict) or path[0] not in value:
        raise _impossible(whole)
    return {**value, path[0]: _along(sim, value[path[0]], path[1:], whole)}


def _impossible(path: str) -> ApiError:
    return ApiError(f"This property cannot be expanded ({path}).", param="expand")
