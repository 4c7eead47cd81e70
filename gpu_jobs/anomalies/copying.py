"""Pairs of workers who make the same mistakes more often than two independent people would.

Right answers agree because they are right; copied answers also agree where they are wrong. For a
pair (a, b) let X be the number of items that both answered with the same *wrong* class. For
independent people who make errors at their own rates ε, more on hard items, with the wrong classes
chosen as the others choose them,

    E = Σ_{shared items t} ε_a ε_b d_t² r_t

d_t: how much more often than usual people err on item t, and r_t = Σ_v (share of v among the
wrong answers to t)², both drawn towards what is usual, by two answers and by one. X is compared
with the Poisson law of mean E, whose upper tail is above that of a sum of independent rare events;
pairs are judged together: p times the number of pairs with shared items (Bonferroni) must be below
0.01. At least three shared errors are needed. The counting is that of answer-copying indices
(R. B. Frary, T. N. Tideman, T. M. Watts, "Indices of cheating on multiple-choice tests", Journal of
Educational Statistics 2, 1977; J. A. Wollack, "A nominal response model approach for detecting
answer copying", Applied Psychological Measurement 21, 1997).

The truth is the gold where there is one, else the label. Whoever out-votes the honest on an item
makes the label; a ring that does so everywhere cannot be seen without gold. Nor does the count
say who copied from whom, or that anybody did: two people may have learned from the same wrong page.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import pdtrc

from gpu_jobs.anomalies.peers import incidence, row_sums
from gpu_jobs.anomalies.signals import Signal, below
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError

THRESHOLD = 0.01
LEAST_ERRORS = 3
MEETINGS = 10_000_000
_ITEM_WEIGHT = 2.0
_KIND_WEIGHT = 1.0
_BLOCK = 20_000


@dataclass(frozen=True)
class Copying:
    """A line for each pair with at least 3 shared errors, first < second (codes), sorted.

    shared: items both answered. errors: X. expected: E. p: Poisson tail times `pairs`, at most 1.
    of_worker (W,): least p of a worker's pairs, 1 where there is none. answers (W,).
    """

    first: np.ndarray
    second: np.ndarray
    shared: np.ndarray
    errors: np.ndarray
    expected: np.ndarray
    p: np.ndarray
    pairs: int
    of_worker: np.ndarray
    answers: np.ndarray


def shared_errors(answers: Answers, truth: np.ndarray) -> Copying:
    """Array truth int64 (I,): class codes, negative where unknown (such items say nothing).

    Raises InputError when more than 10 million meetings of two equal wrong answers would have to
    be counted.
    """
    workers, items = len(answers.workers), len(answers.items)
    item, worker, value = _one_each(answers, truth[answers.item] >= 0)
    wrong = value != truth[item]
    n = np.bincount(worker, minlength=workers)
    rate = np.bincount(worker[wrong], minlength=workers) / np.maximum(n, 1)
    first, second, errors = _meetings(answers, item[wrong], worker[wrong], value[wrong])
    enough = errors >= LEAST_ERRORS
    first, second, errors = first[enough], second[enough], errors[enough]
    weight = _difficulty(item, value, wrong, items, len(answers.classes))
    presence = incidence(worker, item, (workers, items))
    weighted = sparse.csr_array(presence @ sparse.diags_array(weight))
    shared, expected = np.zeros(len(first)), np.zeros(len(first))
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        theirs = presence[second[part]]
        shared[part] = row_sums(sparse.csr_array(presence[first[part]].multiply(theirs)))
        expected[part] = row_sums(sparse.csr_array(weighted[first[part]].multiply(theirs)))
    expected *= rate[first] * rate[second]
    pairs = _pairs_that_met(presence, workers)
    p = np.minimum(pdtrc(errors - 1, expected) * pairs, 1.0)
    p[expected <= 0] = 1.0
    of_worker = np.ones(workers)
    np.minimum.at(of_worker, first, p)
    np.minimum.at(of_worker, second, p)
    return Copying(
        first=first,
        second=second,
        shared=shared.astype(np.int64),
        errors=errors,
        expected=expected,
        p=p,
        pairs=pairs,
        of_worker=of_worker,
        answers=n,
    )


def copying(found: Copying, *, threshold: float = THRESHOLD) -> Signal:
    """Speaks for both of a pair."""
    value = np.where(found.answers > 0, found.of_worker, np.nan)
    return below("shared errors", "copying", threshold, value)


def _one_each(answers: Answers, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The last answer of each worker to each item whose truth is known."""
    order = np.lexsort((answers.row, answers.worker, answers.item))
    order = order[known[order]]
    item, worker = answers.item[order], answers.worker[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(item) != 0) | (np.diff(worker) != 0)
    return item[last], worker[last], answers.value[order][last]


def _meetings(
    answers: Answers, item: np.ndarray, worker: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (first < second) with the number of items on which both gave one wrong class."""
    _, group = np.unique(item * max(len(answers.classes), 1) + value, return_inverse=True)
    size = np.bincount(group)
    meetings = int((size * (size - 1) // 2).sum())
    if meetings > MEETINGS:
        raise InputError(
            f"shared errors would have to be counted over {meetings:,} meetings of two workers,"
            f" more than the {MEETINGS:,} allowed"
        )
    together = incidence(worker, group, (len(answers.workers), len(size)))
    pairs = sparse.triu(sparse.csr_array(together @ together.T), k=1).tocsr().tocoo()
    return (
        pairs.row.astype(np.int64),
        pairs.col.astype(np.int64),
        np.rint(pairs.data).astype(np.int64),
    )


def _difficulty(
    item: np.ndarray, value: np.ndarray, wrong: np.ndarray, items: int, classes: int
) -> np.ndarray:
    """d_t² r_t of each item (I,)."""
    size = np.bincount(item, minlength=items)
    errors = np.bincount(item[wrong], minlength=items)
    usual = max(float(wrong.mean()) if len(wrong) else 0.0, np.finfo(float).tiny)
    often = (errors + _ITEM_WEIGHT * usual) / (size + _ITEM_WEIGHT) / usual
    keys, count = np.unique(item[wrong] * max(classes, 1) + value[wrong], return_counts=True)
    of_item = keys // max(classes, 1)
    same = np.bincount(of_item, weights=count * (count - 1), minlength=items)
    ways = errors * (errors - 1)
    typical = float(same.sum() / ways.sum()) if ways.sum() else 1.0
    repeat = (same + _KIND_WEIGHT * typical) / (ways + _KIND_WEIGHT)
    return np.asarray(np.square(often) * repeat)


def _pairs_that_met(presence: sparse.csr_array, workers: int) -> int:
    """How many pairs share an item; at most all pairs, which is what large crowds are charged."""
    every = workers * (workers - 1) // 2
    meetings = int(np.square(presence.sum(axis=0)).sum())
    if meetings > MEETINGS:
        return max(every, 1)
    with_answers = int((np.diff(presence.indptr) > 0).sum())
    return max(int((sparse.csr_array(presence @ presence.T).nnz - with_answers) // 2), 1)
