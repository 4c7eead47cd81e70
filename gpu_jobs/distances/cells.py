"""Reading the text of one structured answer: JSON, with half a sentence when it is wrong."""

import json
from math import isfinite
from typing import Any, NoReturn


def read_json(text: str) -> Any:
    """Raises ValueError, also for NaN and infinities, which JSON does not have."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON ({error.msg} at character {error.pos + 1})") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error


def listed(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"is not a list of {what}")  # noqa: TRY004 — the cell is wrong, not the call
    return value


def number(value: Any, what: str) -> float:
    """A finite number; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"has a {what} that is not a number")  # noqa: TRY004
    try:
        found = float(value)
    except OverflowError:
        found = float("inf")
    if not isfinite(found):
        raise ValueError(f"has a {what} that is not a finite number")
    return found


def whole(value: Any, what: str) -> int:
    """A whole number not below 0; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(f"has a {what} that is not a whole number from 0")
    return value


def label_of(value: dict[str, Any]) -> str:
    """The field `label`, blank when there is none; raises ValueError when it is no text."""
    label = value.get("label", "")
    if not isinstance(label, str):
        raise ValueError("has a label that is not text")  # noqa: TRY004
    return label


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which JSON does not have")
