"""Which single rows helped and hurt: influence of each row on the test loss of everybody's head.

P. W. Koh, P. Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017, as
in `influence`, but for one right-hand side, so that conjugate gradients need no Hessian.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import logsumexp, softmax

from gpu_jobs.lift import heads
from gpu_jobs.lift.features import Matrix
from gpu_jobs.lift.influence import class_weights, weighed
from gpu_jobs.lift.problem import Problem

MOST = 10
HELPED, HURT = "helped", "hurt"
_TOLERANCE = 1e-5
_STEPS = 500
_SHRINK = 1e-4


@dataclass(frozen=True)
class Example:
    """A row of the group, with its place among the training rows given. size: how much the test's
    mean log loss would rise (helped) or fall (hurt) without it, to first order and after
    recalibration; above 0.

    is_test: a row of the test set instead, with its place there (`explained`). size: how much the
    chance of its right answer rises (helped) or falls (hurt) by the group's rows; low, high: its
    interval, None where a single pair of models gives none.
    """

    group: str
    row: int
    effect: str
    size: float
    is_test: bool = False
    low: float | None = None
    high: float | None = None


def of_rows(problem: Problem, weights: np.ndarray, *, recalibrated: bool = False) -> np.ndarray:
    """float64 (n,), in the order of the problem's rows: rise of the test's mean log loss when the
    row leaves. weights: float32 (H, d + 1) of everybody's head. recalibrated: of the loss after
    logits are scaled and shifted to fit the test set.
    """
    logits, width = weights.shape
    train, ones = problem.axes.train, float(problem.recipe.intercept)
    chance = heads.probabilities(weights[None], train)[0].astype(np.float64)
    counts = weighed(problem)
    total = np.sum([np.asarray(each.sum(axis=1)).ravel() for each in counts], axis=0)
    shown = chance[-logits:]
    penalty = np.full(width, problem.l2)
    penalty[-1] = heads.INTERCEPT

    def bend(flat: np.ndarray) -> np.ndarray:
        """Hessian times a direction."""
        way = flat.reshape(logits, width)
        scores = _scores(way, train, ones)
        curve = shown * (scores - (shown * scores).sum(axis=0)) * total
        return (_back(curve, train, ones) + penalty * way).ravel()

    spread = (total * shown * (1 - shown)).sum(axis=1)
    diagonal = np.multiply.outer(spread, np.append(problem.axes.variance, 1.0)) + penalty
    size = logits * width
    solved, _ = cg(
        LinearOperator((size, size), matvec=bend, dtype=np.float64),
        _slope(problem, weights, recalibrated=recalibrated).ravel(),
        rtol=_TOLERANCE,
        maxiter=_STEPS,
        M=LinearOperator((size, size), matvec=lambda flat: flat / diagonal.ravel()),
    )
    along = _scores(solved.reshape(logits, width), train, ones)
    # A row's gradient is (p − y)·x, so what it adds is that of its class against the mean.
    away = (shown * along).sum(axis=0)
    if logits == 1:
        along = np.vstack([np.zeros_like(away), along])
    weight = class_weights(problem)[problem.label]
    return weight * (away[problem.feature] - along[problem.label, problem.feature])


def examples(problem: Problem, weights: np.ndarray, *, most: int = MOST) -> list[Example]:
    """The rows that helped most and those that hurt most, up to `most` of each, by group's name.

    By the loss after recalibration: a model of many answers to few items is surer than it should
    be, and one of people who mostly say "yes" leans to it, so that any wrong answer, or any "no",
    would help its loss, and nobody could see why. Rows of equal content and answer have equal
    sizes; those given first come first.
    """
    value = of_rows(problem, weights, recalibrated=True)
    ends = np.cumsum(problem.sizes)
    found = []
    for name, code in sorted((name, code) for code, name in enumerate(problem.groups)):
        mine = np.arange(ends[code] - problem.sizes[code], ends[code])
        for effect, sign in ((HELPED, 1.0), (HURT, -1.0)):
            size = sign * value[mine]
            order = np.lexsort((problem.row[mine], -size))[:most]
            found += [
                Example(group=name, row=int(problem.row[mine[at]]), effect=effect, size=size[at])
                for at in order[size[order] > 0].tolist()
            ]
    return found


def _slope(problem: Problem, weights: np.ndarray, *, recalibrated: bool) -> np.ndarray:
    """(H, d + 1): gradient of the test's mean log loss."""
    test, label = problem.axes.test, problem.test_label
    ones = float(problem.recipe.intercept)
    scores = _scores(weights.astype(np.float64), test, ones)
    if len(scores) == 1:
        scores = np.vstack([np.zeros_like(scores), scores])
    scale, shift = 1.0, np.zeros(len(scores))
    if recalibrated:
        scale, shift = _recalibration(scores, label, shifted=problem.recipe.intercept)
    away = softmax(scale * scores + shift[:, None], axis=0)
    away[label, np.arange(len(label))] -= 1
    return _back(scale * away[-len(weights) :] / len(label), test, ones)


def _recalibration(
    scores: np.ndarray, label: np.ndarray, *, shifted: bool
) -> tuple[float, np.ndarray]:
    """Scale and shifts of logits (C, t) with the least log loss (J. Platt, 1999; C. Guo et al.,
    ICML 2017), with a little shrinking, so that they are finite on any test set.
    """
    classes, size = scores.shape
    right = np.zeros_like(scores)
    right[label, np.arange(size)] = 1

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        shift = at[1:] * shifted
        moved = at[0] * scores + shift[:, None]
        away = softmax(moved, axis=0) - right
        value = (logsumexp(moved, axis=0) - (moved * right).sum(axis=0)).mean()
        gradient = np.append((away * scores).sum() / size, shifted * away.mean(axis=1))
        rest = at - np.append(1.0, np.zeros(classes))
        return value + _SHRINK * rest @ rest, gradient + 2 * _SHRINK * rest

    found = minimize(loss, np.append(1.0, np.zeros(classes)), jac=True, method="L-BFGS-B").x
    return float(found[0]), found[1:] * shifted


def _scores(way: np.ndarray, rows: Matrix, ones: float) -> np.ndarray:
    flat = way[:, :-1].astype(np.float32) @ rows.T
    return flat.astype(np.float64) + ones * way[:, -1:]


def _back(residual: np.ndarray, rows: Matrix, ones: float) -> np.ndarray:
    flat = residual.astype(np.float32) @ rows
    return np.hstack([flat.astype(np.float64), ones * residual.sum(axis=1, keepdims=True)])
