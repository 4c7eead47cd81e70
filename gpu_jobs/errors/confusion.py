"""Which answer is given for which truth, how often, and on which items.

Row of a matrix: the truth; column: the answer; a rate is the share of the row, with Wilson's 95%
interval. The truth is the gold where known; without gold it is the crowd's label, and then the
matrix shows disagreement with the crowd rather than error. Nothing here says which of the two.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs import svg
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.shares import wilson

CELLS = 4_000_000
EXAMPLES = 5


@dataclass(frozen=True)
class Confusion:
    """counts int64, rate, low, high float64: (G, C, C) for G groups (one without groups). Rows
    without an answer have rate NaN and the interval [0, 1].
    """

    counts: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def plot(self, classes: list[str], *, group: int = 0) -> str:
        """SVG of one group's rates: row the truth, column the answer."""
        return svg.matrix("Answers by truth", classes, classes, self.rate[group])


@dataclass(frozen=True)
class ErrorRates:
    """Arrays (G,): answers with a truth, errors, rate (NaN without answers), low, high."""

    answers: np.ndarray
    errors: np.ndarray
    rate: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class ConfusedPair:
    """`answer` was given for `truth` count times, rate of all answers where it is the truth.
    items: codes of those with most such answers, the most first.
    """

    truth: int
    answer: int
    count: int
    rate: float
    low: float
    high: float
    items: list[int]


def confusion(
    truth: np.ndarray,
    value: np.ndarray,
    *,
    classes: int,
    group: np.ndarray | None = None,
    groups: int = 1,
) -> Confusion:
    """truth, value int64 (n,): class codes, truth negative where unknown; group int64 (n,),
    negative: in none. Raises InputError where groups × classes² exceeds 4 million.
    """
    if groups * classes**2 > CELLS:
        raise InputError(
            f"confusion matrices of {groups:,} groups in {classes:,} classes have more than"
            f" {CELLS:,} cells"
        )
    of_group = np.zeros(len(truth), dtype=np.int64) if group is None else group
    known = (truth >= 0) & (of_group >= 0)
    key = (of_group[known] * classes + truth[known]) * classes + value[known]
    counts = np.bincount(key, minlength=groups * classes**2).reshape(groups, classes, classes)
    total = np.broadcast_to(counts.sum(axis=2, keepdims=True), counts.shape)
    rate = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    low, high = wilson(counts, total)
    return Confusion(
        counts=counts,
        rate=rate,
        low=low,
        high=np.where(total > 0, high, 1.0),
    )


def error_rates(truth: np.ndarray, value: np.ndarray, group: np.ndarray, groups: int) -> ErrorRates:
    """Share of wrong answers by group; arrays as in `confusion`."""
    known = (truth >= 0) & (group >= 0)
    n = np.bincount(group[known], minlength=groups)
    wrong = known & (truth != value)
    errors = np.bincount(group[wrong], minlength=groups)
    low, high = wilson(errors, n)
    return ErrorRates(
        answers=n,
        errors=errors,
        rate=np.divide(errors, n, out=np.full(groups, np.nan), where=n > 0),
        low=low,
        high=np.where(n > 0, high, 1.0),
    )


def confused_pairs(
    answers: Answers, truth: np.ndarray, *, top: int = 20, examples: int = EXAMPLES
) -> list[ConfusedPair]:
    """The most frequent (truth, wrong answer), sparse, so that any number of classes will do.

    truth int64 (I,), negative where unknown. Equal counts: the higher rate first.
    """
    classes = max(len(answers.classes), 1)
    of_answer = truth[answers.item]
    known = of_answer >= 0
    total = np.bincount(of_answer[known], minlength=classes)
    wrong = known & (of_answer != answers.value)
    keys, pair = np.unique(of_answer[wrong] * classes + answers.value[wrong], return_inverse=True)
    count = np.bincount(pair, minlength=len(keys))
    n = total[keys // classes]
    low, high = wilson(count, n)
    order = np.lexsort((keys, -count / np.maximum(n, 1), -count))[:top]
    item = answers.item[wrong]
    found = []
    for i in order.tolist():
        of_items = np.bincount(item[pair == i], minlength=len(answers.items))
        best = np.lexsort((np.arange(len(of_items)), -of_items))[:examples]
        found.append(
            ConfusedPair(
                truth=int(keys[i] // classes),
                answer=int(keys[i] % classes),
                count=int(count[i]),
                rate=float(count[i] / n[i]),
                low=float(low[i]),
                high=float(high[i]),
                items=[int(code) for code in best if of_items[code]],
            )
        )
    return found
