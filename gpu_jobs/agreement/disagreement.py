"""D_o and D_e of Krippendorff's α for any number of weightings of the items at once.

Each model is made from the kinds of items and gives, for weights float64 (b, P) — how often each
kind counts —, observed and expected disagreement float64 (b,). With the kinds' own times as
weights that is α itself; with those of a draw it is α of the draw. Formulas: `alpha`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gpu_jobs.agreement.bootstrap import Kinds
from gpu_jobs.distances.pairs import Distance, blocks, spread

MATRIX = 2_000
"""Distinct values up to which all distances between them are kept as one matrix."""
_BLOCK = 4_000_000


class Model(Protocol):
    """width: numbers that one weighting needs while it is computed."""

    @property
    def width(self) -> int: ...

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class Nominal:
    """(n² − Σ_v n_v²) ÷ n(n − 1), and the same within items."""

    kinds: Kinds
    within: np.ndarray
    width: int

    @classmethod
    def of(cls, kinds: Kinds) -> "Nominal":
        squares = np.asarray(kinds.counts.multiply(kinds.counts).sum(axis=1)).ravel()
        within = (np.square(kinds.size) - squares) / (kinds.size - 1)
        return cls(kinds, within, kinds.counts.shape[1])

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = weights @ self.kinds.size
        of_value = self.kinds.of_values(weights)
        equal = np.einsum("bv,bv->b", of_value, of_value)
        return weights @ self.within / n, (np.square(n) - equal) / (n * (n - 1))


@dataclass(frozen=True)
class Intervals:
    """Squared differences, from sums and sums of squares; place (V,) is centred first."""

    sums: np.ndarray
    within: np.ndarray
    width: int

    @classmethod
    def of(cls, kinds: Kinds, place: np.ndarray) -> "Intervals":
        total = kinds.times @ kinds.counts
        v = place - (total @ place) / total.sum()
        first, second = kinds.counts @ v, kinds.counts @ np.square(v)
        centred = kinds.counts.copy()
        owner = np.repeat(np.arange(len(kinds.size)), np.diff(centred.indptr))
        away = v[centred.indices] - (first / kinds.size)[owner]
        spread_of = np.bincount(owner, weights=centred.data * np.square(away))
        within = 2 * kinds.size * spread_of / (kinds.size - 1)
        return cls(np.column_stack([kinds.size, first, second]), within, 1)

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, first, second = (weights @ self.sums).T
        expected = 2 * (n * second - np.square(first)) / (n * (n - 1))
        return weights @ self.within / n, expected


@dataclass(frozen=True)
class Ordinal:
    """The interval distance of midranks; a draw has its own ranks."""

    kinds: Kinds
    width: int

    @classmethod
    def of(cls, kinds: Kinds) -> "Ordinal":
        return cls(kinds, max(kinds.counts.shape))

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, counts = self.kinds.size, self.kinds.counts
        n = weights @ size
        of_value = self.kinds.of_values(weights)
        # The mean of midranks is n / 2.
        rank = np.cumsum(of_value, axis=1) - of_value / 2 - n[:, None] / 2
        first, second = (counts @ rank.T).T, (counts @ np.square(rank).T).T
        within = np.maximum(2 * (size * second - np.square(first)) / (size - 1), 0)
        square = (of_value * np.square(rank)).sum(axis=1)
        mean = (of_value * rank).sum(axis=1)
        expected = 2 * (n * square - np.square(mean)) / (n * (n - 1))
        return (weights * within).sum(axis=1) / n, expected


@dataclass(frozen=True)
class Pairs:
    """Any distance, over every two of the V distinct values; D_e is exact."""

    kinds: Kinds
    within: np.ndarray
    rows: Callable[[int, int], np.ndarray]
    width: int

    @classmethod
    def of(cls, kinds: Kinds, distance: Distance) -> "Pairs":
        values = kinds.counts.shape[1]

        def rows(low: int, high: int) -> np.ndarray:
            left = np.repeat(np.arange(low, high), values)
            right = np.tile(np.arange(values), high - low)
            return distance.between(left, right).reshape(high - low, values)

        if values <= MATRIX:
            step = max(1, _BLOCK // max(values, 1))
            whole = np.concatenate(
                [rows(low, min(low + step, values)) for low in range(0, values, step)]
            )
            return cls(kinds, within(kinds, distance), lambda low, high: whole[low:high], values)
        return cls(kinds, within(kinds, distance), rows, values)

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = weights @ self.kinds.size
        of_value = self.kinds.of_values(weights)
        values = self.kinds.counts.shape[1]
        step = max(1, _BLOCK // max(values, 1))
        total = np.zeros(len(weights))
        for low in range(0, values, step):
            high = min(low + step, values)
            total += ((of_value[:, low:high] @ self.rows(low, high)) * of_value).sum(axis=1)
        return weights @ self.within / n, total / (n * (n - 1))


@dataclass(frozen=True)
class Sampled:
    """Any distance, D_e from a seeded sample of pairs of answers; kinds must not be put together.

    first, second: int64 (S,), the items of the two answers; apart: float64 (S,). In a draw a
    sampled pair counts as often as its two items did together. The answers of a draw also meet
    their own copies, at distance 0; how many such pairs there are is known, not sampled.
    """

    kinds: Kinds
    within: np.ndarray
    first: np.ndarray
    second: np.ndarray
    apart: np.ndarray
    width: int

    @classmethod
    def of(cls, kinds: Kinds, distance: Distance, *, pairs: int, seed: int) -> "Sampled":
        generator = np.random.default_rng(seed)
        ends = np.cumsum(kinds.counts.data)
        n = int(ends[-1])
        one = generator.integers(0, n, size=pairs)
        two = generator.integers(0, n - 1, size=pairs)
        two += two >= one
        left, right = (np.searchsorted(ends, each, side="right") for each in (one, two))
        owner = np.repeat(np.arange(len(kinds.size)), np.diff(kinds.counts.indptr))
        value = kinds.counts.indices.astype(np.int64)
        apart = distance.between(value[left], value[right])
        return cls(kinds, within(kinds, distance), owner[left], owner[right], apart, pairs)

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = self.kinds.size
        n = weights @ size
        together = weights[:, self.first] * weights[:, self.second]
        met = together.sum(axis=1)
        mean = np.divide(together @ self.apart, met, out=np.zeros(len(met)), where=met > 0)
        others = np.square(n) - np.square(weights) @ size
        return weights @ self.within / n, mean * others / (n * (n - 1))


def within(kinds: Kinds, distance: Distance) -> np.ndarray:
    """Σ over ordered pairs of answers of one item of their distance ÷ (answers − 1): (P,)."""
    length = np.diff(kinds.counts.indptr)
    owner = np.repeat(np.arange(len(length)), length)
    weight = kinds.counts.data * apart(kinds, distance)
    total = np.bincount(owner, weights=weight, minlength=len(length))
    return total / np.maximum(kinds.size - 1, 1)


def apart(kinds: Kinds, distance: Distance) -> np.ndarray:
    """Of each cell (item, value) the sum of its distances to all answers of the item: (cells,)."""
    counts = kinds.counts
    owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    after = counts.indptr[1:][owner].astype(np.int64) - np.arange(len(owner)) - 1
    total = np.zeros(len(owner))
    value = counts.indices.astype(np.int64)
    for part in blocks(after, size=_BLOCK):
        left, right = spread(np.arange(part.start, part.stop) + 1, after[part])
        left += part.start
        each = distance.between(value[left], value[right])
        total += np.bincount(left, weights=each * counts.data[right], minlength=len(owner))
        total += np.bincount(right, weights=each * counts.data[left], minlength=len(owner))
    return total
