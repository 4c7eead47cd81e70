"""From coalitions to what their models are worth on the test set."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy import sparse

from gpu_jobs.lift import heads
from gpu_jobs.lift.metrics import metric_of
from gpu_jobs.lift.problem import Problem

type Maker = Callable[[], np.ndarray]

_ENTRIES = 2**22
"""Of the largest array of one batch; 16 MB as float32, near what a cache holds."""
_MOST = 128


def balanced(targets: np.ndarray) -> np.ndarray:
    """Targets (K, C, u) with the classes that occur in a coalition at equal weight; its sum stays.

    scikit-learn's `class_weight="balanced"`, but by the classes that are there.
    """
    weight = targets.sum(axis=2, keepdims=True, dtype=np.float64)
    present = (weight > 0).sum(axis=1, keepdims=True)
    each = weight.sum(axis=1, keepdims=True) / np.maximum(present, 1)
    return (targets * np.where(weight > 0, each / np.where(weight > 0, weight, 1), 0)).astype(
        np.float32
    )


@dataclass
class Utility:
    """v(coalition) of one problem. threads: batches at a time; the result does not depend on it.

    trained, unsolved: heads trained so far, and how many of them missed the tolerance.
    """

    problem: Problem
    threads: int = 1
    trained: int = 0
    unsolved: int = 0
    _full: heads.Heads | None = field(default=None, repr=False)

    def full(self) -> heads.Heads:
        """The head of all rows; where large coalitions start."""
        if self._full is None:
            everybody = np.ones((1, len(self.problem.groups)), dtype=np.float32)
            targets = self._of_groups(everybody)
            self._full = self._train(targets, start=None, blocks=self.problem.starts)
        return self._full

    def of_groups(self, members: np.ndarray) -> np.ndarray:
        """float64 (K, 1 + R) for members bool or weights (K, G)."""
        start = self.full().weights[0]
        size = self._size()
        parts = [members[at : at + size] for at in range(0, len(members), size)]
        return self._values(
            (partial(self._of_groups, part) for part in parts),
            start,
            self.problem.starts,
        )

    def of_rows(self, rows: list[np.ndarray]) -> np.ndarray:
        """float64 (K, 1 + R) for K lists of training rows."""
        size = self._size()
        parts = [rows[at : at + size] for at in range(0, len(rows), size)]
        return self._values((partial(self._of_rows, part) for part in parts), None, None)

    def _values(
        self, makers: Iterator[Maker], start: np.ndarray | None, blocks: np.ndarray | None
    ) -> np.ndarray:
        problem = self.problem

        def value(make: Maker) -> tuple[np.ndarray, np.ndarray]:
            found = self._train(make(), start=start, blocks=blocks)
            chances = heads.probabilities(found.weights, problem.axes.test)
            score = metric_of(problem.metric)
            values = score(chances, problem.test_label, problem.resamples, problem.positive)
            return values, found.converged

        with ThreadPoolExecutor(self.threads) as pool:
            done = list(pool.map(value, makers))
        self.trained += sum(len(solved) for _, solved in done)
        self.unsolved += sum(int((~solved).sum()) for _, solved in done)
        return np.concatenate([np.zeros((0, len(problem.resamples))), *(each for each, _ in done)])

    def _train(
        self, targets: np.ndarray, *, start: np.ndarray | None, blocks: np.ndarray | None
    ) -> heads.Heads:
        problem = self.problem
        if problem.recipe.balanced:
            targets = balanced(targets)
        return heads.train(
            problem.axes.train,
            targets,
            variance=problem.axes.variance,
            l2=problem.l2,
            start=start,
            blocks=None if blocks is None else blocks.tolist(),
            intercept=problem.recipe.intercept,
        )

    def _of_groups(self, weights: np.ndarray) -> np.ndarray:
        weights = weights.astype(np.float32)
        each = [(counts @ weights.T).T for counts in self.problem.counts]
        return np.ascontiguousarray(np.stack(each, axis=1), dtype=np.float32)

    def _of_rows(self, rows: list[np.ndarray]) -> np.ndarray:
        problem = self.problem
        who = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        row = np.concatenate([*rows, np.zeros(0, dtype=np.int64)])
        cell = problem.label[row] * len(problem.axes.train) + problem.feature[row]
        shape = (len(rows), len(problem.classes) * len(problem.axes.train))
        ones = np.ones(len(row), dtype=np.float32)
        found = sparse.coo_array((ones, (who, cell)), shape=shape).toarray()
        return found.reshape(len(rows), len(problem.classes), -1)

    def _size(self) -> int:
        problem = self.problem
        logits = 1 if len(problem.classes) == 2 else len(problem.classes)
        rows = max(len(problem.axes.train), len(problem.test_label))
        return int(np.clip(_ENTRIES // (logits * rows), 8, _MOST))
