"""The Parquet of a run: rows to train on and rows to test on; and the parameters beside it.

Columns: split ("train" or "test"), row_id (unique), item_id, group (null in test), answer (the
label), and those that the recipe takes (`Recipe.inputs`): text, text_b, features (a list of
numbers, equally long in all rows), image (a path, below a folder of pictures if one is given).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import tables
from gpu_jobs.contracts import InputError, check_names
from gpu_jobs.lift.problem import Rows, merged
from gpu_jobs.lift.recipe import Recipe

COLUMNS = ("split", "row_id", "item_id", "answer")
TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Sets:
    """row_id, test_row_id: of the rows of each."""

    train: Rows
    test: Rows
    row_id: list[str]
    test_row_id: list[str]


def read_sets(path: Path, recipe: Recipe, *, min_rows: int, pictures: str | None = None) -> Sets:
    """Training rows without an answer teach nothing and are left out. Raises InputError for what
    is missing or wrong, with the row's id.
    """
    raw = tables.read_parquet(path)
    table = tables.clean(raw, required=(*COLUMNS, "group"))
    check_ids(table)
    inputs = inputs_of(raw, recipe.inputs)
    if recipe.inputs == ("image",) and pictures is not None:
        inputs = [str(Path(pictures) / name) for name in inputs]
    split = np.asarray(table["split"].to_pylist(), dtype=object)
    odd = np.flatnonzero((split != TRAIN) & (split != TEST))
    if len(odd):
        raise InputError(f"split must be {TRAIN} or {TEST}, not {split[odd[0]]!r}")
    answered = table["answer"].is_valid().to_numpy()
    grouped = table["group"].is_valid().to_numpy()
    train = np.flatnonzero((split == TRAIN) & answered)
    test = np.flatnonzero(split == TEST)
    ids = table["row_id"].to_pylist()
    for rows, there, column in ((train, grouped, "group"), (test, answered, "answer")):
        lacking = rows[~there[rows]]
        if len(lacking):
            raise InputError(f"row {ids[lacking[0]]!r} has no {column}")

    def taken(name: str, rows: np.ndarray) -> list[str]:
        return table[name].take(pa.array(rows)).to_pylist()

    sets = {
        name: Rows(
            inputs=inputs[rows] if isinstance(inputs, np.ndarray) else [inputs[i] for i in rows],
            label=taken("answer", rows),
            group=merged(taken("group", rows), min_rows) if name == TRAIN else (),
            item=taken("item_id", rows),
        )
        for name, rows in ((TRAIN, train), (TEST, test))
    }
    return Sets(
        train=sets[TRAIN],
        test=sets[TEST],
        row_id=taken("row_id", train),
        test_row_id=taken("row_id", test),
    )


def check_ids(table: pa.Table) -> None:
    """Raises InputError for a row_id that stands there twice."""
    counts = table["row_id"].value_counts()
    for each in counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()[:1]:
        raise InputError(f"row_id {each['values']!r} is there more than once")


def inputs_of(raw: pa.Table, names: Sequence[str]) -> np.ndarray | list[Any]:
    """What a recipe reads of each row: float64 (rows, columns), texts, or tuples of them."""
    missing = [name for name in names if name not in raw.column_names]
    if missing:
        raise InputError(f"column {missing[0]} is missing; the recipe takes {', '.join(names)}")
    if tuple(names) == ("features",):
        return _features(raw["features"])
    columns = []
    for name, column in tables.clean(raw.select(names), required=names).to_pydict().items():
        if None in column:
            row = raw["row_id"][column.index(None)].as_py()
            raise InputError(f"row {row!r} has no {name}")
        columns.append(column)
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _features(column: pa.ChunkedArray) -> np.ndarray:
    """float64 (rows, columns)."""
    try:
        lists = column.cast(pa.list_(pa.float64())).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError("column features does not hold lists of numbers") from error
    sizes = pc.list_value_length(lists)
    if lists.null_count or len(pc.unique(sizes)) != 1:
        raise InputError("column features must hold a list of the same length in every row")
    flat = lists.flatten()
    if flat.null_count:
        raise InputError("column features holds a list with a null in it")
    return flat.to_numpy(zero_copy_only=False).reshape(len(lists), -1)


# ── Parameters ──────────────────────────────────────────────────────────────────────────────────


_TOLD = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def check_params(kind: str, params: type[Any], values: Mapping[str, Any]) -> None:
    """Raises InputError for a value that the dataclass `params` has no field or no type for."""
    check_names(kind, params, values)
    types = {field.name: field.type for field in fields(params)}
    for name, value in values.items():
        _check_type(name, value, types[name])


def _check_type(name: str, value: Any, wanted: Any) -> None:
    kinds = get_args(wanted) or (wanted,)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if type(value) in kinds or (float in kinds and whole):
        return
    told = _TOLD[kinds[0]] + (" or null" if len(kinds) > 1 else "")
    raise InputError(f"{name} must be {told}, not {value!r}")
