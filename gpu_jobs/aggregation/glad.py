"""GLAD: abilities of workers and difficulties of items, one number each.

    P(answer of w to i is right) = σ(α_w β_i),  β_i = e^{b_i};  wrong answers are equally likely
    E: T_ik ∝ Π_{answers v of w to i} P(v | k)
    M: maximise Σ_ik T_ik Σ ln P(v | k) + ln N(α; 1, 1) + ln N(b; 1, 1)

Source: J. Whitehill, P. Ruvolo, T. Wu, J. Bergsma, J. Movellan, "Whose vote should count more",
NIPS 22 (2009). Class priors are uniform, and the priors on α and b are those of crowd-kit 1.4.2.

Whitehill's EM maximises the expectation by conjugate gradients in each M-step. Its fixed points
are those of the marginal log-posterior ln P(answers | α, b) + ln N(α) + ln N(b), whose gradient is
that of the expectation at the present posterior. So that one is climbed directly, by L-BFGS
(D. Liu, J. Nocedal, 1989), scaled by the curvature at the start: an iteration is one E-step and
one gradient, two passes over the answers, and no M-step has a loop of its own. It never falls. One
start: α = 1, b = 1, the means of the priors.

Shapes: I items, W workers, C classes, K cells. O(answers) a step.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gpu_jobs import backend
from gpu_jobs.aggregation import em
from gpu_jobs.aggregation.labels import Labels
from gpu_jobs.aggregation.posterior import Posterior, posterior
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers

MAX_ITER = 200
TOL = 1e-7
MEAN = 1.0
_FAR = 30.0
"""Beyond this argument a logistic function is 0 or 1 in double precision, or as good as."""


@dataclass(frozen=True)
class Glad:
    """ability float64 (W,): α; below zero for a worker who is mostly wrong. difficulty float64
    (I,): 1/β, the higher the harder. log_posterior: what the iterations raise.
    """

    labels: Labels
    posterior: Posterior
    ability: np.ndarray
    difficulty: np.ndarray
    iterations: int
    converged: bool
    log_likelihood: float
    log_posterior: float

    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that the class of item[j] is value[j]."""
        return self.posterior.at(item, value)

    def predictive(self, item: np.ndarray, worker: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that worker[j] answers item[j] with value[j]."""
        hit = _logistic(self.ability[worker] / self.difficulty[item])
        right = self.posterior.at(item, value)
        return right * hit + (1 - right) * (1 - hit) / max(self.posterior.tally.classes - 1, 1)


def glad(
    answers: Answers,
    *,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
    tally: Tally | None = None,
) -> Glad:
    """Fit to all answers, or to those of `tally`.

    tol: the least rise of the log-posterior, divided by the answers, that goes on.
    """
    em.check(max_iter, tol)
    tally = tally or Tally.of(answers)
    fit = _Fit(tally)
    start = np.full(tally.workers + tally.items, MEAN)
    scale = fit.curvature(start)
    # Divided by the answers, the relative tolerance of the optimizer is one an answer.
    size = max(len(tally), 1)

    def falling(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = fit.rise(scaled / scale)
        return -value / size, -gradient / scale / size

    options = {"maxiter": max_iter, "ftol": tol, "gtol": 0.0, "maxls": 50}
    found = minimize(falling, start * scale, jac=True, method="L-BFGS-B", options=options)
    point = found.x / scale
    reached, _ = fit.rise(point)
    now = fit.now.on_host()
    return Glad(
        labels=now.labels(answers),
        posterior=now,
        ability=point[: tally.workers],
        difficulty=np.exp(-point[tally.workers :]),
        iterations=int(found.nit),
        converged=bool(found.nit < max_iter),
        log_likelihood=fit.log_likelihood,
        log_posterior=reached,
    )


def log_posterior_at(tally: Tally, ability: np.ndarray, log_beta: np.ndarray) -> float:
    """What `glad` raises, at any α (W,) and b (I,): to compare another fit with it."""
    return _Fit(tally).rise(np.concatenate([ability, log_beta]))[0]


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -_FAR, _FAR)))


class _Fit:
    """A point is float64 (W + I,), in numpy: abilities α, then b."""

    def __init__(self, tally: Tally) -> None:
        self.backend = backend.pick()
        self.tally = tally
        self.others = float(np.log(max(tally.classes - 1, 1)))
        self.priors = self.backend.full(tally.classes, 1 / max(tally.classes, 1))
        self.log_likelihood = 0.0

    def curvature(self, point: np.ndarray) -> np.ndarray:
        """Square roots of the diagonal of the Hessian, of first order."""
        tally = self.tally
        ability, beta = point[: tally.workers], np.exp(point[tally.workers :])
        hit = _logistic(ability[tally.worker] * beta[tally.item])
        weight = hit * (1 - hit) * np.square(beta[tally.item])
        by_worker = np.bincount(tally.worker, weight, tally.workers)
        weight *= np.square(ability[tally.worker])
        by_item = np.bincount(tally.item, weight, tally.items)
        return np.sqrt(1 + np.concatenate([by_worker, by_item]))

    def rise(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-posterior (with the constants of both priors) and its gradient; leaves the
        posterior of the point in `now`.
        """
        tally, cells, codes = self.tally, self.tally.cells.there, self.tally.there
        xp, place, host = self.backend.xp, self.backend.array, self.backend.numpy
        ability = place(point[: tally.workers])
        beta = place(np.exp(np.clip(point[tally.workers :], -_FAR, _FAR)))
        summed = tally.workers_of_cells.sum(ability) * beta[cells.owner]
        self.now = posterior(tally, summed + cells.count * self.others, self.priors)
        beta_of = beta[codes.item]
        product = ability[codes.worker] * beta_of
        # ln of a given wrong answer: −softplus(αβ) − ln(C − 1).
        decayed = xp.exp(-xp.abs(product))
        wrong = float(xp.clip(product, min=0).sum() + xp.log1p(decayed).sum())
        self.log_likelihood = float(self.now.log_norm.sum()) - wrong - len(tally) * self.others
        off = point - MEAN
        value = self.log_likelihood - float(off @ off + len(off) * np.log(2 * np.pi)) / 2
        hit = xp.where(product >= 0, 1.0, decayed) / (1 + decayed)
        sums = self.backend.sums
        by_worker = tally.workers_of_cells.spread(self.now.of_cell * beta[cells.owner])
        by_worker -= sums(codes.worker, hit * beta_of, tally.workers)
        by_item = cells.sum(self.now.of_cell * summed)
        by_item -= sums(codes.item, hit * product, tally.items)
        return value, np.concatenate([host(by_worker), host(by_item)]) - off
