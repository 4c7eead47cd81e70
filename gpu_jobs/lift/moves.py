"""Which test items the rows of a group moved, from models that were trained with them and without.

What is moved is the chance of a test row's right answer (`metrics.of_rows`). A group's move of an
item is its value (`methods`) with that chance in the place of the metric: the same models, the same
weights. How sure it is follows from the pairs of models, with the group and without: over seeds or
orders as replicates, over coalitions as a weighted mean, n* = 1 / Σw² pairs strong. One pair alone
gives no interval. Each interval is for one item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gpu_jobs.lift.problem import Problem


@dataclass(frozen=True)
class Moves:
    """float64 (G, t): rise of the chance by the group's rows; error: its standard error, inf where
    there is but one pair. freedom: of the errors.
    """

    value: np.ndarray
    error: np.ndarray
    freedom: float

    def half(self, level: float) -> np.ndarray:
        """Half the width of the interval, (G, t)."""
        return np.asarray(stdtrit(self.freedom, (1 + level) / 2) * self.error)


type Combine = Callable[[Problem, Sequence[np.ndarray]], Moves]
"""A method's arrays of chunks 0, 1, … (`Utility.each`) to moves."""


def _items(problem: Problem, arrays: np.ndarray) -> np.ndarray:
    """The columns of test rows, behind those of resamples."""
    first = len(problem.resamples)
    return arrays[..., first : first + len(problem.test_label)]


def of_replicates(problem: Problem, arrays: Sequence[np.ndarray]) -> Moves:
    """Of chunks that are replicates; rows behind those of the groups are controls."""
    found = _items(problem, np.stack(arrays))[:, : len(problem.groups)]
    mean, count = found.mean(axis=0), len(found)
    if count < 2:
        return Moves(mean, np.full(mean.shape, np.inf), 1.0)
    return Moves(mean, found.std(axis=0, ddof=1) / np.sqrt(count), count - 1.0)


def of_single(problem: Problem, arrays: Sequence[np.ndarray]) -> Moves:
    """Of slices of groups, a pair each; those that were not reached are NaN."""
    done = _items(problem, np.concatenate(arrays))
    found = np.full((len(problem.groups), done.shape[1]), np.nan)
    found[: len(done)] = done
    return Moves(found, np.full(found.shape, np.inf), 1.0)


def of_pairs(problem: Problem, arrays: Sequence[np.ndarray], weight: np.ndarray) -> Moves:
    """Of slices of all 2^G coalitions by their bits. weight: (G,), of a pair by how many groups
    are in it beside the one; NaN while coalitions are missing.
    """
    size = len(problem.groups)
    values = _items(problem, np.concatenate(arrays))
    shape = size, values.shape[1]
    if len(values) < 2**size:
        return Moves(np.full(shape, np.nan), np.full(shape, np.inf), 1.0)
    codes = np.arange(2**size)
    count = np.array([code.bit_count() for code in codes.tolist()])
    mean, error = np.empty(shape), np.full(shape, np.inf)
    each = weight[count[: 2 ** (size - 1)]]
    squares = float(np.square(each).sum())
    for group in range(size):
        without = codes[codes >> group & 1 == 0]
        each = weight[count[without]]
        gain = values[without | 1 << group] - values[without]
        mean[group] = each @ gain
        if size > 1:
            spread = np.square(each) @ np.square(gain - mean[group])
            error[group] = np.sqrt(spread / (1 - squares))
    return Moves(mean, error, max(1 / squares - 1, 1.0))
