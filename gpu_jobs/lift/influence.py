"""Influence of a group on the test loss of a linear head, to first order.

P. W. Koh, P. Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017.
Leaving out rows i changes the parameters by about H⁻¹ Σ ∇ℓ_i and the mean test loss by
∇L_test · H⁻¹ Σ ∇ℓ_i, with H the Hessian of the penalized training loss at everybody's head.
"""

import numpy as np
from scipy import linalg, sparse

from gpu_jobs.contracts import InputError
from gpu_jobs.lift import heads
from gpu_jobs.lift.problem import Problem

_MOST = 6_000
_ROWS = 2_048


def influence(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """float64 (G, 1 + R): rise of the mean log loss of the test set, and of its resamples, when
    the group leaves. weights: float32 (H, d + 1) of everybody's head.

    Raises InputError where the Hessian would be wider than 6,000.
    """
    logits, width = weights.shape
    if logits * width > _MOST:
        raise InputError(
            f"influence needs a Hessian of {logits * width:,} columns; at most {_MOST:,} are made"
        )
    ones = problem.recipe.intercept
    train, test = _with_ones(problem.axes.train, ones), _with_ones(problem.axes.test, ones)
    chance = heads.probabilities(weights[None], problem.axes.train)[0].astype(np.float64)
    counts = weighed(problem)
    total = np.sum([np.asarray(each.sum(axis=1)).ravel() for each in counts], axis=0)
    hessian = _hessian(train, chance[1:] if logits == 1 else chance, total)
    penalty = np.full(width, problem.l2)
    penalty[-1] = heads.INTERCEPT
    hessian[np.diag_indices(logits * width)] += np.tile(penalty, logits)
    gradients = _of_groups(counts, train, chance, logits)
    away = heads.probabilities(weights[None], problem.axes.test)[0].astype(np.float64)
    away[problem.test_label, np.arange(len(test))] -= 1
    away = away[1:] if logits == 1 else away
    share = problem.resamples / problem.resamples.sum(axis=1, keepdims=True)
    slope = np.stack([(share * away[c]) @ test for c in range(logits)], axis=1)
    solved = linalg.cho_solve(linalg.cho_factor(hessian), slope.reshape(len(share), -1).T)
    return gradients @ solved


def class_weights(problem: Problem) -> np.ndarray:
    """float64 (C,): what a row of each class weighs; in a recipe of balanced classes by the sizes
    of everybody's classes, which are held.
    """
    size = np.array([each.sum(dtype=np.float64) for each in problem.counts])
    if not problem.recipe.balanced:
        return np.ones(len(size))
    mean = size.sum() / max(int((size > 0).sum()), 1)
    return np.where(size > 0, mean / np.where(size > 0, size, 1), 1.0)


def weighed(problem: Problem) -> list[sparse.csr_array]:
    """Counts by class, times the weights of the classes."""
    each = zip(problem.counts, class_weights(problem).tolist(), strict=True)
    return [counts * weight for counts, weight in each]


def _with_ones(features: np.ndarray, ones: bool) -> np.ndarray:
    return np.hstack([features.astype(np.float64), np.full((len(features), 1), float(ones))])


def _hessian(train: np.ndarray, chance: np.ndarray, total: np.ndarray) -> np.ndarray:
    """(H·width, H·width), without the penalty."""
    logits, width = len(chance), train.shape[1]
    found = np.zeros((logits, width, logits, width))
    for a in range(logits):
        for b in range(a + 1):
            curve = total * chance[a] * ((a == b) - chance[b])
            found[a, :, b] = found[b, :, a] = (train * curve[:, None]).T @ train
    return found.reshape(logits * width, logits * width)


def _of_groups(
    counts: list[sparse.csr_array], train: np.ndarray, chance: np.ndarray, logits: int
) -> np.ndarray:
    """(G, H·width): summed gradients of the groups' rows."""
    total = sum(counts)
    parts = []
    for code in range(len(chance)) if logits > 1 else (1,):
        residual = total.multiply(chance[code][:, None]).tocsr() - counts[code]
        parts.append(residual.T @ train)
    return np.hstack(parts)
