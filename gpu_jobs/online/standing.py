"""Standing confusion matrices: what the last full run knows about each worker.

Dawid–Skene by maximum a posteriori, with every worker drawn towards the crowd:

    E: T_uk ∝ p_k Π_{answers (w, v) to u} π^w_kv
    M: p_k ∝ 1 + Σ_u T_uk     π^w_kv = (N^w_kv + κ π̄_kv) / (N^w_k· + κ)     π̄_kv ∝ 1 + Σ_w N^w_kv

N^w_kv = Σ of T_uk over w's answers v. κ = 4 answers of the crowd's mean matrix π̄: the Dirichlet
prior of the hierarchical model of B. Paun et al., "Comparing Bayesian models of annotation", TACL 6
(2018), with its mean set to the pooled matrix. A worker without answers is the crowd's mean, so
one new answer by a new worker already has a meaning. Shapes: I items, W workers, C classes;
priors (C,), error (W, C, C) (row the truth, column the answer), posterior (I, C).
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.answers import Answers, cells
from gpu_jobs.contracts import InputError

STRENGTH = 4.0
MAX_ITER = 50
TOL = 1e-4
CELLS = 10_000_000


@dataclass(frozen=True)
class Standing:
    """priors (C,), pooled (C, C), error (W, C, C), mass (W, C, C): expected counts N, evidence
    (I, C): Σ ln π over an item's answers, posterior (I, C).
    """

    priors: np.ndarray
    pooled: np.ndarray
    error: np.ndarray
    mass: np.ndarray
    evidence: np.ndarray
    posterior: np.ndarray
    iterations: int
    converged: bool


def standing(
    answers: Answers,
    *,
    start: np.ndarray | None = None,
    strength: float = STRENGTH,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
) -> Standing:
    """Fit to all answers, from the majority's shares or from a posterior (I, C) of any aggregator.

    Stops when no probability moves by more than tol. Raises InputError where W·C² or I·C exceeds
    10 million cells, or for parameters out of range.
    """
    items, workers, classes = len(answers.items), len(answers.workers), len(answers.classes)
    if max(items * classes, workers * classes**2) > CELLS:
        raise InputError(
            f"{items:,} items and {workers:,} workers in {classes:,} classes are more than"
            " standing confusion matrices are kept for"
        )
    if not strength > 0 or max_iter < 1:
        raise InputError("strength must be above 0 and max_iter at least 1")
    posterior = _shares(answers) if start is None else start
    done, converged = 0, False
    while True:
        mass = expected_counts(answers, posterior)
        pooled = 1 + mass.sum(axis=0)
        pooled /= pooled.sum(axis=1, keepdims=True)
        error = drawn(mass, pooled, strength)
        priors = 1 + posterior.sum(axis=0)
        priors /= max(priors.sum(), 1)
        evidence = _evidence(answers, np.log(error))
        fresh = posterior_of(evidence, priors)
        moved = float(np.abs(fresh - posterior).max(initial=0))
        posterior, done = fresh, done + 1
        converged = moved <= tol
        if converged or done >= max_iter:
            break
    return Standing(
        priors=priors,
        pooled=pooled,
        error=error,
        mass=expected_counts(answers, posterior),
        evidence=evidence,
        posterior=posterior,
        iterations=done,
        converged=converged,
    )


def drawn(mass: np.ndarray, pooled: np.ndarray, strength: float = STRENGTH) -> np.ndarray:
    """Matrices (W, C, C) of counts drawn towards the crowd's mean."""
    return np.asarray((mass + strength * pooled) / (mass.sum(axis=-1, keepdims=True) + strength))


def expected_counts(answers: Answers, posterior: np.ndarray) -> np.ndarray:
    """N (W, C, C): how often each worker gave v where the truth is k, under the posterior."""
    workers, classes = len(answers.workers), posterior.shape[1]
    key = answers.worker * classes + answers.value
    found = np.empty((workers, classes, classes))
    for truth in range(classes):
        weights = posterior[answers.item, truth]
        found[:, truth] = np.bincount(key, weights=weights, minlength=workers * classes).reshape(
            workers, classes
        )
    return found


def posterior_of(evidence: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """Rows that sum to 1, from log-evidence (…, C) and priors (C,)."""
    joint = evidence + np.log(priors)
    joint = np.exp(joint - joint.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(joint / joint.sum(axis=-1, keepdims=True))


def likelihoods(answers: Answers, error: np.ndarray) -> np.ndarray:
    """(n, C): probability of each answer under each truth."""
    return np.asarray(error[answers.worker, :, answers.value])


def _evidence(answers: Answers, log_error: np.ndarray) -> np.ndarray:
    items, classes = len(answers.items), log_error.shape[1]
    found = np.empty((items, classes))
    for truth in range(classes):
        weights = log_error[answers.worker, truth, answers.value]
        found[:, truth] = np.bincount(answers.item, weights=weights, minlength=items)
    return found


def _shares(answers: Answers) -> np.ndarray:
    counts = cells(answers.item, answers.value, len(answers.classes))
    found = np.zeros((len(answers.items), len(answers.classes)))
    size = np.bincount(answers.item, minlength=len(answers.items))
    found[counts.item, counts.value] = counts.count / size[counts.item]
    return found
