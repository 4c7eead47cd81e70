"""Answers that follow a pattern instead of the items: one class only, or long runs of it.

Both are compared with what the *others* said on the same items, so that a lopsided project or a
queue sorted by class flags nobody.

One class (low entropy): let q_t(c) be the other workers' share of class c on item t, mixed with the
worker's own habits m(c), q_t = (1 − λ) share + λ m, λ = 0.2. With n_c answers of class c and
e_c = Σ_t q_t(c),

    z = max_c (n_c − e_c) / √(Σ_t q_t(c)(1 − q_t(c)) (1 + n τ²))

A worker's habit differs from the crowd's; τ = 0.1 is the spread of honest habits that is allowed
for. `entropy` is −Σ p ln p of the worker's answers over ln C, and `entropy_expected` that of e.

Straight-lining is the runs test, with the order of the items: R, the number of equal neighbours in
the worker's sequence, beside what it would be if the worker's answers were dealt anew among the
items with the same label (that of the others). Whoever answers by the item, however well or badly,
loses nothing by such a deal; whoever answers by the clock does. Within label s, where the worker
gave n_s answers with shares q_s(c), and with q_t = q of the label of item t, h_t = q_{t−1} +
q_{t+1} and g_t = h_t − its mean within the label,

    E[R] = Σ_t q_t · q_{t+1}   (two of one label: (n_s q·q − 1)/(n_s − 1))
    Var[R] ≈ Σ_t (Σ_c q_t g_t² − (q_t · g_t)²) + Σ_t tr(Σ_t Σ_{t+1}),   Σ_t = diag(q_t) − q_t q_tᵀ

With one label this is the runs test of A. M. Mood, "The distribution theory of runs", Annals of
Mathematical Statistics 11 (1940), for many classes. Positive z: longer runs than the items explain;
negative z: alternation.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gpu_jobs.aggregation.labels import TIED
from gpu_jobs.anomalies.peers import (
    incidence,
    others,
    row_products,
    row_sums,
    scale_rows,
    shares,
)
from gpu_jobs.anomalies.signals import Signal, above
from gpu_jobs.answers import Answers

ONE_CLASS_Z = 4.0
RUNS_Z = 3.5
LEAST = 20
OWN = 0.2
HABIT = 0.1
_LEAST_VARIANCE = 1e-9


@dataclass(frozen=True)
class Patterns:
    """Arrays (W,). answers: how many. entropy, entropy_expected: in [0, 1]. one_class, runs: z as
    above; longest: answers of the longest run. NaN (longest 0) where undefined: no answers, or for
    runs fewer than two, or no order.
    """

    answers: np.ndarray
    entropy: np.ndarray
    entropy_expected: np.ndarray
    one_class: np.ndarray
    runs: np.ndarray
    longest: np.ndarray


def patterns(
    answers: Answers, *, order: np.ndarray | None = None, label: np.ndarray | None = None
) -> Patterns:
    """Array order float64 or int64 (n,): when each answer was given, as numbers that rise within a
    worker; ties are broken by item, which no pattern can exploit. Without it runs are NaN. label
    int64 (n,): what the others make of each answer's item, the number of classes where they are
    divided; by default their majority.
    """
    workers, classes = len(answers.workers), max(len(answers.classes), 1)
    n = np.bincount(answers.worker, minlength=workers)
    size = np.maximum(n, 1).astype(np.float64)
    given = incidence(answers.worker, answers.value, (workers, classes))
    habit = scale_rows(given, 1 / size)
    share = shares(others(answers))
    # Where nobody else answered there is nothing but the habit to go by.
    alone = np.diff(share.indptr) == 0
    crowd = sparse.csr_array(
        scale_rows(share, np.full(len(answers), 1 - OWN))
        + scale_rows(habit[answers.worker], np.where(alone, 1.0, OWN))
    )
    of_worker = incidence(answers.worker, np.arange(len(answers)), (workers, len(answers)))
    expected = sparse.csr_array(of_worker @ crowd)
    runs, longest = np.full(workers, np.nan), np.zeros(workers, dtype=np.int64)
    if order is not None and len(answers):
        sequence = np.lexsort((answers.item, order, answers.worker))
        label = majority_of_others(share) if label is None else label
        runs = _runs(
            answers.worker[sequence], answers.value[sequence], label[sequence], workers, classes
        )
        longest = _longest(answers.worker[sequence], answers.value[sequence], workers)
    return Patterns(
        answers=n,
        entropy=np.where(n > 0, _entropy(habit, classes), np.nan),
        entropy_expected=np.where(n > 0, _entropy(scale_rows(expected, 1 / size), classes), np.nan),
        one_class=np.where(n > 0, _one_class(given, expected, of_worker, crowd, n), np.nan),
        runs=runs,
        longest=longest,
    )


def one_class(found: Patterns, *, threshold: float = ONE_CLASS_Z, least: int = LEAST) -> Signal:
    value = np.where(found.answers >= least, found.one_class, np.nan)
    return above("one class", "pattern", threshold, value)


def straight_lining(found: Patterns, *, threshold: float = RUNS_Z, least: int = LEAST) -> Signal:
    """Speaks for runs as well as for alternation: both are patterns."""
    value = np.where(found.answers >= least, np.abs(found.runs), np.nan)
    return above("straight-lining", "pattern", threshold, value)


def _entropy(share: sparse.csr_array, classes: int) -> np.ndarray:
    if classes < 2:
        return np.zeros(share.shape[0])
    terms = share.copy()
    terms.data = -share.data * np.log(np.maximum(share.data, np.finfo(float).tiny))
    return np.maximum(row_sums(terms), 0) / np.log(classes)


def _one_class(
    given: sparse.csr_array,
    expected: sparse.csr_array,
    of_worker: sparse.csr_array,
    crowd: sparse.csr_array,
    n: np.ndarray,
) -> np.ndarray:
    spread = sparse.csr_array(expected - of_worker @ crowd.multiply(crowd))
    over = sparse.coo_array(given - expected)
    # Only classes that were given can be given too often.
    rows, columns, excess = over.row, over.col, over.data
    variance = np.asarray(spread[rows, columns]).ravel() * (1 + n[rows] * HABIT**2)
    z = excess / np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
    z[variance <= _LEAST_VARIANCE] = 0
    found = np.zeros(given.shape[0])
    np.maximum.at(found, rows, z)
    return found


def majority_of_others(share: sparse.csr_array) -> np.ndarray:
    """int64 (n,): the class that most of the others gave, C where there is none, or two."""
    classes = share.shape[1]
    rows = np.repeat(np.arange(share.shape[0]), np.diff(share.indptr))
    best = np.zeros(share.shape[0])
    np.maximum.at(best, rows, share.data)
    top = share.data >= best[rows] - TIED
    ways = np.bincount(rows[top], minlength=share.shape[0])
    label = np.full(share.shape[0], classes, dtype=np.int64)
    label[rows[top]] = share.indices[top]
    label[ways != 1] = classes
    return label


def _runs(
    worker: np.ndarray, value: np.ndarray, label: np.ndarray, workers: int, classes: int
) -> np.ndarray:
    """Z of R (W,), from sequences sorted by worker and time; NaN below two answers."""
    n = np.bincount(worker, minlength=workers)
    _, stratum = np.unique(worker * (classes + 1) + label, return_inverse=True)
    size = np.bincount(stratum)
    share = scale_rows(incidence(stratum, value, (len(size), classes)), 1 / size)
    q = sparse.csr_array(share[stratum])
    same = worker[1:] == worker[:-1]
    equal = same & (value[1:] == value[:-1])
    one, two = q[:-1], q[1:]
    product = row_products(one, two)
    within = stratum[1:] == stratum[:-1]
    several = np.maximum(size[stratum[1:]] - 1, 1)
    mean = np.where(within, (size[stratum[1:]] * product - 1) / several, product)
    # tr((diag(a) − aaᵀ)(diag(b) − bbᵀ))
    mixed = product - row_products(one, two, two) - row_products(one, one, two) + np.square(product)
    left, right = np.append(False, same), np.append(same, False)
    beside = sparse.csr_array(
        _shifted(q, -1, left.astype(np.float64)) + _shifted(q, 1, right.astype(np.float64))
    )
    usual = scale_rows(
        incidence(stratum, np.arange(len(stratum)), (len(size), len(stratum))), 1 / size
    )
    average = sparse.csr_array(sparse.csr_array(usual @ beside)[stratum])
    linear = (
        row_products(q, beside, beside)
        - 2 * row_products(q, beside, average)
        + row_products(q, average, average)
        - np.square(row_products(q, beside) - row_products(q, average))
    )
    variance = np.bincount(worker, weights=linear, minlength=workers)
    variance += np.bincount(worker[1:][same], weights=mixed[same], minlength=workers)
    expected = np.bincount(worker[1:][same], weights=mean[same], minlength=workers)
    observed = np.bincount(worker[1:][equal], minlength=workers)
    varies = variance > _LEAST_VARIANCE * np.maximum(n, 1)
    spread = np.sqrt(np.maximum(variance, 0))
    z = np.divide(observed - expected, spread, out=np.zeros(workers), where=varies)
    z[n < 2] = np.nan
    return z


def _shifted(q: sparse.csr_array, step: int, keep: np.ndarray) -> sparse.csr_array:
    """Row t becomes row t + step of q where keep is 1, nothing where it is 0."""
    at = np.clip(np.arange(q.shape[0]) + step, 0, max(q.shape[0] - 1, 0))
    return scale_rows(q[at], keep)


def _longest(worker: np.ndarray, value: np.ndarray, workers: int) -> np.ndarray:
    new = np.ones(len(worker), dtype=bool)
    new[1:] = (worker[1:] != worker[:-1]) | (value[1:] != value[:-1])
    start = np.flatnonzero(new)
    length = np.diff(np.append(start, len(worker)))
    found = np.zeros(workers, dtype=np.int64)
    np.maximum.at(found, worker[start], length)
    return found
