"""Cohen's kappa for every two workers who share enough items, without a worker × worker array.

    κ = (p_o − p_e) / (1 − p_e),   p_o = share of shared items with equal answers,
                                   p_e = Σ_v p_1v p_2v, the two workers' shares of class v there

Source: J. Cohen, "A coefficient of agreement for nominal scales" (1960). Unweighted, so on
ordered classes a near miss counts as a miss. A worker who answered an item more than once
enters with the last answer. Memory is O(pair meetings): two workers meet once on each item
they share. A crowd with more than `meetings` of them is cut to its busiest workers, all those
with at least `min_items` items; every kappa that is given still rests on all shared items.

The interval is κ ± 1.96 standard errors, those of J. Fleiss, J. Cohen & B. Everitt, "Large sample
standard errors of kappa and weighted kappa" (1969); with few shared items it is only a hint.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from gpu_jobs import svg
from gpu_jobs.aggregation.fingerprints import fingerprints, mixed
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError

MIN_SHARED = 10
MEETINGS = 5_000_000
TOP = 10
TOP_SHOWN = 40
"""Workers in the heat map: more names than this cannot be read."""
Z = 1.959963984540054


@dataclass(frozen=True)
class Kappas:
    """Pairs (first, second: worker codes, first < second) that share `shared` items.

    All arrays (pairs,); kappa is NaN where both gave one and the same class throughout. low,
    high: its 95% interval, cut to [−1, 1], NaN with it.
    min_items: workers with fewer items were left out; workers: how many were in. prints: uint64, a
    hash of what the two answered, which puts equal pairs in an order without names.
    """

    first: np.ndarray
    second: np.ndarray
    shared: np.ndarray
    kappa: np.ndarray
    low: np.ndarray
    high: np.ndarray
    prints: np.ndarray
    min_items: int
    workers: int

    def plot(self, workers: list[str]) -> str:
        """SVG heat map of the workers with the most pairs, at most TOP_SHOWN; blank: no κ.

        Of equally many pairs: who shares the most items, then who agrees most.
        """
        both_ends = np.concatenate([self.first, self.second])
        seen, shared, agreed = (
            np.bincount(both_ends, weights=np.tile(weight, 2), minlength=len(workers))
            for weight in (np.ones(len(self.first)), self.shared, np.nan_to_num(self.kappa))
        )
        shown = np.lexsort((-np.round(agreed, 9), -shared, -seen))[:TOP_SHOWN]
        shown = np.sort(shown[seen[shown] > 0])
        place = np.full(len(workers), -1)
        place[shown] = np.arange(len(shown))
        one, two = place[self.first], place[self.second]
        both = (one >= 0) & (two >= 0)
        table = np.full((len(shown), len(shown)), np.nan)
        table[one[both], two[both]] = table[two[both], one[both]] = self.kappa[both]
        names = [workers[index] for index in shown]
        return svg.heat_map("Cohen's kappa of every two workers", names, table)


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
    kappa, error = _kappa(code, value[left], value[right], shared, len(answers.classes))
    return Kappas(
        first=pair[enough] // max(len(answers.workers), 1),
        second=pair[enough] % max(len(answers.workers), 1),
        shared=shared[enough],
        kappa=kappa[enough],
        low=np.maximum(kappa - Z * error, -1)[enough],
        high=np.minimum(kappa + Z * error, 1)[enough],
        prints=_prints(answers, pair[enough]),
        min_items=int(least),
        workers=int((busy >= least).sum()),
    )


def summary(found: Kappas, workers: list[str], *, top: int = TOP) -> dict[str, Any]:
    """Counts, quartiles, and the `top` highest and lowest pairs, as JSON values.

    Of equal kappas that of more shared items is the higher one if above 0, else the lower one; what
    is still equal is put in order by what was answered, not by names.
    """
    defined = np.flatnonzero(~np.isnan(found.kappa))
    values = found.kappa[defined]
    # Kappas that differ by rounding only are equal.
    near = np.round(values, 12)
    surer = found.shared[defined] * np.where(near > 0, 1, -1)
    order = defined[np.lexsort((found.prints[defined], -surer, -near))]
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


def _prints(answers: Answers, pair: np.ndarray) -> np.ndarray:
    width = max(len(answers.workers), 1)
    of = mixed(fingerprints(Tally.of(answers)).worker)
    return mixed(of[pair // width] + of[pair % width]) if len(pair) else np.empty(0, np.uint64)


def _row(found: Kappas, workers: list[str], i: int) -> dict[str, Any]:
    pair = sorted((workers[found.first[i]], workers[found.second[i]]))
    return {
        "workers": pair,
        "kappa": float(found.kappa[i]),
        "low": float(found.low[i]),
        "high": float(found.high[i]),
        "shared": int(found.shared[i]),
    }


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
) -> tuple[np.ndarray, np.ndarray]:
    """κ and its standard error, float64 (pairs,); code (meetings,) says which pair met."""
    width = max(classes, 1)
    pairs = len(shared)
    shape = (pairs, width)
    ones = np.ones(len(code), dtype=np.int64)
    first = sparse.coo_array((ones, (code, one)), shape=shape).tocsr()
    second = sparse.coo_array((ones, (code, two)), shape=shape).tocsr()
    chance = np.asarray(first.multiply(second).sum(axis=1)).ravel() / np.square(shared)
    equal = np.bincount(code, weights=one == two, minlength=pairs) / shared
    room = 1 - chance
    undefined = np.full(pairs, np.nan)
    kappa = np.divide(equal - chance, room, out=undefined.copy(), where=room > 0)
    # Of the class that the one gave, the share in the answers of the other, and the reverse.
    crossed = (_share(second, code, one) + _share(first, code, two)) / shared[code]
    rest = (1 - kappa)[code]
    term = np.where(one == two, np.square(1 - crossed * rest), np.square(rest * crossed))
    square = np.bincount(code, weights=term, minlength=pairs) / shared
    square = np.maximum(square - np.square(kappa - chance * (1 - kappa)), 0)
    error = np.divide(np.sqrt(square / shared), room, out=undefined, where=room > 0)
    return kappa, error


def _share(table: sparse.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Entries of a sparse table at (row, column): float64 (n,)."""
    table.sort_indices()
    width = table.shape[1]
    owner = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
    key = owner * width + table.indices
    wanted = row * width + column
    at = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    if not len(key):
        return np.zeros(len(wanted))
    return np.where(key[at] == wanted, table.data[at], 0).astype(np.float64)
