"""One coin a worker: right with probability a_w, else any other class, each as likely.

    P(v | k) = a_w if v = k, else (1 − a_w) / (C − 1)
    E: T_ik ∝ p_k Π_{answers v of w to i} P(v | k)        M: a_w = mean over w's answers of T_iv

Source: Y. Zhang, X. Chen, D. Zhou, M. I. Jordan, "Spectral methods meet EM", JMLR 17 (2016), and
the one-coin model of Dawid & Skene (1979). Started from the majority's shares. One number a
worker, so it stands thin crowds that a confusion matrix overfits; it can collapse where errors
lean one way. `hits` and `misses` are pseudo-answers (a Beta prior) that keep a worker of few
answers near the crowd; 0 gives the maximum of the likelihood.

With `shared` all workers have the same accuracy. Its most probable class is the majority's
(where a > 1/C), so it is the model behind a plain vote, and gives the vote a likelihood.

Stop rules: `em`. Shapes: I items, W workers, C classes, K cells; O(answers) a step.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs import backend
from gpu_jobs.aggregation import em
from gpu_jobs.aggregation.em import MAX_ITER, SMOOTHING, STOPS, TOL
from gpu_jobs.aggregation.labels import Labels
from gpu_jobs.aggregation.posterior import Posterior, from_shares, posterior
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.backend import Array
from gpu_jobs.contracts import InputError


@dataclass(frozen=True)
class OneCoin:
    """posterior: by cell. accuracy float64 (W,): a_w. priors (C,)."""

    labels: Labels
    posterior: Posterior
    accuracy: np.ndarray
    iterations: int
    converged: bool
    log_likelihood: float

    @property
    def priors(self) -> np.ndarray:
        return self.posterior.priors

    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that the class of item[j] is value[j]."""
        return self.posterior.at(item, value)

    def predictive(self, item: np.ndarray, worker: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that worker[j] answers item[j] with value[j]."""
        right, hit = self.posterior.at(item, value), self.accuracy[worker]
        others = max(self.posterior.tally.classes - 1, 1)
        return right * hit + (1 - right) * (1 - hit) / others


def one_coin(
    answers: Answers,
    *,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
    stop: str = STOPS[0],
    hits: float = 0.0,
    misses: float = 0.0,
    shared: bool = False,
    tally: Tally | None = None,
) -> OneCoin:
    """Fit to all answers, or to those of `tally`. Raises InputError for negative pseudo-answers."""
    em.check(max_iter, tol, stop)
    if not (hits >= 0 and misses >= 0):
        raise InputError("hits and misses must be 0 or more")
    tally = tally or Tally.of(answers)
    fit = _Em(tally, hits, misses, shared=shared)
    fit.maximise(from_shares(tally))
    has_prior = hits + misses > 0
    rule = fit.crowd_kit_bound if stop == "crowd-kit" and not has_prior else fit.log_posterior

    def step() -> float:
        fit.maximise(fit.expect())
        return rule()

    done = em.climb(step, answers=len(tally), max_iter=max_iter, tol=tol)
    last = fit.last.on_host()
    return OneCoin(
        labels=last.labels(answers),
        posterior=last,
        accuracy=fit.backend.numpy(fit.accuracy),
        iterations=done.iterations,
        converged=done.converged,
        log_likelihood=fit.log_likelihood(),
    )


class _Em:
    def __init__(self, tally: Tally, hits: float, misses: float, *, shared: bool) -> None:
        self.backend = backend.pick()
        self.xp = self.backend.xp
        self.tally, self.shared = tally, shared
        self.hits, self.misses = hits, misses
        self.others = max(tally.classes - 1, 1)
        self.given = self.backend.array(tally.of_worker.astype(np.float64))
        self.last = from_shares(tally)
        self.accuracy = self.backend.full(tally.workers, 0.0)
        self.priors = self.backend.full(tally.classes, 0.0)

    def maximise(self, now: Posterior) -> None:
        xp, right, given = self.xp, self.tally.workers_of_cells.spread(now.of_cell), self.given
        if self.shared:
            right, given = (xp.full_like(each, float(each.sum())) for each in (right, given))
        total = given + self.hits + self.misses
        mean = xp.where(total > 0, (right + self.hits) / xp.where(total > 0, total, 1.0), 0.5)
        self.accuracy = xp.clip(mean, min=SMOOTHING, max=1 - SMOOTHING)
        self.priors = now.class_means()
        self.last = now

    def expect(self) -> Posterior:
        """Wrong by chance is the common measure: a cell scores what being right says beyond it."""
        return posterior(self.tally, self.tally.workers_of_cells.sum(self._odds()), self.priors)

    def _log_miss(self) -> Array:
        return self.xp.log((1 - self.accuracy) / self.others)

    def _odds(self) -> Array:
        return self.xp.log(self.accuracy) - self._log_miss()

    def _chance(self) -> float:
        """Σ over answers of ln P(a given wrong answer)."""
        return float(self.given @ self._log_miss())

    def log_likelihood(self) -> float:
        return float(self.expect().log_norm.sum()) + self._chance() if len(self.tally) else 0.0

    def log_posterior(self) -> float:
        xp = self.xp
        prior = self.hits * xp.log(self.accuracy) + self.misses * xp.log(1 - self.accuracy)
        return self.log_likelihood() + float(prior[:1].sum() if self.shared else prior.sum())

    def crowd_kit_bound(self) -> float:
        """As `em` says, with the posterior before the M-step and the parameters after it."""
        tally, now = self.tally, self.last.on_host()
        scores = self.backend.numpy(tally.workers_of_cells.sum(self._odds()))
        joint = self._chance() + float(now.of_cell @ scores)
        log_priors = np.log(np.maximum(self.backend.numpy(self.priors), SMOOTHING))
        weighted, size = 0.0, tally.of_item
        cells = tally.cells
        for k in range(tally.classes):
            mass = now.priors[k] * now.scale
            mine = cells.value == k
            mass[cells.owner[mine]] = now.of_cell[mine]
            joint += float(size @ mass) * log_priors[k]
            clipped = np.maximum(mass, SMOOTHING)
            weighted += float(clipped @ np.log(clipped))
        return joint - weighted
