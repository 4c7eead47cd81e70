"""Dawid–Skene: each worker has a confusion matrix, each item a hidden class, EM finds both.

    E: T_uk ∝ p_k Π_{answers (w, v) to u} π^w_kv      M: p_k = mean_u T_uk,
                                                         π^w_kv ∝ Σ_{u: w said v} T_uk + ε

Source: A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using
the EM algorithm", Applied Statistics 28 (1979). Conventions are those of crowd-kit 1.4.2
(D. Ustalov, N. Pavlichenko, B. Tseitlin, JOSS 9(96), 2024): started from the majority's shares,
at most 100 iterations, ε = 1e-10 only to keep logarithms finite. Here ε goes into each of the
C × C cells, so a worker who never met class k is taken to answer it at random.

With a prior (method "dawid-skene-map"): Dirichlet on each row of each worker's matrix, its
pseudo-answers spread as `Prior` says, and the M-step adds them to the counts. Bayesian
combination of classifiers uses the same priors (H.-C. Kim, Z. Ghahramani, AISTATS 2012). It is
what a thin crowd needs: five answers cannot fill a 10 × 10 matrix.

The stop rules are those of `em`; "crowd-kit" is the default because the published tables come
from it. log_likelihood is always the true one. Under a prior the rule is always the
log-posterior.

Shapes: I items, P distinct (worker, answer) pairs, C classes; T (C, I) and π (C, P), class by
class in memory. Confusion matrices are kept only for the answers a worker gave, so 37,000
workers with 10 classes take megabytes; where I·C + P·C exceeds CELLS the run is refused in one
sentence. It can lose to the majority: where a crowd shares a wrong belief, EM trusts the belief.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs import backend
from gpu_jobs.aggregation import em
from gpu_jobs.aggregation.em import MAX_ITER, SMOOTHING, STOPS, TOL
from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError

CELLS = 40_000_000


class TooLargeError(InputError):
    """The posterior and the confusion matrices would not fit."""


@dataclass(frozen=True)
class Prior:
    """pseudo: float64 (C, C), pseudo-answers of every worker: row the truth, column the answer.
    spared: bool (W,), workers to whom it does not apply, or None.
    """

    pseudo: np.ndarray
    spared: np.ndarray | None = None


@dataclass(frozen=True)
class DawidSkene:
    """posterior float64 (I, C), rows sum to 1. priors (C,). error float64 (P, C): probability
    that pair_worker[p] answers pair_value[p] when the truth is class k. unmet float64 (W, C): the
    same for any one answer that the worker never gave. log_likelihood: of the whole table under
    priors and error.
    """

    labels: Labels
    posterior: np.ndarray
    priors: np.ndarray
    pair_worker: np.ndarray
    pair_value: np.ndarray
    error: np.ndarray
    prior: Prior | None
    total: np.ndarray
    iterations: int
    converged: bool
    log_likelihood: float

    def confusion(self, worker: int) -> np.ndarray:
        """(C, C): row the truth, column the answer. An answer never given has probability 0
        (with a prior: what the prior says), which leaves out at most C·ε of a row; a class never
        met shows chance on the answers that were given.
        """
        classes = self.error.shape[1]
        matrix = np.zeros((classes, classes))
        if self.prior is not None and not _is_spared(self.prior, worker):
            matrix[:] = self.prior.pseudo / self.total[worker][:, None]
        mine = self.pair_worker == worker
        matrix[:, self.pair_value[mine]] = self.error[mine].T
        return matrix

    def predictive(self, item: np.ndarray, worker: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that worker[j] answers item[j] with value[j]."""
        classes = self.error.shape[1]
        error = np.full((len(item), classes), SMOOTHING)
        if self.prior is not None:
            pseudo = self.prior.pseudo.T[value]
            if self.prior.spared is not None:
                pseudo[self.prior.spared[worker]] = 0
            error += pseudo
        error /= self.total[worker]
        keys, key = self.pair_worker * classes + self.pair_value, worker * classes + value
        if len(keys):
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            met = keys[place] == key
            error[met] = self.error[place[met]]
        return np.einsum("jk,jk->j", self.posterior[item], error)


def dawid_skene(
    answers: Answers,
    *,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
    stop: str = STOPS[0],
    prior: Prior | None = None,
    tally: Tally | None = None,
    start: np.ndarray | None = None,
) -> DawidSkene:
    """Fit to all answers, or to those of `tally`, a part of them.

    start: float64 (C, I), the posterior to begin with instead of the majority's shares. Raises
    TooLargeError before it would fill the memory.
    """
    em.check(max_iter, tol, stop)
    tally = tally or Tally.of(answers)
    pairs, items, classes = tally.pairs, tally.items, tally.classes
    if (items + len(pairs)) * classes > CELLS:
        raise TooLargeError(
            f"Dawid-Skene over {items:,} items, {tally.workers:,} workers and "
            f"{classes:,} classes needs {(items + len(pairs)) * classes:,} probabilities, "
            f"more than the {CELLS:,} allowed; use the majority"
        )
    fit = _Em(tally, prior)
    fit.maximise(tally.dense(tally.shares) if start is None else start)
    rule = fit.crowd_kit_bound if stop == "crowd-kit" and prior is None else fit.log_posterior

    def step() -> float:
        fit.expect()
        fit.maximise(fit.posterior)
        return rule()

    done = em.climb(step, answers=len(tally), max_iter=max_iter, tol=tol)
    posterior = fit.posterior.T
    log_likelihood = fit.log_likelihood()
    top = fit.posterior.max(axis=0, initial=0)
    value, item = np.nonzero(fit.posterior >= top - 1e-6)
    return DawidSkene(
        labels=choose(item, value, fit.posterior[value, item], answers),
        posterior=posterior,
        priors=fit.priors,
        pair_worker=pairs.owner,
        pair_value=pairs.value,
        error=np.exp(fit.log_error).T,
        prior=prior,
        total=fit.total.T,
        iterations=done.iterations,
        converged=done.converged,
        log_likelihood=log_likelihood,
    )


def _is_spared(prior: Prior, worker: int) -> bool:
    return prior.spared is not None and bool(prior.spared[worker])


class _Em:
    """The two steps. Arrays (C, I) and (C, P) are kept and written over from step to step."""

    def __init__(self, tally: Tally, prior: Prior | None) -> None:
        self.xp = backend.pick().xp
        self.tally, self.pairs, self.matrix = tally, tally.pairs, tally.pairs_of_items
        shape = (tally.classes, tally.items)
        self.posterior, self.following = np.zeros(shape), np.zeros(shape)
        self.evidence, self.joint = np.zeros(shape), np.zeros(shape)
        self.log_error = np.zeros((tally.classes, len(self.pairs)))
        self.priors, self.total = np.zeros(tally.classes), np.zeros((tally.classes, tally.workers))
        self.pseudo = None if prior is None else _Pseudo.of(prior, tally)
        # Of what `following` and `joint` hold: Σ over items of ln Z, and Σ T ln T.
        self.log_norm, self.weighted_log, self.is_normal = 0.0, 0.0, False

    def maximise(self, posterior: np.ndarray) -> None:
        """Priors and confusion matrices from a posterior (C, I); then what the answers of each
        item say under each class.
        """
        xp, classes = self.xp, self.tally.classes
        for k in range(classes):
            mass = self.matrix.spread(posterior[k])
            total = self.pairs.sum(mass) + classes * SMOOTHING
            if self.pseudo is not None:
                total += self.pseudo.of_worker[k]
                mass += self.pseudo.of_pair[k]
            mass += SMOOTHING
            mass /= total[self.pairs.owner]
            self.total[k] = total
            xp.log(mass, out=self.log_error[k])
            self.evidence[k] = self.matrix.sum(self.log_error[k])
        self.priors = posterior.sum(axis=1) / max(self.tally.items, 1)
        self.is_normal = False

    def expect(self) -> None:
        """The posterior under the present parameters."""
        self._normalise()
        self.posterior, self.following = self.following, self.posterior
        # `following` is now the posterior before; whoever needs the next one makes it anew.
        self.is_normal = False

    def _normalise(self) -> None:
        if self.is_normal:
            return
        xp, joint = self.xp, self.joint
        xp.add(self.evidence, self._log_priors()[:, None], out=joint)
        top = joint.max(axis=0, initial=-np.inf)
        joint -= top
        xp.exp(joint, out=self.following)
        total = self.following.sum(axis=0)
        self.following /= total
        log_total = xp.log(total)
        self.log_norm = float((log_total + top).sum())
        self.weighted_log = float(xp.vdot(self.following, joint) - log_total.sum())
        self.is_normal = True

    def _log_priors(self) -> np.ndarray:
        return self.xp.log(self.xp.maximum(self.priors, SMOOTHING))

    def log_likelihood(self) -> float:
        if not len(self.tally):
            return 0.0
        self._normalise()
        return self.log_norm

    def log_posterior(self) -> float:
        """Up to the constant of the prior."""
        found = self.log_likelihood()
        return found if self.pseudo is None else found + self.pseudo.log(self.log_error, self.total)

    def crowd_kit_bound(self) -> float:
        """The quantity of the stop rule "crowd-kit", not yet divided by the answers."""
        size = self.tally.of_item
        joint = self.xp.vdot(self.posterior, self.evidence)
        joint += (self.posterior @ size) @ self._log_priors()
        return float(joint) + em.entropy(self.posterior, self.weighted_log)


@dataclass(frozen=True)
class _Pseudo:
    """of_pair float64 (C, P), of_worker float64 (C, W): pseudo-answers of a pair and in all.
    elsewhere (C, W): those for answers that the worker never gave.
    """

    of_pair: np.ndarray
    of_worker: np.ndarray
    elsewhere: np.ndarray

    @classmethod
    def of(cls, prior: Prior, tally: Tally) -> "_Pseudo":
        pairs = tally.pairs
        applies = np.ones(tally.workers) if prior.spared is None else (~prior.spared).astype(float)
        of_pair = prior.pseudo[:, pairs.value] * applies[pairs.owner]
        of_worker = prior.pseudo.sum(axis=1)[:, None] * applies
        return cls(of_pair, of_worker, np.maximum(of_worker - pairs.sum(of_pair), 0))

    def log(self, log_error: np.ndarray, total: np.ndarray) -> float:
        return float(np.vdot(self.of_pair, log_error) - np.vdot(self.elsewhere, np.log(total)))
