"""Rubric vectors: the weighted mean distance over the lines that both filled in.

    d = Σ_k w_k d_k ÷ Σ_k w_k,   d_k = |a_k − b_k| ÷ range of line k, or [a_k ≠ b_k]

A line whose scores are all numbers is measured by difference; its range is given, or that of the
scores that are there. Any other line is equal or not. A line that one left blank says nothing;
where no line is shared, the distance is 1. This is J. Gower's dissimilarity, "A General
Coefficient of Similarity and Some of Its Properties" (1971).

An answer is a JSON object {"line": score, …}; a score is a number, a text, true, false or null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gpu_jobs.distances.cells import number, read_json
from gpu_jobs.distances.pairs import check_dense, measured

type Rubric = tuple[tuple[str, float | str], ...]
"""(line, score) sorted by line; true and false are texts."""


def parse(text: str) -> Rubric:
    value = read_json(text)
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object of rubric lines")  # noqa: TRY004
    return tuple(
        sorted((line, _score(score)) for line, score in value.items() if score is not None)
    )


def numeric_lines(values: Sequence[Rubric]) -> dict[str, bool]:
    """The lines in the order of their names, and whether all their scores are numbers."""
    lines: dict[str, bool] = {}
    for value in values:
        for line, score in value:
            lines[line] = lines.get(line, True) and isinstance(score, float)
    return dict(sorted(lines.items()))


@dataclass(frozen=True)
class Rubrics:
    """score: float64 (V, K), NaN where blank, numbers in units of the line's range, else codes.

    numeric: bool (K,); weight: float64 (K,).
    """

    score: np.ndarray
    numeric: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(
        cls,
        values: Sequence[Rubric],
        *,
        weights: Mapping[str, float] | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> Self:
        """weights: of the lines, 1 where none is given. ranges: lowest and highest score.

        Raises InputError where rubrics hardly ever share a line.
        """
        kinds = numeric_lines(values)
        check_dense(len(values), len(kinds), "rubric lines")
        column = {line: index for index, line in enumerate(kinds)}
        score = np.full((len(values), len(kinds)), np.nan)
        codes: dict[str, int] = {}
        for index, value in enumerate(values):
            for line, given in value:
                known = kinds[line] and isinstance(given, float)
                place = given if known else codes.setdefault(str(given), len(codes))
                score[index, column[line]] = place
        for line, numeric in kinds.items():
            if numeric:
                mine = score[:, column[line]]
                low, high = (ranges or {}).get(line, (np.nanmin(mine), np.nanmax(mine)))
                score[:, column[line]] = (mine - low) / (high - low) if high > low else mine - low
        weight = [(weights or {}).get(line, 1.0) for line in kinds]
        return cls(
            score=score,
            numeric=np.array(list(kinds.values()), dtype=bool),
            weight=np.array(weight, dtype=np.float64),
        )

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        cost = np.full(len(self.score), len(self.weight) + 1, dtype=np.int64)
        return measured(left, right, self._measure, cost=cost)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        apart = np.abs(self.score[low] - self.score[high])
        shared = ~np.isnan(apart)
        apart = np.where(self.numeric, np.minimum(apart, 1.0), apart != 0)
        weight = shared @ self.weight
        total = np.where(shared, apart, 0.0) @ self.weight
        return np.divide(total, weight, out=np.ones(len(low)), where=weight > 0)


def _score(value: object) -> float | str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    score = number(value, "score")
    if abs(score) > 1e100:
        raise ValueError("has a score beyond 1e100")
    return score
