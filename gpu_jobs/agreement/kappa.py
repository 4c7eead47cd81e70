"""Cohen's kappa for every two workers who share enough items, without a worker × worker array.

    κ = (p_o − p_e) / (1 − p_e),   p_o = share of shared items with equal answers,
                                   p_e = Σ_v p_1v p_2v, the two workers' shares of class v there

Source: J. Cohen, "A coefficient of agreement for nominal scales" (1960). Unweighted, so on
ordered classes a near miss counts as a miss. A worker who answered an item more than once
enters with the last answer. Memory is O(pair meetings): two workers meet once on each item
they share. A crowd with more than `meetings` of them is cut to its busiest workers, all those
with at least `min_items` items; every kappa that is given still rests on all shared items.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError

MIN_SHARED = 10
MEETINGS = 5_000_000
TOP = 10


@dataclass(frozen=True)
class Kappas:
    """Pairs (first, second: worker codes, first < second) that share `shared` items.

    All arrays (pairs,); kappa is NaN where both gave one and the same class throughout.
    min_items: workers with fewer items were left out; workers: how many were in.
    """

    first: np.ndarray
    second: np.ndarray
    shared: np.ndarray
    kappa: np.ndarray
    min_items: int
    workers: int


def kappas(answers: Answers, *, min_shared: int = MIN_SHARED, meetings: int = MEETINGS) -> Kappas:
    """Kappa of each pair that shares at least `min_shared` items. Raises InputError below 1."""
    if min_shared < 1:
        raise InputError("two workers must share at least 1 item to have a kappa")
    item, worker, value = _one_each(answers)
    busy = np.bincount(worker, minlength=len(answers.workers))
    least = _least_items(item, busy[worker], min_shared, meetings)
    kept = busy[worker] >= least
    item, worker, value = item[kept], worker[kept], value[kept]
    left, right = _meetings(item)
    pair, code = np.unique(
        worker[left] * max(len(answers.workers), 1) + worker[right], return_inverse=True
    )
    shared = np.bincount(code, minlength=len(pair))
    enough = shared >= min_shared
    kappa = _kappa(code, value[left], value[right], shared, len(answers.classes))
    return Kappas(
        first=pair[enough] // max(len(answers.workers), 1),
        second=pair[enough] % max(len(answers.workers), 1),
        shared=shared[enough],
        kappa=kappa[enough],
        min_items=int(least),
        workers=int((busy >= least).sum()),
    )


def summary(found: Kappas, workers: list[str], *, top: int = TOP) -> dict[str, Any]:
    """Counts, quartiles, and the `top` highest and lowest pairs, as JSON values."""
    defined = np.flatnonzero(~np.isnan(found.kappa))
    values = found.kappa[defined]
    order = defined[np.lexsort((found.second[defined], found.first[defined], -values))]
    quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1]) if len(values) else [None] * 5
    names = ("minimum", "lower_quartile", "median", "upper_quartile", "maximum")
    return {
        "pairs": len(found.kappa),
        "undefined": len(found.kappa) - len(values),
        "workers": found.workers,
        "min_items": found.min_items,
        "mean": float(values.mean()) if len(values) else None,
        **{k: None if q is None else float(q) for k, q in zip(names, quantiles, strict=True)},
        "highest": [_row(found, workers, i) for i in order[:top]],
        "lowest": [_row(found, workers, i) for i in order[::-1][:top]],
    }


def _row(found: Kappas, workers: list[str], i: int) -> dict[str, Any]:
    pair = sorted((workers[found.first[i]], workers[found.second[i]]))
    return {"workers": pair, "kappa": float(found.kappa[i]), "shared": int(found.shared[i])}


def _one_each(answers: Answers) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.lexsort((answers.row, answers.worker, answers.item))
    item, worker = answers.item[order], answers.worker[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(item) != 0) | (np.diff(worker) != 0)
    return item[last], worker[last], answers.value[order][last]


def _least_items(item: np.ndarray, busy: np.ndarray, floor: int, meetings: int) -> int:
    """The smallest bar ≥ floor on a worker's items that leaves at most `meetings` meetings."""
    low, high = max(floor, 1), max(floor, int(busy.max(initial=0)) + 1)

    def met(bar: int) -> int:
        size = np.bincount(item[busy >= bar])
        return int((size * (size - 1) // 2).sum())

    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if met(middle) <= meetings else (middle + 1, high)
    return low


def _meetings(item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (left, right) of every two answers to the same item; `item` is sorted."""
    n = len(item)
    size = np.bincount(item) if n else np.empty(0, dtype=np.int64)
    end = np.cumsum(size)[item] if n else np.empty(0, dtype=np.int64)
    after = end - np.arange(n) - 1
    left = np.repeat(np.arange(n), after)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(after) - after, after)
    return left, right


def _kappa(
    code: np.ndarray, one: np.ndarray, two: np.ndarray, shared: np.ndarray, classes: int
) -> np.ndarray:
    shape = (len(shared), max(classes, 1))
    ones = np.ones(len(code), dtype=np.int64)
    first = sparse.coo_array((ones, (code, one)), shape=shape).tocsr()
    second = sparse.coo_array((ones, (code, two)), shape=shape).tocsr()
    chance = np.asarray(first.multiply(second).sum(axis=1)).ravel() / np.square(shared)
    equal = np.bincount(code, weights=one == two, minlength=len(shared)) / shared
    room = 1 - chance
    return np.divide(equal - chance, room, out=np.full(len(shared), np.nan), where=room > 0)
