"""What goes into a run and what comes out: frozen, JSON in both directions, no arrays.

The product stores a Spec before it queues a run and a Result after it; both must survive a
restart, another machine and another version of the code, so they hold plain JSON values only.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

type Report = Callable[[int, int, str], None]
"""Progress: stages done, stages in all, one sentence. What it raises stops the run."""


class InputError(Exception):
    """The caller's data or parameters are wrong; the message is one sentence for a person."""


class RowError(InputError):
    """One row of the table is wrong. row: from 0; whoever read a file can name its line."""

    def __init__(self, message: str, *, row: int) -> None:
        super().__init__(f"{message} (row {row + 1} of the answers)")
        self.sentence = message
        self.row = row


def canonical(value: Any) -> str:
    """JSON text with sorted keys and no spaces: equal values give equal bytes.

    Raises InputError for NaN, infinities and values that JSON does not have.
    """
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"this value cannot be written as JSON: {error}") from error


def check_names(kind: str, params: type[Any], values: Mapping[str, Any]) -> None:
    """Raises InputError for a value that the dataclass `params` of a kind has no field for."""
    unknown = sorted(set(values) - {each.name for each in fields(params)})
    if unknown:
        raise InputError(f"{kind} has no parameter {unknown[0]!r}")


def is_texts(value: Any) -> bool:
    """Whether a parameter is null or a list of strings."""
    return value is None or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One run to be made.

    kind: key of `runner.KINDS`. input: path of the Parquet file; a relative path starts in the
    process's current directory. params: JSON values, named on the page of the kind.
    seed: for kinds that draw random numbers; `quality` draws items, for intervals. version: of
    the kind, so that a stored run is never repeated by code that would compute something else.
    """

    kind: str
    input: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    version: int = 1

    def to_json(self) -> str:
        return canonical(asdict(self) | {"params": dict(self.params)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises InputError when a field is missing, unknown or of another type."""
        return cls(
            **_fields(
                text, {"kind": str, "input": str, "params": dict, "seed": int, "version": int}
            )
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run found.

    figures: JSON values, a key for each stage. files: name inside the run's workdir →
    {"sha256": hex, "rows": int}. input_sha256: of the bytes that were read.
    Holds no clock times, so that a repeated run gives the same bytes.
    """

    kind: str
    version: int
    input_sha256: str
    figures: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> str:
        return canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises InputError when a field is missing, unknown or of another type."""
        return cls(
            **_fields(
                text,
                {"kind": str, "version": int, "input_sha256": str, "figures": dict, "files": dict},
            )
        )


def _fields(text: str, types: Mapping[str, type]) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from error
    if not isinstance(value, dict) or set(value) != set(types):
        raise InputError(f"expected a JSON object with the fields {', '.join(types)}")
    for name, kind in types.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            raise InputError(f"field {name} must be of type {kind.__name__}")
    return value
