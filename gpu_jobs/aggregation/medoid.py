"""The medoid: of an item's answers the one that lies nearest to all others.

    label of u = argmin over its answers j of Σ_{other answers l} weight_l · d(j, l)
    weight_w = max(0, 1 − mean distance of w's answers to the others' ÷ chance), drawn to the mean

It needs nothing but the type's distance, so every type has it, and it is always an answer that
somebody gave. `chance` is the mean distance of two answers drawn from the whole file (of the COMMON
most frequent ones): who is as far from the others as that counts nothing. Ties: the answer that
was given most often to the item, then in all, then the first in the order of `classes`.

Source: L. Kaufman, P. Rousseeuw, "Clustering by means of medoids" (1987).

Shapes: n answers, W workers, I items. O(pairs of answers within items), of which more than PAIRS
are refused.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.contracts import InputError
from gpu_jobs.distances.pairs import Distance

DRAWN = 5.0
"""Answers' worth of the mean that every worker's weight is drawn to."""
_BLOCK = 2_000_000
COMMON = 200
PAIRS = 50_000_000


@dataclass(frozen=True)
class Medoid:
    """value int64 (I,): the class that is the label. support float64 (I,): 1 − the mean distance
    of the item's answers to it, weighed. weight float64 (W,): of each worker, mean 1.
    """

    value: np.ndarray
    support: np.ndarray
    weight: np.ndarray


def weights(tally: Tally, code: np.ndarray, distance: Distance) -> np.ndarray:
    """float64 (W,), mean 1 over the answers: how near each worker is to others' answers.

    code: int64 (C,), from a class to the value that `distance` knows.
    """
    left, right = _meetings(tally)
    far = np.zeros(tally.workers)
    met = np.zeros(tally.workers)
    for low in range(0, len(left), _BLOCK):
        one, two = left[low : low + _BLOCK], right[low : low + _BLOCK]
        apart = distance.between(code[tally.value[one]], code[tally.value[two]])
        for side in (one, two):
            far += np.bincount(tally.worker[side], apart, tally.workers)
            met += np.bincount(tally.worker[side], minlength=tally.workers)
    if not met.sum():
        return np.ones(tally.workers)
    typical = far.sum() / met.sum()
    mean = (far + DRAWN * typical) / (met + DRAWN)
    chance = _chance(tally, code, distance)
    worth = np.maximum(1 - mean / chance, 0) if chance > 0 else np.ones(tally.workers)
    scale = float(worth[tally.worker].mean())
    return worth / scale if scale > 0 else np.ones(tally.workers)


def medoid(
    tally: Tally, code: np.ndarray, distance: Distance, weight: np.ndarray | None = None
) -> Medoid:
    """The medoid of every item; weight (W,): None for `weights`."""
    weight = weights(tally, code, distance) if weight is None else weight
    cells = tally.cells
    mass = np.bincount(cells.code, weight[tally.worker], len(cells))
    # Nobody who answered counts: then all count alike.
    whole = cells.sum(mass)
    mass = np.where(whole[cells.owner] > 0, mass, cells.count)
    whole = cells.sum(mass)
    left, right = _within(cells.first)
    cost = np.zeros(len(cells))
    for low in range(0, len(left), _BLOCK):
        one, two = left[low : low + _BLOCK], right[low : low + _BLOCK]
        apart = distance.between(code[cells.value[one]], code[cells.value[two]])
        cost += np.bincount(one, mass[two] * apart, len(cells))
        cost += np.bincount(two, mass[one] * apart, len(cells))
    total = np.bincount(tally.value, minlength=tally.classes)[cells.value]
    least = -cells.max(-cost, -np.inf)
    near = cost <= least[cells.owner] + 1e-9
    order = np.lexsort((cells.value, -total, -cells.count, ~near, cells.owner))
    first = order[cells.first[:-1]] if len(cells) else np.empty(0, dtype=np.int64)
    return Medoid(
        value=cells.value[first],
        support=1 - cost[first] / whole,
        weight=weight,
    )


def _within(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of every two members of the same group; group g is first[g] … first[g + 1]."""
    size = np.diff(first)
    pairs = int((size * (size - 1) // 2).sum())
    if pairs > PAIRS:
        raise InputError(
            f"{pairs:,} pairs of answers to the same item are to be compared, more than {PAIRS:,}"
        )
    after = np.repeat(first[1:], size) - np.arange(size.sum()) - 1
    left = np.repeat(np.arange(size.sum()), after)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(after) - after, after)
    return left, right


def _meetings(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Every two answers of different workers to the same item."""
    left, right = _within(np.append(0, np.cumsum(tally.of_item)))
    others = tally.worker[left] != tally.worker[right]
    return left[others], right[others]


def _chance(tally: Tally, code: np.ndarray, distance: Distance) -> float:
    """Mean distance of two random answers among the most frequent classes."""
    count = np.bincount(tally.value, minlength=tally.classes).astype(np.float64)
    order = np.argsort(-count, kind="stable")[:COMMON]
    left, right = np.triu_indices(len(order))
    one, two = order[left], order[right]
    apart = distance.between(code[one], code[two])
    weight = count[one] * count[two] * np.where(left == right, 1, 2)
    return float(apart @ weight / weight.sum()) if weight.sum() else 0.0
