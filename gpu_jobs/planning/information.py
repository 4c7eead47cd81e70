"""How much an answer would teach, and what it costs: the next item is the most bits per cent.

For an item with posterior T (C,) and a worker with confusion matrix π, the answer v comes with
P(v) = Σ_k T_k π_kv and leaves T_k π_kv / P(v). The expected information is the mutual information

    G = H(T) − Σ_v P(v) H(T | v)    bits, never below 0

(D. V. Lindley, "On a measure of the information provided by an experiment", Annals of Mathematical
Statistics 27, 1956). Divided by the price of the answer it orders items, and people for an item.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError


@dataclass(frozen=True)
class Ranking:
    """item int64 (r,): open items, the best first; gain: bits; per_cent: bits per minor unit."""

    item: np.ndarray
    gain: np.ndarray
    per_cent: np.ndarray


def entropy(posterior: np.ndarray) -> np.ndarray:
    """(…,) in bits, of distributions (…, C)."""
    safe = np.maximum(posterior, np.finfo(float).tiny)
    return np.asarray(-(posterior * np.log2(safe)).sum(axis=-1))


def expected_information(posterior: np.ndarray, error: np.ndarray) -> np.ndarray:
    """G (i,) of posteriors (i, C) and one matrix (C, C), row the truth, column the answer."""
    left = np.zeros(len(posterior))
    for answer in range(error.shape[1]):
        joint = posterior * error[:, answer]
        chance = joint.sum(axis=1)
        after = np.divide(
            joint, chance[:, None], out=np.zeros_like(joint), where=chance[:, None] > 0
        )
        left += chance * entropy(after)
    return np.maximum(entropy(posterior) - left, 0)


def next_items(
    posterior: np.ndarray,
    error: np.ndarray,
    cost: np.ndarray,
    *,
    open_items: np.ndarray,
    answers: np.ndarray,
) -> Ranking:
    """Open items by bits per cent for this worker.

    cost float64 (I,): minor units, above 0. open_items bool (I,): not stopped, not answered by
    this worker yet. answers (I,): so far; of equal items the one with fewest comes first, then the
    order given. Raises InputError for a cost that is not above 0.
    """
    which = np.flatnonzero(open_items)
    if np.any(cost[which] <= 0):
        raise InputError("what an answer costs must be above 0")
    gain = expected_information(posterior[which], error)
    per_cent = gain / cost[which]
    # Gains that differ by rounding only are equal.
    order = np.lexsort((which, answers[which], -np.round(per_cent, 12)))
    return Ranking(item=which[order], gain=gain[order], per_cent=per_cent[order])
