"""Gold score: how often a worker was right where the right answer is known.

    q = (K + s) / (2K + n),   K = 0.5,   s = Σ scores of the n gold answers, each in [0, 1]

the mean of Beta(K + s, K + n − s), the posterior of the worker's accuracy under the prior
Beta(K, K); K = 0.5 is Jeffreys' prior (L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation
for a binomial proportion", Statistical Science 16, 2001). low and high: the 5% and 95% quantiles,
a two-sided 90% interval. lower: the 10% quantile, the one-sided lower 90% bound that the pay
rules compare with the published bar. Below 8 gold answers it is not decisive: nothing may rest
on it.

A choice scores 1 or 0. Any other type scores 1 − distance to the gold, the distance in [0, 1]. The
same posterior then speaks of the mean score: a score in [0, 1] varies at most as much as a coin
with its mean, so the interval is never too narrow for it, and usually too wide.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from gpu_jobs import svg
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

K = 0.5
DECISIVE = 8
SHOWN = 40


@dataclass(frozen=True)
class GoldScores:
    """Arrays (W,) in the order of `Answers.workers`; without gold q = 0.5 and nothing decides.

    correct: Σ of the scores, whole numbers for choices.
    """

    correct: np.ndarray
    gold: np.ndarray
    q: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lower: np.ndarray
    decisive: np.ndarray

    def plot(self, workers: list[str]) -> str:
        """SVG of q with its interval for the workers with most gold, at most SHOWN."""
        order = np.lexsort((np.arange(len(self.q)), -self.q, -self.gold))[:SHOWN]
        rows = [
            svg.Bar(
                f"{workers[w]} ({int(self.gold[w])})",
                float(self.q[w]),
                float(self.low[w]),
                float(self.high[w]),
            )
            for w in order.tolist()
            if self.gold[w]
        ]
        return svg.bars("Gold score and its 90% interval (gold answers)", rows)


@dataclass(frozen=True)
class SkillScores:
    """A line for each (worker, skill) that met gold: arrays (s,), sorted by worker, then skill."""

    worker: np.ndarray
    skill: np.ndarray
    scores: GoldScores


def gold_scores(answers: Answers, *, k: float = K, decisive: int = DECISIVE) -> GoldScores:
    """Scores of all workers; each answer to a gold item counts, repeats that were kept too."""
    known = answers.gold[answers.item] != NO_GOLD
    right = known & (answers.gold[answers.item] == answers.value)
    size = len(answers.workers)
    gold = np.bincount(answers.worker[known], minlength=size)
    correct = np.bincount(answers.worker[right], minlength=size)
    return _posterior(correct, gold, k=k, decisive=decisive)


def score_posterior(
    group: np.ndarray,
    score: np.ndarray,
    groups: int,
    *,
    k: float = K,
    decisive: int = DECISIVE,
) -> GoldScores:
    """As `gold_scores`, from scores of any task type.

    group int64 (n,) below `groups`; score float64 (n,) in [0, 1], 1 − distance, NaN where the
    item has no gold. Raises InputError for a score outside [0, 1].
    """
    known = ~np.isnan(score)
    if np.any((score[known] < 0) | (score[known] > 1)):
        raise InputError("a gold score must lie between 0 and 1: it is 1 minus a distance")
    gold = np.bincount(group[known], minlength=groups)
    correct = np.bincount(group[known], weights=score[known], minlength=groups)
    # Sums of many thirds may pass n by a rounding.
    return _posterior(np.minimum(correct, gold), gold, k=k, decisive=decisive)


def scores_by_skill(
    worker: np.ndarray,
    skill: np.ndarray,
    score: np.ndarray,
    *,
    k: float = K,
    decisive: int = DECISIVE,
) -> SkillScores:
    """A posterior for each worker and skill. worker, skill int64 (n,), score as above."""
    known = ~np.isnan(score)
    skills = int(skill.max(initial=0)) + 1
    keys, group = np.unique(worker[known] * skills + skill[known], return_inverse=True)
    found = score_posterior(group, score[known], len(keys), k=k, decisive=decisive)
    return SkillScores(worker=keys // skills, skill=keys % skills, scores=found)


def lower_bound(correct: float, gold: int, *, k: float = K) -> float:
    """The one-sided lower 90% bound of one worker, as `lower` of a run; gold above 0."""
    return float(_posterior(np.array([correct]), np.array([gold]), k=k, decisive=DECISIVE).lower[0])


def choice_scores(answers: Answers) -> np.ndarray:
    """float64 (n,): 1 where an answer equals the gold, 0 where not, NaN without gold."""
    gold = answers.gold[answers.item]
    return np.where(gold == NO_GOLD, np.nan, (gold == answers.value).astype(np.float64))


def _posterior(correct: np.ndarray, gold: np.ndarray, *, k: float, decisive: int) -> GoldScores:
    if not k > 0:
        raise InputError("the standing prior K must be above 0")
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
