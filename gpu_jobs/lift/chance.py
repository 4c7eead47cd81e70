"""Could answers without any information have done as well? The control of chance.

In each of S replicates a group's rows join a random base of others' rows twice: with its answers
as they are, and with its own answers shuffled among its rows, which keeps what it was given and
how often it said what. Where answers have nothing to do with the rows, the one is as good as the
other. Replicates differ by base and by shuffle, the luck of the answers as they are is the same in
all; so the mean difference is held against t · sd · √(1 + 1/S), as one more draw would be, which
is too strict rather than too kind.

Differences are in the Brier score whatever the metric of the run: it moves with every row, and
the question is not by how much a model got better. Where answers are written there are no classes,
and the loss of their tokens takes its place.
"""

import numpy as np
from scipy.special import stdtr

from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.metrics import TOKEN_LOSS
from gpu_jobs.lift.problem import Problem


def compute(utility: Utility, *, seed: int, number: int, base: int, take: int) -> np.ndarray:
    """float64 (G,): gain of the answers as given over shuffled ones in replicate `number`. base,
    take: rows of others, at most half of what there are, and rows of the group, at most.
    """
    problem = utility.problem
    rng = np.random.default_rng([seed, 6, number])
    shuffled = rng.permutation(len(problem.group))
    of = problem.group[shuffled]
    by_group = shuffled[np.argsort(of, kind="stable")]
    ends = np.cumsum(problem.sizes)
    rows, given, turned = [], [], []
    for code, size in enumerate(problem.sizes.tolist()):
        mine = by_group[ends[code] - size : ends[code]][:take]
        wanted = min(base, (len(shuffled) - size) // 2)
        # Among this many rows there are `wanted` of others.
        near = wanted + size
        others = shuffled[:near][of[:near] != code][:wanted]
        rows.append(np.concatenate([others, mine]))
        given.append(problem.label[rows[-1]])
        turned.append(np.concatenate([problem.label[others], rng.permutation(problem.label[mine])]))
    values = utility.of_rows(
        rows + rows, labels=given + turned, metric=metric_of(problem), resampled=False
    )
    return values[: len(rows), 0] - values[len(rows) :, 0]


def metric_of(problem: Problem) -> str:
    """What differences are in."""
    return TOKEN_LOSS if problem.recipe.writes else "brier"


def chances(gains: np.ndarray) -> np.ndarray:
    """float64 (G,): one-sided p of gains (S, G), S > 1; 1 where shuffling changes nothing."""
    count = len(gains)
    mean, spread = gains.mean(axis=0), gains.std(axis=0, ddof=1)
    moves = spread > 0
    t = mean / np.where(moves, spread, 1.0) / np.sqrt(1 + 1 / count)
    return np.where(moves, stdtr(count - 1, -t), np.where(mean > 0, 0.0, 1.0))
