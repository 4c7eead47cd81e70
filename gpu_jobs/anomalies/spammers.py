"""Spammer score: does the answer depend on the truth at all?

    S = 1/(C(C − 1)) Σ_{c < c'} Σ_k (A_ck − A_c'k)²

A (C, C) the confusion matrix, row the truth. S = 1 for a perfect worker, 0 for one whose answers
do not depend on the truth, whatever their habit; for two classes it is
(sensitivity + specificity − 1)². Source: V. C. Raykar, S. Yu, "Eliminating spammers and ranking
annotators for crowdsourced labeling tasks", JMLR 13 (2012), section 3 and eq. 9.

A is counted from the answers against the posterior of the *others* (a worker's own factor is taken
out of it) and smoothed by half an answer a cell. Few answers make S large by luck, so it is
compared with what luck gives: a worker whose answers do not depend on the truth has, with r_c the
expected answers under truth c and p_k the worker's own share of answer k,

    E₀[S] = 1/(C(C − 1)) Σ_{c < c'} (1/r_c + 1/r_c') (1 − Σ_k p_k²)

The signal is S − E₀[S] below 0.05, from at least 20 (C − 1) answers: with fewer an honest worker's
S is too uncertain to be called small.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.anomalies.signals import Signal, below
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError

THRESHOLD = 0.05
LEAST = 20
CELLS = 20_000_000
_SMOOTHING = 0.5
_LEAST_LEFT = 1e-12


@dataclass(frozen=True)
class Spammers:
    """Arrays (W,): answers; score S; luck E₀[S]; both NaN with one class or no answer."""

    answers: np.ndarray
    score: np.ndarray
    luck: np.ndarray
    classes: int


def spammer_score(matrices: np.ndarray) -> np.ndarray:
    """S (W,) of confusion matrices (W, C, C), rows summing to 1. NaN with fewer than two classes.

    Σ_{c<c'} (A_c − A_c')² = C Σ A_c² − (Σ A_c)², so no pair of classes is ever visited.
    """
    classes = matrices.shape[1]
    if classes < 2:
        return np.full(len(matrices), np.nan)
    pairs = classes * np.square(matrices).sum(axis=1) - np.square(matrices.sum(axis=1))
    found: np.ndarray = np.maximum(pairs.sum(axis=1), 0) / (classes * (classes - 1))
    return found


def spammers(answers: Answers, counts: np.ndarray) -> Spammers:
    """From expected counts (W, C, C): how often each worker gave k where the others say c."""
    classes = len(answers.classes)
    if classes < 2:
        none = np.full(len(answers.workers), np.nan)
        n = np.bincount(answers.worker, minlength=len(none))
        return Spammers(n, none, none.copy(), classes)
    smooth = counts + _SMOOTHING
    of_truth = smooth.sum(axis=2)
    score = spammer_score(smooth / of_truth[:, :, None])
    given = smooth.sum(axis=1)
    habit = np.square(given / given.sum(axis=1, keepdims=True)).sum(axis=1)
    luck = (1 - habit) * (1 / of_truth).sum(axis=1) / classes
    n = np.bincount(answers.worker, minlength=len(answers.workers))
    unknown = n == 0
    score[unknown], luck[unknown] = np.nan, np.nan
    return Spammers(answers=n, score=score, luck=luck, classes=classes)


def posterior_of_others(
    answers: Answers, posterior: np.ndarray, likelihood: np.ndarray
) -> np.ndarray:
    """(n, C): posterior of each answer's item without that answer's own factor.

    posterior (I, C): of all answers. likelihood (n, C): of each answer under each truth, the factor
    that it has in the posterior. Raises InputError where n·C is too large.
    """
    classes = posterior.shape[1]
    if len(answers) * classes > CELLS:
        raise InputError(
            f"{len(answers):,} answers in {classes:,} classes have more than {CELLS:,} cells"
        )
    rest = posterior[answers.item] / np.maximum(likelihood, _LEAST_LEFT)
    total = rest.sum(axis=1, keepdims=True)
    return np.divide(rest, total, out=np.full_like(rest, 1 / max(classes, 1)), where=total > 0)


def counts_against(answers: Answers, rest: np.ndarray) -> np.ndarray:
    """Expected counts (W, C, C) of truth × answer against the posterior of the others (n, C).

    Raises InputError where W·C² is too large.
    """
    workers, classes = len(answers.workers), rest.shape[1]
    if workers * classes**2 > CELLS:
        raise InputError(
            f"spammer scores of {workers:,} workers in {classes:,} classes need more than"
            f" {CELLS:,} cells"
        )
    key = answers.worker * classes + answers.value
    found = np.empty((classes, workers * classes))
    for truth in range(classes):
        found[truth] = np.bincount(key, weights=rest[:, truth], minlength=workers * classes)
    return np.ascontiguousarray(found.reshape(classes, workers, classes).transpose(1, 0, 2))


def spamming(found: Spammers, *, threshold: float = THRESHOLD, least: int = LEAST) -> Signal:
    """Speaks for workers with enough answers whose score exceeds luck by less than the bar.

    least: answers for each class but one.
    """
    enough = found.answers >= least * max(found.classes - 1, 1)
    value = np.where(enough, found.score - found.luck, np.nan)
    return below("spammer score", "crowd", threshold, value)
