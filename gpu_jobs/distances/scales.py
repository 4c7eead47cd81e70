"""Single values: nominal [v ≠ w], ordinal |rank v − rank w| ÷ (V − 1), number |v − w| ÷ range.

The ordinal and the number distance depend on the values that are there, as α's do. A value
without a place on the scale (NaN) lies at distance 1 from every other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gpu_jobs.distances.pairs import measured


@dataclass(frozen=True)
class Nominal:
    """Equal or not."""

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return (left != right).astype(np.float64)


@dataclass(frozen=True)
class Scale:
    """place: float64 (V,), where each value lies, in units of the whole range."""

    place: np.ndarray

    @classmethod
    def of_ranks(cls, place: Sequence[float] | np.ndarray) -> Self:
        """Only the order of `place` counts; equal places are one step."""
        given = np.asarray(place, dtype=np.float64)
        known = ~np.isnan(given)
        rank = np.full(len(given), np.nan)
        steps, rank[known] = np.unique(given[known], return_inverse=True)
        return cls(rank / max(len(steps) - 1, 1))

    @classmethod
    def of_numbers(cls, place: Sequence[float] | np.ndarray) -> Self:
        given = np.asarray(place, dtype=np.float64)
        known = given[~np.isnan(given)]
        # Halved, since the span of two numbers may be more than the largest float.
        span = float(known.max() / 2 - known.min() / 2) if len(known) else 0.0
        return cls(given / 2 / span if span > 0 else np.where(np.isnan(given), np.nan, 0.0))

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        def measure(low: np.ndarray, high: np.ndarray) -> np.ndarray:
            apart = np.abs(self.place[low] - self.place[high])
            return np.where(np.isnan(apart), 1.0, apart)

        return measured(left, right, measure)
