"""Bradley–Terry with ties, and a reliability for each contributor: strengths from comparisons.

    P(a wins) = e^{θ_a}/D,  P(b wins) = e^{θ_b}/D,  P(tie) = ν e^{(θ_a + θ_b)/2}/D,  D = their sum
    what w says = that, with probability η_w; else the same with a and b exchanged

Climbed by L-BFGS: Σ over comparisons of ln P, plus ln N(θ; 0, SPREAD²) (so that who never lost
has a finite strength, and strengths have mean zero), plus ln Beta(η; HITS + 1, MISSES + 1) (so
that the crowd is right rather than wrong, and who said little is trusted about as the prior). The
data tell the size of all strengths and the level of all reliabilities badly apart: a crowd that
errs more among competitors that differ more says nearly the same. Orders and ratios of strengths
are firmer than their size, and the deviations, which take η as known, are too narrow for it.

Sources: R. Bradley, M. Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952);
ties: R. Davidson, JASA 65 (1970); η: X. Chen, P. Bennett, K. Collins-Thompson, E. Horvitz,
"Pairwise ranking aggregation in a crowdsourced setting", WSDM (2013).

A ranking enters as all its pairs of objects, each once (`pairs_of_rankings`); that is consistent,
but its pairs are not independent, so intervals are then too narrow.

Shapes: n comparisons, M competitors, W workers; O(n) a step, and M × M once for the intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gpu_jobs.contracts import InputError

FIRST, SECOND, TIE = 0, 1, 2
SPREAD = 3.0
HITS, MISSES = 4.0, 1.0
MAX_ITER = 500
TOL = 1e-9
INTERVALS = 2_000
"""No intervals for more competitors: they need the inverse of a matrix of that size."""


@dataclass(frozen=True)
class BradleyTerry:
    """strength float64 (M,): θ, mean zero. deviation float64 (M,): of θ, from the curvature at
    the maximum with η and ν as found; NaN-free, None above INTERVALS. reliability float64 (W,): η.
    tie: ν. log_likelihood: of the comparisons.
    """

    strength: np.ndarray
    deviation: np.ndarray | None
    reliability: np.ndarray
    tie: float
    iterations: int
    converged: bool
    log_likelihood: float


def bradley_terry(
    first: np.ndarray,
    second: np.ndarray,
    outcome: np.ndarray,
    worker: np.ndarray,
    *,
    competitors: int,
    workers: int,
    max_iter: int = MAX_ITER,
) -> BradleyTerry:
    """Strengths from n comparisons: competitors first[j] and second[j], outcome[j] FIRST, SECOND
    or TIE, said by worker[j]; all int64 (n,). Raises InputError for a competitor against itself.
    """
    if np.any(first == second):
        raise InputError("a competitor is compared with itself")
    fit = _Fit(first, second, outcome, worker, competitors, workers)
    start = np.concatenate(
        [np.zeros(competitors), np.full(workers, np.log(HITS / MISSES)), np.zeros(1)]
    )
    size = max(len(first), 1)

    def falling(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = fit.rise(point)
        return -value / size, -gradient / size

    options = {"maxiter": max_iter, "ftol": TOL, "gtol": 1e-9, "maxls": 50}
    found = minimize(falling, start, jac=True, method="L-BFGS-B", options=options)
    strength, logit, log_tie = fit.parts(found.x)
    fit.rise(found.x)
    return BradleyTerry(
        strength=strength - (strength.mean() if competitors else 0.0),
        deviation=fit.deviations(found.x) if 0 < competitors <= INTERVALS else None,
        reliability=1 / (1 + np.exp(-logit)),
        tie=float(np.exp(log_tie)) if np.any(outcome == TIE) else 0.0,
        iterations=int(found.nit),
        converged=bool(found.nit < max_iter),
        log_likelihood=fit.log_likelihood,
    )


def pairs_of_rankings(
    rank: np.ndarray, competitor: np.ndarray, ranking: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """first, second, outcome and ranking of every pair of objects within each ranking.

    rank, competitor, ranking: int64 (n,), a line an object that a ranking names; a lower rank is
    better, equal ranks are ties.
    """
    order = np.lexsort((competitor, ranking))
    rank, competitor, ranking = rank[order], competitor[order], ranking[order]
    _, start, size = np.unique(ranking, return_index=True, return_counts=True)
    after = np.repeat(start + size, size) - np.arange(len(ranking)) - 1
    left = np.repeat(np.arange(len(ranking)), after)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(after) - after, after)
    outcome = np.where(
        rank[left] == rank[right], TIE, np.where(rank[left] < rank[right], FIRST, SECOND)
    )
    return competitor[left], competitor[right], outcome, ranking[left]


def order_of(strength: np.ndarray, names: Sequence[str]) -> list[int]:
    """Competitors from the strongest; equal ones by name."""
    return sorted(range(len(names)), key=lambda i: (-strength[i], names[i]))


class _Fit:
    def __init__(
        self,
        first: np.ndarray,
        second: np.ndarray,
        outcome: np.ndarray,
        worker: np.ndarray,
        competitors: int,
        workers: int,
    ) -> None:
        self.first, self.second, self.outcome, self.worker = first, second, outcome, worker
        self.competitors, self.workers = competitors, workers
        self.tied = outcome == TIE
        self.log_likelihood = 0.0

    def parts(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        cut = self.competitors
        return point[:cut], point[cut : cut + self.workers], float(point[-1])

    def _chances(self, strength: np.ndarray, log_tie: float) -> np.ndarray:
        """float64 (3, n): P(first), P(second), P(tie)."""
        half = (strength[self.first] - strength[self.second]) / 2
        # Without a tie in the data there is no third outcome.
        third = np.full_like(half, log_tie if self.tied.any() else -np.inf)
        score = np.stack([half, -half, third])
        score = np.exp(score - score.max(axis=0, initial=-np.inf))
        return score / score.sum(axis=0)

    def rise(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-posterior and its gradient."""
        strength, logit, log_tie = self.parts(point)
        win, lose, tie = self._chances(strength, log_tie)
        eta_of = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
        eta = eta_of[self.worker]
        said_first = self.outcome == FIRST
        plain = np.where(said_first, win, lose)
        turned = np.where(said_first, lose, win)
        chance = np.where(self.tied, tie, eta * plain + (1 - eta) * turned)
        chance = np.maximum(chance, 1e-300)
        self.log_likelihood = float(np.log(chance).sum())
        right = np.where(self.tied, 0.5, eta * plain / chance)
        # d ln P / dθ_first: chosen gets ½, tie 0, less the mean ½(win − lose) either way.
        sign = np.where(said_first, 0.5, -0.5) * (2 * right - 1)
        slope = np.where(self.tied, 0.0, sign) - (win - lose) / 2
        by_strength = np.bincount(self.first, slope, self.competitors).astype(np.float64)
        by_strength -= np.bincount(self.second, slope, self.competitors)
        by_tie = float((self.tied - tie).sum())
        gain = np.where(self.tied, 0.0, right - eta)
        by_logit = np.bincount(self.worker, gain, self.workers).astype(np.float64)
        by_logit += HITS - (HITS + MISSES) * eta_of
        value = self.log_likelihood - float(strength @ strength) / (2 * SPREAD**2)
        value += float((HITS * np.log(eta_of) + MISSES * np.log1p(-eta_of)).sum())
        value -= log_tie**2 / (2 * SPREAD**2)
        gradient = np.concatenate(
            [by_strength - strength / SPREAD**2, by_logit, [by_tie - log_tie / SPREAD**2]]
        )
        return value, gradient

    def deviations(self, point: np.ndarray) -> np.ndarray:
        """From the expected information about strengths, each comparison by what its worker is
        worth: (2η − 1)².
        """
        strength, logit, log_tie = self.parts(point)
        win, lose, tie = self._chances(strength, log_tie)
        worth = np.square(2 / (1 + np.exp(-logit)) - 1)[self.worker]
        weight = (win + lose - np.square(win - lose)) / 4 * np.where(tie < 1, worth, 0)
        size = self.competitors
        matrix = np.zeros((size, size))
        np.add.at(matrix, (self.first, self.second), -weight)
        matrix += matrix.T
        matrix[np.diag_indices(size)] = -matrix.sum(axis=1) + 1 / SPREAD**2
        covariance = np.linalg.inv(matrix)
        # Of strengths with their mean taken out.
        centred = covariance - covariance.mean(axis=0) - covariance.mean(axis=1)[:, None]
        return np.sqrt(np.maximum(np.diag(centred + covariance.mean()), 0))
