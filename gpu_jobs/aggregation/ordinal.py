"""Ordered classes: each contributor has a bias and a spread, in steps of the scale.

    P(answer v | truth k, w) = Φ(v + ½ − k − b_w; s_w) − Φ(v − ½ − k − b_w; s_w),
                               the lowest and the highest class take the tails
    E: T_ik ∝ p_k Π_{answers v of w to i} P(v | k, w)
    M: (b_w, s_w) the best of a grid of BIASES × SPREADS, under a normal prior on b_w and ln s_w

A worker's C × C confusion matrix in two numbers: near misses are likelier than far ones, and who
is always a class too high is read a class lower. The M-step over a grid is exact, so the
log-posterior never falls. Classes stand one step apart, in the order of `Answers`.

Source: the latent scale is that of P. McCullagh, "Regression models for ordinal data", JRSS B 42
(1980), with the annotators' biases and spreads of V. Raykar et al., JMLR 11 (2010), section 4.

Shapes: I items, W workers, P pairs, C classes, G points of the grid; O(n·C + W·G·C²) a step, in
blocks of workers.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import ndtr

from gpu_jobs.aggregation import em
from gpu_jobs.aggregation.dawid_skene import CELLS, TooLargeError
from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers

BIASES = np.linspace(-2, 2, 17)
SPREADS = np.geomspace(0.2, 4.0, 14)
BIAS_PRIOR, SPREAD_PRIOR = 0.5, 0.75
"""Standard deviations of b_w, in steps, and of ln s_w about ln 0.7."""
TYPICAL = 0.7
_LEAST = 1e-6


@dataclass(frozen=True)
class Ordinal:
    """posterior float64 (I, C). bias, spread float64 (W,): in steps of the scale. priors (C,).
    expected float64 (I,): mean place, from 0. log_posterior: what the iterations raise.
    """

    labels: Labels
    posterior: np.ndarray
    expected: np.ndarray
    priors: np.ndarray
    bias: np.ndarray
    spread: np.ndarray
    iterations: int
    converged: bool
    log_likelihood: float
    log_posterior: float


def ordinal(
    answers: Answers,
    *,
    max_iter: int = em.MAX_ITER,
    tol: float = em.TOL,
    tally: Tally | None = None,
) -> Ordinal:
    """Fit; the order of the classes is that of `answers.classes`. Raises TooLargeError."""
    em.check(max_iter, tol)
    tally = tally or Tally.of(answers)
    cells = (tally.items + len(tally.pairs)) * tally.classes
    if cells > CELLS:
        raise TooLargeError(f"ordered classes need {cells:,} numbers, more than {CELLS:,}")
    fit = _Fit(tally)
    fit.maximise()

    def step() -> float:
        fit.expect()
        fit.maximise()
        return fit.log_posterior()

    done = em.climb(step, answers=len(tally), max_iter=max_iter, tol=tol)
    log_posterior = fit.log_posterior() if len(tally) else 0.0
    if len(tally):
        fit.expect()
    top = fit.posterior.max(axis=0, initial=0)
    value, item = np.nonzero(fit.posterior >= top - 1e-6)
    return Ordinal(
        labels=choose(item, value, fit.posterior[value, item], answers),
        posterior=fit.posterior.T,
        expected=np.arange(tally.classes) @ fit.posterior,
        priors=fit.priors,
        bias=BIASES[fit.point // len(SPREADS)],
        spread=SPREADS[fit.point % len(SPREADS)],
        iterations=done.iterations,
        converged=done.converged,
        log_likelihood=fit.log_likelihood,
        log_posterior=log_posterior,
    )


def chances(classes: int) -> np.ndarray:
    """float64 (G, C, C): P(answer | truth) at each point of the grid: row the truth."""
    bias, spread = np.repeat(BIASES, len(SPREADS)), np.tile(SPREADS, len(BIASES))
    edge = np.arange(classes + 1) - 0.5
    edge[0], edge[-1] = -np.inf, np.inf
    centre = np.arange(classes)[:, None] + bias[:, None, None]
    below = ndtr((edge - centre) / spread[:, None, None])
    chance = np.maximum(np.diff(below, axis=2), _LEAST)
    return chance / chance.sum(axis=2, keepdims=True)


class _Fit:
    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.log_chance = np.log(chances(tally.classes)) if tally.classes else np.zeros((1, 0, 0))
        bias, spread = np.repeat(BIASES, len(SPREADS)), np.tile(SPREADS, len(BIASES))
        off = np.square(bias / BIAS_PRIOR) + np.square(np.log(spread / TYPICAL) / SPREAD_PRIOR)
        self.log_prior = -off / 2
        self.posterior = tally.dense(tally.shares)
        self.point = np.zeros(tally.workers, dtype=np.int64)
        self.priors = np.zeros(tally.classes)
        self.log_likelihood = 0.0

    def maximise(self) -> None:
        tally, pairs = self.tally, self.tally.pairs
        score = np.tile(self.log_prior, (tally.workers, 1))
        shape = (tally.workers, tally.classes)
        for k in range(tally.classes):
            mass = tally.pairs_of_items.spread(self.posterior[k])
            table = sparse.csr_array((mass, pairs.value, pairs.first), shape=shape)
            score += table @ self.log_chance[:, k, :].T
        # Equal but for rounding: the first, so that the order of sums chooses nothing.
        best = score.max(axis=1, initial=-np.inf, keepdims=True)
        self.point = np.argmax(score >= best - 1e-9 * np.abs(best), axis=1)
        self.priors = self.posterior.sum(axis=1) / max(tally.items, 1)

    def _joint(self) -> np.ndarray:
        tally, pairs = self.tally, self.tally.pairs
        log_error = self.log_chance[self.point[pairs.owner], :, pairs.value]
        joint = np.stack(
            [tally.pairs_of_items.sum(np.ascontiguousarray(row)) for row in log_error.T]
        )
        return joint + np.log(np.maximum(self.priors, em.SMOOTHING))[:, None]

    def expect(self) -> None:
        joint = self._joint()
        top = joint.max(axis=0)
        joint -= top
        np.exp(joint, out=joint)
        total = joint.sum(axis=0)
        self.posterior = joint / total
        self.log_likelihood = float((np.log(total) + top).sum())

    def log_posterior(self) -> float:
        joint = self._joint()
        top = joint.max(axis=0)
        total = np.exp(joint - top).sum(axis=0)
        return float((np.log(total) + top).sum() + self.log_prior[self.point].sum())
