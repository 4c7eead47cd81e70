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
from gpu_jobs.aggregation.tally import Block, Tally
from gpu_jobs.answers import Answers
from gpu_jobs.backend import Array
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

    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that the class of item[j] is value[j]."""
        return np.asarray(self.posterior[item, value])

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
    bound = stop == "crowd-kit" and prior is None
    fit = _Em(tally, prior, bound=bound)
    fit.begin(tally.dense(tally.shares) if start is None else start)
    rule = fit.crowd_kit_bound if bound else fit.log_posterior

    def step() -> float:
        fit.step()
        return rule()

    done = em.climb(step, answers=len(tally), max_iter=max_iter, tol=tol)
    host = fit.backend.numpy
    posterior = host(fit.posterior)
    top = posterior.max(axis=0, initial=0)
    value, item = np.nonzero(posterior >= top - 1e-6)
    return DawidSkene(
        labels=choose(item, value, posterior[value, item], answers),
        posterior=posterior.T,
        priors=host(fit.priors),
        pair_worker=pairs.owner,
        pair_value=pairs.value,
        error=np.exp(host(fit.log_error)).T,
        prior=prior,
        total=host(fit.total).T,
        iterations=done.iterations,
        converged=done.converged,
        log_likelihood=fit.log_likelihood(),
    )


def _is_spared(prior: Prior, worker: int) -> bool:
    return prior.spared is not None and bool(prior.spared[worker])


@dataclass
class _Sums:
    """Of a posterior T (C, I), what the M-step and the stop rules need: mass (C, P), how much of
    each class the answers of a pair met; of_class (C,) Σ T; by_size (C,) Σ T times the item's
    answers; log_norm Σ ln Z; weighted_log Σ T ln T; below, how many T lie under SMOOTHING.
    """

    mass: Array
    of_class: Array
    by_size: Array
    log_norm: float = 0.0
    weighted_log: float = 0.0
    below: int = 0


class _Em:
    """The two steps, with one pass over the answers for each iteration.

    A pass takes the items block by block: what their answers say under the present parameters,
    their posterior, and what it adds to the next parameters. So a posterior is always one step
    ahead: `posterior` is the one that made the parameters, `following` the one that they make.
    With one block only there is nothing to save, and the next parameters wait until they are asked
    for.
    """

    def __init__(self, tally: Tally, prior: Prior | None, *, bound: bool) -> None:
        """bound: whether the stop rule "crowd-kit" will be asked for."""
        self.backend = backend.pick()
        self.xp, self.bound = self.backend.xp, bound
        self.tally, self.pairs = tally, tally.pairs.there
        shape = (tally.classes, tally.items)
        self.posterior = self.backend.full(shape, 0.0)
        self.following = self.backend.full(shape, 0.0)
        self.size = self.backend.array(tally.of_item.astype(np.float64))
        self.log_error = self.backend.full((tally.classes, len(tally.pairs)), 0.0)
        self.priors = self.backend.full(tally.classes, 0.0)
        self.total = self.backend.full((tally.classes, tally.workers), 0.0)
        self.pseudo = None if prior is None else _Pseudo.of(prior, tally)
        self.waits = len(tally.blocks) == 1
        self.sums = self.previous = self._nothing()
        # Σ T E over items and classes: T the posterior before, E its answers' evidence now.
        self.crossed = 0.0

    def begin(self, start: np.ndarray) -> None:
        """Parameters from a posterior (C, I) on the CPU, and the posterior that they make."""
        found, whole = self._nothing(), self.backend.array(start)
        for block in self.tally.blocks:
            self._add(found, whole[:, block.items], block)
        self._maximise(found)
        if len(self.tally):
            self._sweep()

    def step(self) -> None:
        """One iteration: the posterior of the present parameters, and parameters from it."""
        self.posterior, self.following = self.following, self.posterior
        if self.waits:
            self._add(self.sums, self.posterior, self.tally.blocks[0])
        self._maximise(self.sums)
        self._sweep()

    def _nothing(self) -> _Sums:
        classes, full = self.tally.classes, self.backend.full
        return _Sums(
            mass=full((classes, len(self.tally.pairs)), 0.0),
            of_class=full(classes, 0.0),
            by_size=full(classes, 0.0),
        )

    def _add(self, found: _Sums, posterior: Array, block: Block) -> None:
        """Posterior (C, b) of a block's items."""
        for k in range(self.tally.classes):
            found.mass[k] += block.pairs_of_items.spread(posterior[k])
        found.of_class += posterior.sum(axis=1)

    def _maximise(self, found: _Sums) -> None:
        """Priors and confusion matrices; the mass is used up."""
        classes, owner = self.tally.classes, self.pairs.owner
        for k in range(classes):
            mass = found.mass[k]
            total = self.pairs.sum(mass) + classes * SMOOTHING
            if self.pseudo is not None:
                total += self.pseudo.of_worker[k]
                mass += self.pseudo.of_pair[k]
            mass += SMOOTHING
            mass /= total[owner]
            self.total[k] = total
            self.xp.log(mass, out=self.log_error[k])
        self.priors = found.of_class / max(self.tally.items, 1)

    def _sweep(self) -> None:
        """`following` and its sums, under the present parameters."""
        xp, found, self.crossed = self.xp, self._nothing(), 0.0
        log_priors = self._log_priors()[:, None]
        for block in self.tally.blocks:
            joint = xp.stack([block.pairs_of_items.sum(row) for row in self.log_error])
            if self.bound:
                self.crossed += _dot(self.posterior[:, block.items], joint)
            joint += log_priors
            top = xp.amax(joint, axis=0)
            joint -= top
            fresh = xp.exp(joint)
            total = fresh.sum(axis=0)
            fresh /= total
            log_total = xp.log(total)
            found.log_norm += float((log_total + top).sum())
            if self.bound:
                found.weighted_log += _dot(fresh, joint) - float(log_total.sum())
                found.by_size += fresh @ self.size[block.items]
                found.below += int((fresh < SMOOTHING).sum())
            self.following[:, block.items] = fresh
            if not self.waits:
                self._add(found, fresh, block)
        self.previous, self.sums = self.sums, found

    def _log_priors(self) -> Array:
        return self.xp.log(self.xp.clip(self.priors, min=SMOOTHING))

    def log_likelihood(self) -> float:
        return self.sums.log_norm if len(self.tally) else 0.0

    def log_posterior(self) -> float:
        """Up to the constant of the prior."""
        found = self.log_likelihood()
        if self.pseudo is None:
            return found
        return found + self.pseudo.log(self.log_error, self.xp.log(self.total))

    def crowd_kit_bound(self) -> float:
        """The quantity of the stop rule "crowd-kit", not yet divided by the answers: the
        posterior before the M-step with the parameters after it.
        """
        before = self.previous
        joint = self.crossed + float(before.by_size @ self._log_priors())
        return joint + em.entropy(before.below, before.weighted_log)


def _dot(one: Array, two: Array) -> float:
    """Of all elements."""
    return float(one.reshape(-1) @ two.reshape(-1))


@dataclass(frozen=True)
class _Pseudo:
    """of_pair float64 (C, P), of_worker float64 (C, W): pseudo-answers of a pair and in all.
    elsewhere (C, W): those for answers that the worker never gave.
    """

    of_pair: Array
    of_worker: Array
    elsewhere: Array

    @classmethod
    def of(cls, prior: Prior, tally: Tally) -> "_Pseudo":
        pairs = tally.pairs
        applies = np.ones(tally.workers) if prior.spared is None else (~prior.spared).astype(float)
        of_pair = prior.pseudo[:, pairs.value] * applies[pairs.owner]
        of_worker = prior.pseudo.sum(axis=1)[:, None] * applies
        elsewhere = np.maximum(of_worker - pairs.sum(of_pair), 0)
        place = backend.pick().array
        return cls(place(of_pair), place(of_worker), place(elsewhere))

    def log(self, log_error: Array, log_total: Array) -> float:
        return float((self.of_pair * log_error).sum() - (self.elsewhere * log_total).sum())
