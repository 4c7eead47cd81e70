"""Answers that follow a pattern instead of the items: one class only, or long runs of it.

Both are compared with what the *others* said on the same items in the same order, so that a
lopsided project or a queue sorted by class flags nobody. For answer t of a worker let q_t(c) be
the other workers' share of class c on that item, mixed with the worker's own habits m(c):
q_t = (1 − λ) share + λ m, λ = 0.2.

One class (low entropy): with n_c answers of class c and e_c = Σ_t q_t(c),

    z = max_c (n_c − e_c) / √(Σ_t q_t(c)(1 − q_t(c)) (1 + n τ²))

A worker's habit differs from the crowd's; τ = 0.1 is the spread of honest habits that is
allowed for. `entropy` is −Σ p ln p of the worker's answers over ln C, and `entropy_expected`
that of e.

Straight-lining (the runs test with the order of items): E, the number of equal neighbours in the
worker's sequence, has mean Σ_t p_t, p_t = Σ_c q_t(c) q_{t+1}(c), and variance
Σ p_t(1 − p_t) + 2 Σ (Σ_c q_t q_{t+1} q_{t+2} − p_t p_{t+1}); here q is scaled, class by class,
to the worker's own totals first, so that a habit alone makes no run. With q the worker's own
shares on every item this is the runs test of A. M. Mood, "The distribution theory of runs", Annals
of Mathematical Statistics 11 (1940). Positive z: longer runs than the items explain; negative z:
alternation.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

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
_RAKING = 5
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


def patterns(answers: Answers, *, order: np.ndarray | None = None) -> Patterns:
    """order float64 or int64 (n,): when each answer was given, as numbers that rise within a
    worker; ties are broken by item, which no pattern can exploit. Without it runs are NaN.
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
        raked = _raked(crowd, answers.worker, of_worker, given)
        runs = _runs(answers.worker[sequence], answers.value[sequence], raked[sequence], n)
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


def _raked(
    crowd: sparse.csr_array,
    worker: np.ndarray,
    of_worker: sparse.csr_array,
    given: sparse.csr_array,
) -> sparse.csr_array:
    """Rows scaled class by class until a worker's expected totals are the worker's own totals."""
    for _ in range(_RAKING):
        expected = sparse.csr_array(of_worker @ crowd)
        inverse = expected.copy()
        inverse.data = np.divide(
            1, expected.data, out=np.zeros_like(expected.data), where=expected.data > 0
        )
        factor = sparse.csr_array(given.multiply(inverse))
        crowd = shares(sparse.csr_array(crowd.multiply(factor[worker])))
    return crowd


def _runs(worker: np.ndarray, value: np.ndarray, q: sparse.csr_array, n: np.ndarray) -> np.ndarray:
    same = worker[1:] == worker[:-1]
    equal = same & (value[1:] == value[:-1])
    p = row_products(q[:-1], q[1:])
    mean = np.bincount(worker[1:][same], weights=p[same], minlength=len(n))
    variance = np.bincount(worker[1:][same], weights=(p * (1 - p))[same], minlength=len(n))
    if len(worker) > 2:
        three = same[1:] & same[:-1]
        covariance = row_products(q[:-2], q[1:-1], q[2:]) - p[:-1] * p[1:]
        variance += 2 * np.bincount(worker[2:][three], weights=covariance[three], minlength=len(n))
    observed = np.bincount(worker[1:][equal], minlength=len(n))
    varies = variance > _LEAST_VARIANCE * np.maximum(n, 1)
    z = np.divide(
        observed - mean, np.sqrt(np.maximum(variance, 0)), out=np.zeros(len(n)), where=varies
    )
    z[n < 2] = np.nan
    return z


def _longest(worker: np.ndarray, value: np.ndarray, workers: int) -> np.ndarray:
    new = np.ones(len(worker), dtype=bool)
    new[1:] = (worker[1:] != worker[:-1]) | (value[1:] != value[:-1])
    start = np.flatnonzero(new)
    length = np.diff(np.append(start, len(worker)))
    found = np.zeros(workers, dtype=np.int64)
    np.maximum.at(found, worker[start], length)
    return found
