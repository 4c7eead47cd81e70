"""Gold score: how often a worker was right where the right answer is known.

    q = (K + correct) / (2K + gold),   K = 0.5

the mean of Beta(K + correct, K + gold − correct), the posterior of the worker's accuracy under
the prior Beta(K, K); K = 0.5 is Jeffreys' prior (L. D. Brown, T. T. Cai, A. DasGupta, "Interval
estimation for a binomial proportion", Statistical Science 16, 2001). low and high: the 5% and
95% quantiles, a two-sided 90% interval. lower: the 10% quantile, the one-sided lower 90% bound
that the pay rules compare with the published bar. Below 8 gold answers it is not decisive:
nothing may rest on it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

K = 0.5
DECISIVE = 8


@dataclass(frozen=True)
class GoldScores:
    """Arrays (W,) in the order of `Answers.workers`; without gold q = 0.5 and nothing decides."""

    correct: np.ndarray
    gold: np.ndarray
    q: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lower: np.ndarray
    decisive: np.ndarray


def gold_scores(answers: Answers, *, k: float = K, decisive: int = DECISIVE) -> GoldScores:
    """Scores of all workers; each answer to a gold item counts, repeats that were kept too."""
    if not k > 0:
        raise InputError("the standing prior K must be above 0")
    known = answers.gold[answers.item] != NO_GOLD
    right = known & (answers.gold[answers.item] == answers.value)
    size = len(answers.workers)
    gold = np.bincount(answers.worker[known], minlength=size)
    correct = np.bincount(answers.worker[right], minlength=size)
    a, b = k + correct, k + gold - correct
    return GoldScores(
        correct=correct,
        gold=gold,
        q=a / (a + b),
        low=betaincinv(a, b, 0.05),
        high=betaincinv(a, b, 0.95),
        lower=betaincinv(a, b, 0.10),
        decisive=gold >= decisive,
    )
