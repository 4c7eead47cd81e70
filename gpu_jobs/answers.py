"""A crowd's answers as arrays of codes: the shape that every method here takes.

Nothing is ever laid out as workers × items. All arrays are as long as the answers, the items,
the workers or the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs.contracts import InputError

REPEATS = ("keep", "reject", "last")
LEVELS = ("nominal", "ordinal", "interval", "ratio")
NO_GOLD = -1
GOLD_NEVER_ANSWERED = -2


@dataclass(frozen=True)
class Answers:
    """n answers of W workers to I items in C classes, sorted by (item, worker, class, row).

    item, worker, value: int64 (n,), codes into items, workers, classes. row: int64 (n,), row of
    the table it came from. gold: int64 (I,), a class code, NO_GOLD, or GOLD_NEVER_ANSWERED when
    the right answer is known but nobody gave it. classes_from: "given", "numbers" or "text",
    says what put the classes in their order. missing: blank answers left out. repeats: answers
    beyond the first of the same worker to the same item; under "last" they are left out.
    """

    item: np.ndarray
    worker: np.ndarray
    value: np.ndarray
    row: np.ndarray
    items: list[str]
    workers: list[str]
    classes: list[str]
    gold: np.ndarray
    classes_from: str
    missing: int
    repeats: int

    def __len__(self) -> int:
        return len(self.item)


def encode(table: pa.Table, *, repeats: str, classes: Sequence[str] | None = None) -> Answers:
    """Codes for a table with string columns item_id, worker_id, answer and perhaps gold.

    Null answers are missing. Repeats of (item, worker): "keep" all, "last" row wins, or
    "reject" the table. Raises InputError for a repeat that is rejected, two golds for an item,
    or an answer outside `classes`.
    """
    if repeats not in REPEATS:
        raise InputError(f"repeats must be one of {', '.join(REPEATS)}, not {repeats!r}")
    answered = np.flatnonzero(pc.is_valid(table["answer"]).to_numpy(zero_copy_only=False))
    part = table.take(pa.array(answered))
    item, items = _codes(part["item_id"])
    worker, workers = _codes(part["worker_id"])
    value, found = _codes(part["answer"])
    value, ordered, classes_from = _order(value, found, classes)
    keep, repeated = _settle_repeats(item, worker, answered, repeats, items, workers)
    item, worker, value, row = item[keep], worker[keep], value[keep], answered[keep]
    order = np.lexsort((row, value, worker, item))
    return Answers(
        item=item[order],
        worker=worker[order],
        value=value[order],
        row=row[order],
        items=items,
        workers=workers,
        classes=ordered,
        gold=_gold(table, items, ordered),
        classes_from=classes_from,
        missing=table.num_rows - len(answered),
        repeats=repeated,
    )


def as_numbers(texts: Sequence[str]) -> np.ndarray | None:
    """float64 (len,), or None when one of the texts is not a finite number."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return None
    return np.array(numbers) if all(map(isfinite, numbers)) else None


def positions(answers: Answers, level: str) -> np.ndarray:
    """Where each class lies on the scale of `level`: float64 (C,); equal values coincide.

    nominal: any distinct numbers. ordinal: the order given, else as numbers, else as text.
    interval, ratio: the numbers themselves; raises InputError when a class is none (for ratio:
    or is below zero).
    """
    if level not in LEVELS:
        raise InputError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
    codes = np.arange(len(answers.classes), dtype=np.float64)
    if level == "nominal" or (level == "ordinal" and answers.classes_from != "numbers"):
        return codes
    numbers = as_numbers(answers.classes)
    if numbers is None:
        wrong = next(text for text in answers.classes if as_numbers([text]) is None)
        raise InputError(f"column answer: {wrong!r} is not a number, and level {level} needs one")
    if level == "ratio" and len(numbers) and numbers.min() < 0:
        raise InputError("column answer: level ratio needs numbers that are not below zero")
    return numbers


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes int64 (n,) into the sorted distinct texts of the column."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return rank[indices], [texts[index] for index in order]


def _order(
    value: np.ndarray, found: list[str], classes: Sequence[str] | None
) -> tuple[np.ndarray, list[str], str]:
    if classes is not None:
        foreign = sorted(set(found) - set(classes))
        if foreign:
            raise InputError(f"column answer: {foreign[0]!r} is not one of the classes given")
        if len(set(classes)) != len(classes):
            raise InputError("the classes given name one of them twice")
        wanted, source = [name for name in classes if name in set(found)], "given"
    elif (numbers := as_numbers(found)) is not None:
        wanted = [found[i] for i in sorted(range(len(found)), key=lambda i: (numbers[i], found[i]))]
        source = "numbers"
    else:
        wanted, source = found, "text"
    place = {name: index for index, name in enumerate(wanted)}
    codes = np.array([place[name] for name in found], dtype=np.int64)
    return codes[value], wanted, source


def _settle_repeats(
    item: np.ndarray,
    worker: np.ndarray,
    row: np.ndarray,
    rule: str,
    items: list[str],
    workers: list[str],
) -> tuple[np.ndarray, int]:
    """Positions to keep, and how many answers are repeats of an earlier one."""
    order = np.lexsort((row, worker, item))
    again = (np.diff(item[order]) == 0) & (np.diff(worker[order]) == 0)
    count = int(again.sum())
    if count and rule == "reject":
        first = order[1:][again][0]
        raise InputError(
            f"worker {workers[worker[first]]!r} answered item {items[item[first]]!r} "
            f"more than once (row {row[first] + 1} of the answers), and repeats are rejected"
        )
    if rule == "last":
        order = order[np.append(~again, True)] if len(order) else order
    return order, count


def _gold(table: pa.Table, items: list[str], classes: list[str]) -> np.ndarray:
    gold = np.full(len(items), NO_GOLD, dtype=np.int64)
    if "gold" not in table.column_names:
        return gold
    known = table.select(["item_id", "gold"]).filter(pc.is_valid(table["gold"]))
    pairs = known.group_by(["item_id", "gold"]).aggregate([])
    code = _gold_codes(pairs["gold"].unique().to_pylist(), classes)
    place = {name: index for index, name in enumerate(items)}
    texts: dict[str, str] = {}
    for name, text in zip(pairs["item_id"].to_pylist(), pairs["gold"].to_pylist(), strict=True):
        if texts.setdefault(name, text) != text:
            two = sorted((texts[name], text))
            raise InputError(
                f"column gold: item {name!r} has two right answers, {two[0]!r} and {two[1]!r}"
            )
        if name in place:
            gold[place[name]] = code[text]
    return gold


def _gold_codes(texts: list[str], classes: list[str]) -> dict[str, int]:
    """A gold that is no class, but the same number as exactly one, is that class.

    Tables with blank golds are often written with "1.0" in gold and "1" in answer.
    """
    exact = {name: index for index, name in enumerate(classes)}
    numbers = as_numbers(classes)
    codes = {}
    for text in texts:
        codes[text] = exact.get(text, GOLD_NEVER_ANSWERED)
        number = as_numbers([text])
        if text not in exact and numbers is not None and number is not None:
            same = np.flatnonzero(numbers == number[0])
            codes[text] = int(same[0]) if len(same) == 1 else GOLD_NEVER_ANSWERED
    return codes


@dataclass(frozen=True)
class Cells:
    """How often each item got each class, only where it did: int64 (cells,), sorted by item."""

    item: np.ndarray
    value: np.ndarray
    count: np.ndarray


def cells(item: np.ndarray, value: np.ndarray, classes: int) -> Cells:
    """Counts of (item, class) over n answers; never items × classes."""
    keys, count = np.unique(item * max(classes, 1) + value, return_counts=True)
    return Cells(item=keys // max(classes, 1), value=keys % max(classes, 1), count=count)
