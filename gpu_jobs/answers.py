"""A crowd's answers as arrays of codes: the shape that every method here takes.

Nothing is ever laid out as workers × items. All arrays are as long as the answers, the items,
the workers or the classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs.contracts import InputError

REPEATS = ("keep", "reject", "last")
LEVELS = ("nominal", "ordinal", "interval", "ratio")
NO_GOLD = -1
GOLD_NEVER_ANSWERED = -2
LARGEST = 1e100
"""Squares and sums of larger numbers would leave the range of float64."""


@dataclass(frozen=True)
class Answers:
    """n answers of W workers to I items in C classes, sorted by (item, worker, class, row).

    item, worker, value: int64 (n,), codes into items, workers, classes. row: int64 (n,), row of
    the table it came from. gold: int64 (I,), a class code, NO_GOLD, or GOLD_NEVER_ANSWERED when
    the right answer is known but nobody gave it. classes_from: "given", "numbers" or "text",
    says what put the classes in their order. missing: blank answers left out. repeats: answers
    beyond the first of the same worker to the same item; under "last" they are left out.
    gold_unseen: item code → text of a right answer that nobody gave.
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
    gold_unseen: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)


def encode(table: pa.Table, *, repeats: str, classes: Sequence[str] | None = None) -> Answers:
    """Codes for a table with string columns item_id, worker_id, answer and perhaps gold.

    Null answers are missing. Repeats of (item, worker): "keep" all, "last" row wins, or
    "reject" the table. Raises InputError for a repeat that is rejected, two golds for an item,
    or an answer outside `classes`. Each text is looked at once; all else happens on codes.
    """
    if repeats not in REPEATS:
        raise InputError(f"repeats must be one of {', '.join(REPEATS)}, not {repeats!r}")
    every_item, item_texts = _codes(table["item_id"])
    every_worker, worker_texts = _codes(table["worker_id"])
    every_value, found = _codes(table["answer"])
    row = np.flatnonzero(every_value >= 0)
    item, items, place = _used(every_item[row], item_texts)
    worker, workers, _ = _used(every_worker[row], worker_texts)
    value, ordered, classes_from = _order(every_value[row], found, classes)
    # Rows come in ascending, so ties of (item, worker) stay in the order of the table.
    order = _sorted_by(item, worker)
    again = (np.diff(item[order]) == 0) & (np.diff(worker[order]) == 0)
    count = int(again.sum())
    if count and repeats == "reject":
        first = order[1:][again][0]
        raise InputError(
            f"worker {workers[worker[first]]!r} answered item {items[item[first]]!r} "
            f"more than once (row {row[first] + 1} of the answers), and repeats are rejected"
        )
    if count and repeats == "last":
        order = order[np.append(~again, True)]
    elif count:
        order = _sorted_by(item, worker, value)
    gold, gold_unseen = _gold(table, every_item, item_texts, place, ordered, len(items))
    return Answers(
        item=item[order],
        worker=worker[order],
        value=value[order],
        row=row[order],
        items=items,
        workers=workers,
        classes=ordered,
        gold=gold,
        classes_from=classes_from,
        missing=table.num_rows - len(row),
        repeats=count,
        gold_unseen=gold_unseen,
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
    or is below zero) or lies beyond LARGEST.
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
    if len(numbers) and np.abs(numbers).max() > LARGEST:
        raise InputError(f"column answer: level {level} needs numbers up to {LARGEST:g}")
    if level == "ratio" and len(numbers) and numbers.min() < 0:
        raise InputError("column answer: level ratio needs numbers that are not below zero")
    return numbers


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes int64 (n,) into the sorted distinct texts of the column; −1 where it is null."""
    encoded = column.combine_chunks().dictionary_encode()
    # Sorted by bytes of UTF-8, which is the order of code points, and so of Python.
    order = pc.sort_indices(encoded.dictionary)
    texts = encoded.dictionary.take(order).to_pylist()
    rank = np.empty(len(texts) + 1, dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(texts))
    rank[-1] = -1
    return rank[encoded.indices.fill_null(-1).to_numpy()], texts


def _used(code: np.ndarray, texts: list[str]) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Codes without gaps, the texts that occur, and old code → new (−1: does not occur)."""
    occurs = np.bincount(code, minlength=len(texts)) > 0
    place = np.where(occurs, np.cumsum(occurs) - 1, -1)
    if occurs.all():
        return code, texts, place
    return place[code], [texts[index] for index in np.flatnonzero(occurs)], place


def _sorted_by(*codes: np.ndarray) -> np.ndarray:
    """Stable order int64 (n,) by the first codes, then the second, and so on; codes from 0.

    Digits of 16 bits, the lowest first: numpy sorts those in linear time.
    """
    key = np.zeros(len(codes[0]), dtype=np.int64)
    room = 1
    for code in codes:
        room *= int(code.max(initial=0)) + 1
        if room >= 2**63:
            return np.lexsort(codes[::-1])
        key = key * (int(code.max(initial=0)) + 1) + code
    if np.all(key[1:] >= key[:-1]):
        return np.arange(len(key))
    order = np.argsort(key.astype(np.uint16), kind="stable")
    for shift in range(16, (room - 1).bit_length(), 16):
        digit = (key >> shift).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
    return order


def _order(
    value: np.ndarray, found: list[str], classes: Sequence[str] | None
) -> tuple[np.ndarray, list[str], str]:
    if classes is not None:
        foreign = sorted(set(found) - set(classes))
        if foreign:
            raise InputError(f"column answer: {foreign[0]!r} is not one of the classes given")
        if len(set(classes)) != len(classes):
            raise InputError("the classes given name one of them twice")
        present = set(found)
        wanted = [name for name in classes if name in present]
        place = {name: index for index, name in enumerate(wanted)}
        codes = np.array([place[name] for name in found], dtype=np.int64)
        return codes[value], wanted, "given"
    numbers = as_numbers(found)
    if numbers is None:
        return value, found, "text"
    # Stable, so that equal numbers stand in the order of their texts.
    order = np.argsort(numbers, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[value], [found[index] for index in order], "numbers"


def _gold(
    table: pa.Table,
    item: np.ndarray,
    item_texts: list[str],
    place: np.ndarray,
    classes: list[str],
    items: int,
) -> tuple[np.ndarray, dict[int, str]]:
    """Of each answered item the class that is right, and right texts that nobody gave.

    item: int64 (rows of the table,) into item_texts; place: item_texts → answered items.
    """
    gold = np.full(items, NO_GOLD, dtype=np.int64)
    if "gold" not in table.column_names or not table.num_rows:
        return gold, {}
    code, texts = _codes(table["gold"])
    rows = np.flatnonzero(code >= 0)
    right = np.full(len(item_texts), -1, dtype=np.int64)
    right[item[rows]] = code[rows]
    other = np.flatnonzero(right[item[rows]] != code[rows])
    if len(other):
        name = item[rows[other[0]]]
        two = sorted((texts[right[name]], texts[code[rows[other[0]]]]))
        raise InputError(
            f"column gold: item {item_texts[name]!r} has two right answers, "
            f"{two[0]!r} and {two[1]!r}"
        )
    known = np.flatnonzero((right >= 0) & (place >= 0))
    class_of = _gold_codes(texts, classes)
    gold[place[known]] = np.array([class_of[text] for text in texts], dtype=np.int64)[right[known]]
    missed = known[gold[place[known]] == GOLD_NEVER_ANSWERED]
    return gold, {int(place[each]): texts[right[each]] for each in missed}


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
    """Counts of (item, class) over n answers; never items × classes, but where that is no more."""
    keys = item * max(classes, 1) + value
    possible = (int(item.max(initial=-1)) + 1) * max(classes, 1)
    if possible <= 8 * len(keys) + 1000:
        # Counting is linear, and the table is no longer than the answers.
        table = np.bincount(keys, minlength=possible)
        keys = np.flatnonzero(table)
        count = table[keys]
    else:
        keys, count = np.unique(keys, return_counts=True)
    return Cells(item=keys // max(classes, 1), value=keys % max(classes, 1), count=count)
