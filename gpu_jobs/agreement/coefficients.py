"""What percent agreement, Fleiss' κ and Gwet's AC have in common: agreement against chance.

    value = (p_o − p_e) / (1 − p_e)

p_o and p_e are functions of sums over items, so that an interval needs only the weights of
draws (`bootstrap`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpu_jobs.agreement.bootstrap import NO_INTERVAL, Kinds, each_item, interval, kinds_of
from gpu_jobs.answers import Answers, cells

ALL_THE_SAME = "every answer is the same, so agreement by chance is certain"
NO_PAIRS = "no item has two answers"


@dataclass(frozen=True)
class Coefficient:
    """value is None when it is undefined, and reason says why. observed, expected: p_o and p_e.

    low, high: the 95% interval from `resamples` draws of items, None where there is none. items:
    with two answers or more; answers: to those.
    """

    name: str
    value: float | None
    reason: str | None
    low: float | None
    high: float | None
    observed: float | None
    expected: float | None
    items: int
    answers: int
    resamples: int


def kinds_by_class(answers: Answers, *, resamples: int, ordered: bool = False) -> Kinds | None:
    """All answered items, those with one answer, too; None where there is none.

    ordered: classes stand on a scale (`kinds_of`).
    """
    if not len(answers):
        return None
    classes = len(answers.classes)
    counts = cells(answers.item, answers.value, classes)
    if not resamples:
        return each_item(counts, values=classes)
    return kinds_of(counts, values=classes, ordered=ordered)


def pairable(kinds: Kinds | None) -> bool:
    return kinds is not None and bool((kinds.size >= 2).any())


def coefficient(
    name: str,
    kinds: Kinds | None,
    totals: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    *,
    resamples: int,
    seed: int,
    reason: str = ALL_THE_SAME,
) -> Coefficient:
    """totals: weights float64 (b, P) → p_o, p_e float64 (b,), NaN where no item has a pair.

    reason: of an undefined value although there are pairs.
    """
    if kinds is None or not pairable(kinds):
        return Coefficient(name, None, NO_PAIRS, None, None, None, None, 0, 0, 0)

    def statistic(weights: np.ndarray) -> np.ndarray:
        observed, expected = totals(weights)
        # Rounding leaves a little of what should be 0.
        room = np.where(1 - expected > 1e-12, 1 - expected, np.nan)
        return (observed - expected) / room

    times = kinds.times[None, :].astype(np.float64)
    value = float(statistic(times)[0])
    observed, expected = (float(each[0]) for each in totals(times))
    defined = not np.isnan(value)
    ends = NO_INTERVAL
    if defined:
        width = kinds.values
        ends = interval(statistic, kinds.times, resamples=resamples, seed=seed, width=width)
    two = kinds.size >= 2
    return Coefficient(
        name=name,
        value=value if defined else None,
        reason=None if defined else reason,
        low=ends.low,
        high=ends.high,
        observed=None if np.isnan(observed) else observed,
        expected=None if np.isnan(expected) else expected,
        items=int(kinds.times[two].sum()),
        answers=int(kinds.times[two] @ kinds.size[two]),
        resamples=ends.resamples,
    )


def mean_over(weights: np.ndarray, amount: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Σ w·amount ÷ Σ w·base for each row of weights: float64 (b,), NaN where the base is 0."""
    top, bottom = weights @ amount, weights @ base
    return np.divide(top, bottom, out=np.full(len(weights), np.nan), where=bottom > 0)


def shares(kinds: Kinds, weights: np.ndarray) -> np.ndarray:
    """π_v, the mean over items of the share of class v in the item's answers: float64 (b, V)."""
    return kinds.of_values(weights / kinds.size) / weights.sum(axis=1, keepdims=True)
