"""Scores of answers of any task type against the gold, and against each other: 1 − distance."""

import numpy as np

from gpu_jobs.answers import Answers
from gpu_jobs.distances.pairs import spread
from gpu_jobs.types import Typed

PAIRS = 5_000_000
"""More pairs of answers to gold items than this are not compared with each other."""


def type_scores(answers: Answers, kind: Typed) -> np.ndarray:
    """float64 (n,) in [0, 1], NaN where no gold is known."""
    gold = kind.gold[answers.item]
    found = np.full(len(answers), np.nan)
    known = np.flatnonzero(gold >= 0)
    found[known] = 1 - kind.distance.between(kind.code[answers.value[known]], gold[known])
    return found


def peer_scores(answers: Answers, kind: Typed, scores: np.ndarray) -> np.ndarray:
    """float64 (n,): mean 1 − distance to the other answers of the item, where scores are known.

    NaN for the only answer, and everywhere where that would take more than 5 million pairs.
    """
    found = np.full(len(answers), np.nan)
    known = np.flatnonzero(~np.isnan(scores))
    item = answers.item[known]
    size = np.bincount(item, minlength=len(answers.items))
    if not len(known) or int((size * size).sum()) > PAIRS:
        return found
    # `answers` are sorted by item, so the others of an item stand beside it.
    start = (np.cumsum(size) - size)[item]
    left, right = spread(start, size[item])
    apart = left != right
    left, right = left[apart], right[apart]
    code = kind.code[answers.value[known]]
    alike = 1 - kind.distance.between(code[left], code[right])
    total = np.bincount(left, weights=alike, minlength=len(known))
    others = size[item] - 1
    found[known] = np.divide(total, others, out=np.full(len(known), np.nan), where=others > 0)
    return found
