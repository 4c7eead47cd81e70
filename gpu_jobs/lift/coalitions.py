"""From coalitions to what their models are worth on the test set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse

from gpu_jobs.contracts import InputError
from gpu_jobs.lift import heads
from gpu_jobs.lift.metrics import metric_of, of_rows
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.trained import chances_of, rows_of

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
    """v(coalition) of one problem.

    trained, unsolved: heads trained so far, and how many of them missed the tolerance. folder:
    where a recipe without linear heads keeps each model's chances (`trained`). each: of such a
    recipe, values go on with t columns, the chance of each test row's right answer.
    """

    problem: Problem
    trained: int = 0
    unsolved: int = 0
    folder: Path | None = None
    each: bool = False
    _full: heads.Heads | None = field(default=None, repr=False)

    def full(self) -> heads.Heads:
        """The head of all rows; where large coalitions start."""
        if self.problem.recipe.fit is not None:
            raise InputError(f"the recipe {self.problem.recipe.name} has no linear head")
        if self._full is None:
            everybody = np.ones((1, len(self.problem.groups)), dtype=np.float32)
            targets = self._of_groups(everybody)
            self._full = self._train(targets, start=None, blocks=self.problem.starts)
        return self._full

    def fresh(self) -> "Utility":
        """Another of the same problem, which counts its own heads; it knows everybody's head."""
        full = None if self.problem.recipe.fit is not None else self.full()
        return Utility(self.problem, folder=self.folder, each=self.each, _full=full)

    def ends(self) -> np.ndarray:
        """float64 (2, 1 + R) of nobody and of everybody."""
        size = len(self.problem.groups)
        return self.of_groups(np.array([[False] * size, [True] * size]))

    def of_groups(self, members: np.ndarray) -> np.ndarray:
        """float64 (K, 1 + R) for members bool or weights (K, G)."""
        if self.problem.recipe.fit is not None:
            return self._fitted([rows_of(self.problem, each) for each in members])
        start = self.full().weights[0]
        size = self._size()
        parts = [members[at : at + size] for at in range(0, len(members), size)]
        return self._values(
            (partial(self._of_groups, part) for part in parts),
            start,
            self.problem.starts,
        )

    def of_rows(
        self,
        rows: list[np.ndarray],
        *,
        labels: list[np.ndarray] | None = None,
        metric: str | None = None,
        resampled: bool = True,
    ) -> np.ndarray:
        """float64 (K, 1 + R), or (K, 1) if not resampled, for K lists of training rows.

        labels: of these rows, in place of their own. metric: in place of the problem's.
        """
        problem = self.problem
        labels = [problem.label[each] for each in rows] if labels is None else labels
        if problem.recipe.fit is not None:
            return self._fitted(rows, labels, metric=metric, resampled=resampled)
        size = self._size()
        makers = (
            partial(self._of_rows, rows[at : at + size], labels[at : at + size])
            for at in range(0, len(rows), size)
        )
        return self._values(makers, None, None, metric=metric, resampled=resampled)

    def _fitted(
        self,
        rows: list[np.ndarray],
        labels: list[np.ndarray] | None = None,
        *,
        metric: str | None = None,
        resampled: bool = True,
    ) -> np.ndarray:
        problem = self.problem
        score = metric_of(metric or problem.metric, problem.document)
        resamples = problem.resamples if resampled else problem.resamples[:1]
        width = len(resamples) + self.each * len(problem.test_label)
        values = [np.zeros((0, width))]
        for number, each in enumerate(rows):
            label = problem.label[each] if labels is None else labels[number]
            found = chances_of(problem, each, label, folder=self.folder)[None]
            value = score(found, problem.test_label, resamples, problem.positive)
            if self.each:
                right = of_rows(found, problem.test_label, writes=problem.recipe.writes)
                value = np.hstack([value, right])
            values.append(value)
            self.trained += 1
        return np.concatenate(values)

    def _values(
        self,
        makers: Iterator[Maker],
        start: np.ndarray | None,
        blocks: np.ndarray | None,
        *,
        metric: str | None = None,
        resampled: bool = True,
    ) -> np.ndarray:
        problem = self.problem
        score = metric_of(metric or problem.metric, problem.document)
        resamples = problem.resamples if resampled else problem.resamples[:1]
        values = [np.zeros((0, len(resamples)))]
        for make in makers:
            found = self._train(make(), start=start, blocks=blocks)
            chances = heads.probabilities(found.weights, problem.axes.test)
            values.append(score(chances, problem.test_label, resamples, problem.positive))
            self.trained += len(found.converged)
            self.unsolved += int((~found.converged).sum())
        return np.concatenate(values)

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

    def _of_rows(self, rows: list[np.ndarray], labels: list[np.ndarray]) -> np.ndarray:
        problem = self.problem
        who = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        row = np.concatenate([*rows, np.zeros(0, dtype=np.int64)])
        label = np.concatenate([*labels, np.zeros(0, dtype=np.int64)])
        cell = label * problem.axes.train.shape[0] + problem.feature[row]
        shape = (len(rows), len(problem.classes) * problem.axes.train.shape[0])
        ones = np.ones(len(row), dtype=np.float32)
        found = sparse.coo_array((ones, (who, cell)), shape=shape).toarray()
        return found.reshape(len(rows), len(problem.classes), -1)

    def _size(self) -> int:
        problem = self.problem
        logits = 1 if len(problem.classes) == 2 else len(problem.classes)
        rows = max(*problem.axes.train.shape, len(problem.test_label))
        return int(np.clip(_ENTRIES // (logits * rows), 8, _MOST))
