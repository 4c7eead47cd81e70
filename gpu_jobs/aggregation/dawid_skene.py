"""Dawid–Skene: each worker has a confusion matrix, each item a hidden class, EM finds both.

    E: T_uk ∝ p_k Π_{answers (w, v) to u} π^w_kv      M: p_k = mean_u T_uk,
                                                         π^w_kv ∝ Σ_{u: w said v} T_uk + ε

Source: A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using
the EM algorithm", Applied Statistics 28 (1979). Conventions are those of crowd-kit 1.4.2
(D. Ustalov, N. Pavlichenko, B. Tseitlin, JOSS 9(96), 2024): started from the majority's shares,
at most 100 iterations, ε = 1e-10 only to keep logarithms finite. Here ε goes into each of the
C × C cells, so a worker who never met class k is taken to answer it at random.

Stop rules. "crowd-kit": when Σ over answers of Σ_k T_uk (ln p_k + ln π^w_kv) plus the entropy of
T, divided by the number of answers, rises by less than 1e-5. It counts ln p_k once an answer, not
once an item; it is therefore no likelihood, can fall, and can stop EM after two iterations. It
is the default because the published tables come from it. "likelihood": when the log-likelihood
per answer rises by less than the tolerance; EM never lowers that one. log_likelihood is always
the true one.

Shapes: I items, P distinct (worker, answer) pairs, C classes; T (I, C), π (P, C). Confusion
matrices are kept only for the answers a worker gave, so 37,000 workers with 10 classes take
megabytes; where I·C + P·C exceeds CELLS the run is refused in one sentence. It can lose to the
majority: where a crowd shares a wrong belief, EM trusts the belief.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs import backend
from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.aggregation.majority import shares
from gpu_jobs.answers import Answers, cells
from gpu_jobs.contracts import InputError

MAX_ITER = 100
TOL = 1e-5
SMOOTHING = 1e-10
STOPS = ("crowd-kit", "likelihood")
CELLS = 40_000_000


class TooLargeError(InputError):
    """The posterior and the confusion matrices would not fit."""


@dataclass(frozen=True)
class DawidSkene:
    """posterior float64 (I, C), rows sum to 1. priors (C,). error float64 (P, C): probability
    that pair_worker[p] answers pair_value[p] when the truth is class k. log_likelihood: of the
    whole table under priors and error.
    """

    labels: Labels
    posterior: np.ndarray
    priors: np.ndarray
    pair_worker: np.ndarray
    pair_value: np.ndarray
    error: np.ndarray
    iterations: int
    converged: bool
    log_likelihood: float

    def confusion(self, worker: int) -> np.ndarray:
        """(C, C): row the truth, column the answer. An answer never given has probability 0,
        which leaves out at most C·ε of a row; a class never met shows chance on the answers
        that were given.
        """
        matrix = np.zeros((self.error.shape[1], self.error.shape[1]))
        mine = self.pair_worker == worker
        matrix[:, self.pair_value[mine]] = self.error[mine].T
        return matrix


def dawid_skene(
    answers: Answers, *, max_iter: int = MAX_ITER, tol: float = TOL, stop: str = STOPS[0]
) -> DawidSkene:
    """Fit to all answers. Raises TooLargeError before it would fill the memory."""
    if max_iter < 1 or not tol >= 0 or stop not in STOPS:
        raise InputError("max_iter must be 1 or more, tol 0 or more, stop " + " or ".join(STOPS))
    classes, items = len(answers.classes), len(answers.items)
    pairs, pair = np.unique(answers.worker * max(classes, 1) + answers.value, return_inverse=True)
    if (items + len(pairs)) * classes > CELLS:
        raise TooLargeError(
            f"Dawid-Skene over {items:,} items, {len(answers.workers):,} workers and "
            f"{classes:,} classes needs {(items + len(pairs)) * classes:,} probabilities, "
            f"more than the {CELLS:,} allowed; use the majority"
        )
    pair_worker, pair_value = pairs // max(classes, 1), pairs % max(classes, 1)
    em = _Em(answers, pair, pair_worker)
    posterior = _start(answers)
    priors, error = em.maximise(posterior)
    evidence = em.evidence(error)
    last, done, converged = -np.inf, 0, not len(answers)
    while done < max_iter and not converged:
        posterior, _ = em.expect(priors, evidence)
        priors, error = em.maximise(posterior)
        evidence = em.evidence(error)
        done += 1
        if stop == "likelihood":
            reached = em.expect(priors, evidence)[1]
        else:
            reached = em.crowd_kit_bound(posterior, priors, evidence)
        converged = (reached - last) / len(answers) < tol
        last = reached
    item, value = np.nonzero(posterior >= posterior.max(axis=1, initial=0, keepdims=True) - 1e-6)
    return DawidSkene(
        labels=choose(item, value, posterior[item, value], answers),
        posterior=posterior,
        priors=priors,
        pair_worker=pair_worker,
        pair_value=pair_value,
        error=error,
        iterations=done,
        converged=converged,
        log_likelihood=em.expect(priors, evidence)[1],
    )


def _start(answers: Answers) -> np.ndarray:
    counts = cells(answers.item, answers.value, len(answers.classes))
    posterior = np.zeros((len(answers.items), len(answers.classes)))
    posterior[counts.item, counts.value] = shares(counts)
    return posterior


class _Em:
    """The two steps as sparse products: `given` is items × pairs, `of_worker` workers × pairs."""

    def __init__(self, answers: Answers, pair: np.ndarray, pair_worker: np.ndarray) -> None:
        chosen = backend.pick()
        self.xp, self.pair_worker = chosen.xp, pair_worker
        shape = (len(answers.items), len(pair_worker))
        self.given = chosen.incidence(answers.item, pair, shape)
        self.given_by_pair = chosen.incidence(pair, answers.item, shape[::-1])
        self.size = np.bincount(answers.item, minlength=shape[0])[:, None]
        self.of_worker = chosen.incidence(
            pair_worker, np.arange(len(pair_worker)), (len(answers.workers), len(pair_worker))
        )

    def maximise(self, posterior: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        classes = posterior.shape[1]
        mass = self.given_by_pair @ posterior
        total = (self.of_worker @ mass)[self.pair_worker]
        error = (mass + SMOOTHING) / (total + classes * SMOOTHING)
        return posterior.sum(axis=0) / max(len(posterior), 1), error

    def evidence(self, error: np.ndarray) -> np.ndarray:
        """(I, C): log-probability of an item's answers under each class."""
        return self.given @ self.xp.log(error)

    def expect(self, priors: np.ndarray, evidence: np.ndarray) -> tuple[np.ndarray, float]:
        """Posterior (I, C) and the log-likelihood of the table."""
        if not evidence.size:
            return evidence, 0.0
        xp = self.xp
        joint = evidence + xp.log(xp.maximum(priors, SMOOTHING))
        top = joint.max(axis=1, keepdims=True)
        joint = xp.exp(joint - top)
        total = joint.sum(axis=1, keepdims=True)
        return joint / total, float((xp.log(total) + top).sum())

    def crowd_kit_bound(
        self, posterior: np.ndarray, priors: np.ndarray, evidence: np.ndarray
    ) -> float:
        """The quantity of the stop rule "crowd-kit", not yet divided by the answers."""
        xp = self.xp
        log_priors = xp.log(xp.maximum(priors, SMOOTHING))
        joint = (posterior * (evidence + self.size * log_priors)).sum()
        clipped = xp.maximum(posterior, SMOOTHING)
        return float(joint - (clipped * xp.log(clipped)).sum())
