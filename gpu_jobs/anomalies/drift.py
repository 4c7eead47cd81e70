"""Drift: does somebody's quality fall, somewhere along the way?

x_t = (right_t − expected_t) / √(expected_t (1 − expected_t)), brought to mean 0 and spread 1 over
the worker's answers, is a standardised residual: right_t in [0, 1] is whether, or how far, answer t
is right, expected_t what that worker's own level and that item's difficulty let one expect. The
one-sided CUSUM of falling quality is

    S_0 = 0,   S_t = max(0, S_{t−1} − x_t − k),   k = 0.25

(E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954); k is half of the fall that is
worth finding, half a standard deviation. The largest S over n answers is turned into the
probability that a steady worker reaches it, by the average run length of D. Siegmund, "Sequential
Analysis" (1985):

    ARL ≈ (e^{2k(h + 1.166)} − 2k(h + 1.166) − 1) / (2k²)      P(max S ≥ h) ≈ 1 − e^{−n/ARL}

P < 0.01 speaks. Standing at a level, even a bad one, is no drift.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.anomalies.signals import Signal, below

ALLOWANCE = 0.25
THRESHOLD = 0.01
LEAST = 20
_OVERSHOOT = 1.166
_LEAST_EXPECTED = 0.05
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class Drift:
    """Arrays (W,): answers, the peak of S, p = P(max S ≥ peak) for a steady worker (NaN without
    answers), begins: how many answers of the worker came before the fall that led to the peak.
    """

    answers: np.ndarray
    peak: np.ndarray
    p: np.ndarray
    begins: np.ndarray


def drift(
    worker: np.ndarray,
    right: np.ndarray,
    expected: np.ndarray,
    order: np.ndarray,
    *,
    workers: int,
    allowance: float = ALLOWANCE,
) -> Drift:
    """Arrays (n,): worker int64; right, expected in [0, 1]; order rises with time in a worker.

    Answers of one moment are taken best first, the cautious order, so nothing depends on rows.
    """
    n = np.bincount(worker, minlength=workers)
    level = np.clip(expected, _LEAST_EXPECTED, 1 - _LEAST_EXPECTED)
    x = (right - level) / np.sqrt(level * (1 - level))
    # A level that `expected` misses is no drift, and opinions vary less than right and wrong.
    size = np.maximum(n, 1)
    x = x - (np.bincount(worker, weights=x, minlength=workers) / size)[worker]
    spread = np.sqrt(np.bincount(worker, weights=np.square(x), minlength=workers) / size)[worker]
    x = np.divide(x, spread, out=np.zeros(len(x)), where=spread > _LEAST_SPREAD)
    sequence = np.lexsort((-x, order, worker))
    step, who = -x[sequence] - allowance, worker[sequence]
    start = np.cumsum(n) - n
    total = np.cumsum(step)
    before = total - step
    # Paths begin at 0 for each worker; S is the path minus its lowest point so far.
    path = total - before[start[who]] if len(who) else total
    floor = np.minimum(_running_least(path, who), 0)
    s = path - floor
    peak = np.zeros(workers)
    np.maximum.at(peak, who, s)
    return Drift(
        answers=n,
        peak=peak,
        p=np.where(n > 0, _probability(peak, n, allowance), np.nan),
        begins=_begins(s, who, start, peak, workers),
    )


def own_level(
    worker: np.ndarray, group: np.ndarray, right: np.ndarray, *, workers: int
) -> np.ndarray:
    """For `drift`, expected (n,): the worker's mean shifted by how hard the answer's item is.

    group int64 (n,), the item. In log-odds: worker's level + (item's level − everybody's), each
    smoothed by one answer at everybody's level; an answer is left out of its item's level.
    """
    if not len(right):
        return np.empty(0)
    overall = float(np.clip(right.mean(), _LEAST_EXPECTED, 1 - _LEAST_EXPECTED))
    of_worker = np.bincount(worker, weights=right, minlength=workers) + overall
    level = (of_worker / (np.bincount(worker, minlength=workers) + 1))[worker]
    of_item = np.bincount(group, weights=right)[group] - right + 4 * overall
    hard = of_item / (np.bincount(group)[group] - 1 + 4)
    odds = _odds(level) + _odds(hard) - _odds(np.array(overall))
    return 1 / (1 + np.exp(-odds))


def drifting(found: Drift, *, threshold: float = THRESHOLD, least: int = LEAST) -> Signal:
    return below("drift", "change", threshold, np.where(found.answers >= least, found.p, np.nan))


def _odds(share: np.ndarray) -> np.ndarray:
    inside = np.clip(share, 0.01, 0.99)
    return np.asarray(np.log(inside / (1 - inside)))


def _running_least(path: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Lowest value so far within each block of `who` (sorted)."""
    if not len(path):
        return path
    # Each block lies below all of the blocks before it, so one running minimum serves all.
    room = float(path.max() - path.min()) + 1
    _, block = np.unique(who, return_inverse=True)
    lowered = path - room * block
    return np.minimum.accumulate(lowered) + room * block


def _probability(peak: np.ndarray, n: np.ndarray, allowance: float) -> np.ndarray:
    reach = 2 * allowance * (peak + _OVERSHOOT)
    run_length = np.expm1(np.minimum(reach, 600)) - reach
    return -np.expm1(-n * 2 * allowance**2 / run_length)


def _begins(
    s: np.ndarray, who: np.ndarray, start: np.ndarray, peak: np.ndarray, workers: int
) -> np.ndarray:
    """Number of answers up to the last S = 0 before the first peak; 0 without a peak."""
    if not len(s):
        return np.zeros(workers, dtype=np.int64)
    place = np.arange(len(s))
    first = np.full(workers, len(s), dtype=np.int64)
    at_peak = (s >= peak[who]) & (s > 0)
    np.minimum.at(first, who[at_peak], place[at_peak])
    zero = (s <= 0) & (place < first[who])
    found = start.copy()
    np.maximum.at(found, who[zero], place[zero] + 1)
    return np.where(peak > 0, found - start, 0)
