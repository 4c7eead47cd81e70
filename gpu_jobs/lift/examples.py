"""Which single rows helped and hurt: influence of each row on the test loss of everybody's head.

P. W. Koh, P. Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017, as
in `influence`, but for one right-hand side, so that conjugate gradients need no Hessian.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from gpu_jobs.lift import heads
from gpu_jobs.lift.influence import class_weights, weighed
from gpu_jobs.lift.problem import Problem

MOST = 10
HELPED, HURT = "helped", "hurt"
_TOLERANCE = 1e-5
_STEPS = 500


@dataclass(frozen=True)
class Example:
    """row: place among the training rows given. size: how much the test's mean log loss would
    rise (helped) or fall (hurt) without it, to first order; above 0.
    """

    group: str
    row: int
    effect: str
    size: float


def of_rows(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """float64 (n,), in the order of the problem's rows: rise of the test's mean log loss when the
    row leaves. weights: float32 (H, d + 1) of everybody's head.
    """
    logits, width = weights.shape
    train = problem.axes.train
    chance = heads.probabilities(weights[None], train)[0].astype(np.float64)
    counts = weighed(problem)
    total = np.sum([np.asarray(each.sum(axis=1)).ravel() for each in counts], axis=0)
    shown = chance[-logits:]
    penalty = np.full(width, problem.l2)
    penalty[-1] = heads.INTERCEPT

    def bend(flat: np.ndarray) -> np.ndarray:
        """Hessian times a direction."""
        way = flat.reshape(logits, width)
        scores = _scores(way, train)
        curve = shown * (scores - (shown * scores).sum(axis=0)) * total
        return (_back(curve, train) + penalty * way).ravel()

    spread = (total * shown * (1 - shown)).sum(axis=1)
    diagonal = np.multiply.outer(spread, np.append(problem.axes.variance, 1.0)) + penalty
    size = logits * width
    solved, _ = cg(
        LinearOperator((size, size), matvec=bend, dtype=np.float64),
        _slope(problem, weights).ravel(),
        rtol=_TOLERANCE,
        maxiter=_STEPS,
        M=LinearOperator((size, size), matvec=lambda flat: flat / diagonal.ravel()),
    )
    along = _scores(solved.reshape(logits, width), train)
    # A row's gradient is (p − y)·x, so what it adds is that of its class against the mean.
    away = (shown * along).sum(axis=0)
    if logits == 1:
        along = np.vstack([np.zeros_like(away), along])
    weight = class_weights(problem)[problem.label]
    return weight * (away[problem.feature] - along[problem.label, problem.feature])


def examples(problem: Problem, weights: np.ndarray, *, most: int = MOST) -> list[Example]:
    """The rows that helped most and those that hurt most, up to `most` of each, by group's name.

    Rows of equal content and answer have equal sizes; those given first come first.
    """
    value = of_rows(problem, weights)
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


def _slope(problem: Problem, weights: np.ndarray) -> np.ndarray:
    """(H, d + 1): gradient of the test's mean log loss."""
    away = heads.probabilities(weights[None], problem.axes.test)[0].astype(np.float64)
    away[problem.test_label, np.arange(len(problem.test_label))] -= 1
    return _back(away[-len(weights) :] / len(problem.test_label), problem.axes.test)


def _scores(way: np.ndarray, rows: np.ndarray) -> np.ndarray:
    flat = way[:, :-1].astype(np.float32) @ rows.T
    return flat.astype(np.float64) + way[:, -1:]


def _back(residual: np.ndarray, rows: np.ndarray) -> np.ndarray:
    flat = residual.astype(np.float32) @ rows
    return np.hstack([flat.astype(np.float64), residual.sum(axis=1, keepdims=True)])
