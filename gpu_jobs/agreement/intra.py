"""Agreement of raters with themselves, from items that they were given twice without being told.

A unit is a worker's answers to one item; only units with two answers or more count, so repeats
must have been kept. Of each worker: the mean over units of the mean of 1 − d of its pairs, with
Wilson's interval (E. Wilson, "Probable Inference", 1927), which treats a mean of numbers in
[0, 1] as a share and so is at least as wide as needed. Over all: percent agreement, and α of the
units, whose chance is that of two answers by anybody to anything that was repeated.

A rater who does not agree with themselves cannot agree with others; agreement with oneself on
hard items is still no proof of being right (J. Cohen 1960; K. Krippendorff, "Content Analysis",
4th ed. 2018, calls it stability, the weakest form of reliability).
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.agreement.alpha import Alpha, alpha_of_typed
from gpu_jobs.agreement.bootstrap import RESAMPLES, each_item
from gpu_jobs.agreement.disagreement import within
from gpu_jobs.answers import Answers, cells
from gpu_jobs.shares import wilson
from gpu_jobs.types import Typed


@dataclass(frozen=True)
class Intra:
    """Arrays (R,) over the workers with repeats: worker int64 (codes), items int64 (units),
    agreement, low, high float64. overall: mean over all units, None without one; alpha: of units.
    """

    worker: np.ndarray
    items: np.ndarray
    agreement: np.ndarray
    low: np.ndarray
    high: np.ndarray
    overall: float | None
    overall_low: float | None
    overall_high: float | None
    alpha: Alpha


def intra_rater(
    answers: Answers,
    typed: Typed,
    *,
    level: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Intra:
    """Empty arrays and an alpha with its reason where nobody answered an item twice."""
    width = max(len(answers.workers), 1)
    pair = answers.item * width + answers.worker
    keys, unit, size = np.unique(pair, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(size[unit] >= 2)
    alpha = alpha_of_typed(
        answers, typed, level=level, unit=unit, kept=kept, resamples=resamples, seed=seed
    )
    twice = np.flatnonzero(size >= 2)
    mean = np.empty(0)
    if len(twice):
        values = len(typed.values)
        counts = cells(unit[kept], typed.code[answers.value[kept]], values)
        mean = 1 - within(each_item(counts, values=values), typed.distance) / size[twice]
    by = keys[twice] % width
    items = np.bincount(by, minlength=width)
    worker = np.flatnonzero(items)
    items = items[worker]
    agreement = np.bincount(by, weights=mean, minlength=width)[worker] / items
    low, high = wilson(agreement * items, items)
    whole = float(mean.mean()) if len(mean) else None
    ends = wilson(np.array([mean.sum()]), np.array([len(mean)])) if whole is not None else None
    return Intra(
        worker=worker,
        items=items,
        agreement=agreement,
        low=low,
        high=high,
        overall=whole,
        overall_low=None if ends is None else float(ends[0][0]),
        overall_high=None if ends is None else float(ends[1][0]),
        alpha=alpha,
    )
