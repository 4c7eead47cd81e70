"""Percent agreement: how often two answers to the same item are equal, chance included.

Over all items, with c_uv answers of class v to item u and m_u = Σ_v c_uv:

    P = Σ_u Σ_v c_uv (c_uv − 1)  /  Σ_u m_u (m_u − 1)

Every pair of answers counts once, so an item with many answers weighs more than one with two.
It is the observed agreement of Scott, "Reliability of content analysis" (1955), for more than
two coders. It rewards a lopsided class: read it beside alpha, not instead.

Where answers have a distance d, a pair counts 1 − d in place of 1 or 0.
"""

import numpy as np

from gpu_jobs.agreement.bootstrap import RESAMPLES, each_item, kinds_of
from gpu_jobs.agreement.coefficients import Coefficient, coefficient, kinds_by_class, mean_over
from gpu_jobs.agreement.disagreement import apart, within
from gpu_jobs.answers import Answers, Cells, cells
from gpu_jobs.types import Typed


def percent_agreement(counts: Cells) -> float | None:
    """P in [0, 1], or None when no item has two answers."""
    size = np.bincount(counts.item, weights=counts.count)
    pairs = float((size * (size - 1)).sum())
    equal = float((counts.count * (counts.count - 1)).sum())
    return equal / pairs if pairs else None


def percent_of(
    answers: Answers, typed: Typed | None = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Coefficient:
    """P with its interval; with `typed`, the mean of 1 − d over all pairs within items."""
    if typed is None or not len(answers):
        kinds = kinds_by_class(answers, resamples=resamples)
    else:
        counts = cells(answers.item, typed.code[answers.value], len(typed.values))
        make = kinds_of if resamples else each_item
        kinds = make(counts, values=len(typed.values))
    if kinds is None:
        return coefficient("percent_agreement", None, _undefined, resamples=0, seed=seed)
    pairs = kinds.size * (kinds.size - 1)
    if typed is None:
        equal = kinds.squares - kinds.size
    else:
        equal = pairs - within(kinds, typed.distance) * (kinds.size - 1)

    def totals(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return mean_over(weights, equal, pairs), np.zeros(len(weights))

    return coefficient("percent_agreement", kinds, totals, resamples=resamples, seed=seed)


def _undefined(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nothing = np.full(len(weights), np.nan)
    return nothing, nothing


def agreement_of_items(answers: Answers, typed: Typed | None = None) -> np.ndarray:
    """Mean of 1 − d (or of equality) over the pairs of each item: float64 (I,), NaN without one."""
    value = answers.value if typed is None else typed.code[answers.value]
    values = len(answers.classes) if typed is None else len(typed.values)
    out = np.full(len(answers.items), np.nan)
    if not len(answers):
        return out
    counts = cells(answers.item, value, values)
    item = np.unique(counts.item)
    size = np.bincount(counts.item, weights=counts.count)[item]
    if typed is None:
        square = np.bincount(counts.item, weights=np.square(counts.count))[item]
        apart = (np.square(size) - square) / np.maximum(size - 1, 1)
    else:
        apart = within(each_item(counts, values=values), typed.distance)
    two = size >= 2
    out[item[two]] = 1 - apart[two] / size[two]
    return out


def agreement_with_others(answers: Answers, typed: Typed) -> np.ndarray:
    """For each answer the mean of 1 − d to the others of its item: float64 (n,), NaN if alone.

    `agreement_of_each` is the same where d is 0 or 1.
    """
    if not len(answers):
        return np.empty(0)
    value, values = typed.code[answers.value], len(typed.values)
    counts = cells(answers.item, value, values)
    total = apart(each_item(counts, values=values), typed.distance)
    keys = counts.item * values + counts.value
    mine = total[np.searchsorted(keys, answers.item * values + value)]
    size = np.bincount(answers.item, minlength=len(answers.items))[answers.item]
    return 1 - np.divide(mine, size - 1, out=np.full(len(answers), np.nan), where=size > 1)


def agreement_of_each(answers: Answers, counts: Cells) -> np.ndarray:
    """For each answer the share of the other answers to its item that equal it.

    float64 (n,); NaN where it is the only one. Under kept repeats a worker's own other answer
    is one of the others.
    """
    size = np.bincount(answers.item, minlength=len(answers.items))[answers.item]
    keys = counts.item * max(len(answers.classes), 1) + counts.value
    mine = answers.item * max(len(answers.classes), 1) + answers.value
    same = counts.count[np.searchsorted(keys, mine)] if len(keys) else np.empty(0)
    return np.divide(same - 1, size - 1, out=np.full(len(answers), np.nan), where=size > 1)
