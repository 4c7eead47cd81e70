"""How often a gold item has been seen: gold that everybody knows measures memory, not skill.

shown counts the answers an item has had, again the ones by a worker who had met it before. Where
the order of answers is known, an item's later answers are compared with its earlier ones:

    learned = share right among the later half − share right among the earlier half

with the two-proportion z of that difference (pooled variance). A gold that leaks is answered
better and better; z > 2.33 is 1% of items that do not leak.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.answers import NO_GOLD, Answers

LEARNED_Z = 2.33
LEAST_HALF = 5
WORN = 200
"""Answers after which an item should be rested, whatever its statistics say."""


@dataclass(frozen=True)
class Exposure:
    """Arrays (g,), a line for each gold item, sorted by code.

    learned and z: NaN where the order is unknown or a half has fewer than 5 answers. leaking:
    z above the bar. worn: shown too often.
    """

    item: np.ndarray
    shown: np.ndarray
    workers: np.ndarray
    again: np.ndarray
    learned: np.ndarray
    z: np.ndarray
    leaking: np.ndarray
    worn: np.ndarray


def exposure(answers: Answers, *, order: np.ndarray | None = None, worn: int = WORN) -> Exposure:
    """Order (n,): any numbers that rise with time (n answers, as in `answers`); equal ones share
    a half.
    """
    items = np.flatnonzero(answers.gold != NO_GOLD)
    place = np.full(len(answers.items), -1, dtype=np.int64)
    place[items] = np.arange(len(items))
    known = place[answers.item] >= 0
    item, worker = place[answers.item[known]], answers.worker[known]
    shown = np.bincount(item, minlength=len(items))
    pairs = np.unique(item * max(len(answers.workers), 1) + worker)
    workers = np.bincount(pairs // max(len(answers.workers), 1), minlength=len(items))
    learned, z = np.full(len(items), np.nan), np.full(len(items), np.nan)
    if order is not None:
        right = answers.value[known] == answers.gold[answers.item[known]]
        learned, z = _learned(item, right, order[known], shown)
    return Exposure(
        item=items,
        shown=shown,
        workers=workers,
        again=shown - workers,
        learned=learned,
        z=z,
        leaking=np.nan_to_num(z) > LEARNED_Z,
        worn=shown >= worn,
    )


def _learned(
    item: np.ndarray, right: np.ndarray, order: np.ndarray, shown: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    sequence = np.lexsort((order, item))
    start = np.cumsum(shown) - shown
    # The order at which the later half begins; answers at that very moment belong to it.
    present = shown > 0
    begins = np.zeros(len(shown))
    middle = start[present] + (shown[present] + 1) // 2
    begins[present] = order[sequence[np.minimum(middle, len(order) - 1)]] if len(order) else 0
    late = order >= begins[item]
    n = [np.bincount(item[half], minlength=len(shown)) for half in (~late, late)]
    s = [
        np.bincount(item[half], weights=right[half], minlength=len(shown)) for half in (~late, late)
    ]
    enough = (n[0] >= LEAST_HALF) & (n[1] >= LEAST_HALF)
    one, two = np.maximum(n[0], 1), np.maximum(n[1], 1)
    difference = s[1] / two - s[0] / one
    pooled = (s[0] + s[1]) / np.maximum(n[0] + n[1], 1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / one + 1 / two))
    z = np.divide(difference, error, out=np.zeros(len(shown)), where=error > 0)
    return np.where(enough, difference, np.nan), np.where(enough, z, np.nan)
