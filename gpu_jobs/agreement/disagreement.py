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
RANKED = 16
"""Classes up to which an ordinal draw is computed from the coincidences of every two."""
_BLOCK = 4_000_000


class Model(Protocol):
    """width: numbers that one weighting needs while it is computed. features: float64 (P, F) whose
    sums over a draw are enough for `of_sums`; None where the weights themselves are needed.
    """

    @property
    def width(self) -> int: ...

    @property
    def features(self) -> np.ndarray | None: ...

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def of_sums(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


class OfSums:
    """A model whose features always fit."""

    features: np.ndarray

    @property
    def width(self) -> int:
        return self.features.shape[1]

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.of_sums(weights @ self.features)

    def of_sums(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


class OfWeights:
    """A model without features."""

    @property
    def features(self) -> None:
        return None

    def of_sums(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


def nominal(kinds: Kinds) -> "Nominal | NominalOfSums":
    """The same figures either way; few classes need no sparse product."""
    return Nominal.of(kinds) if kinds.dense is None else NominalOfSums.of(kinds, kinds.dense)


def ordinal(kinds: Kinds) -> "Ordinal | OrdinalOfSums":
    """As `nominal`."""
    few = kinds.dense is not None and kinds.values <= RANKED
    return OrdinalOfSums.of(kinds) if few else Ordinal.of(kinds)


@dataclass(frozen=True)
class Nominal(OfWeights):
    """(n² − Σ_v n_v²) ÷ n(n − 1), and the same within items."""

    kinds: Kinds
    within: np.ndarray
    width: int

    @classmethod
    def of(cls, kinds: Kinds) -> "Nominal":
        return cls(kinds, _unequal(kinds), kinds.values)

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = weights @ self.kinds.size
        of_value = self.kinds.of_values(weights)
        equal = np.einsum("bv,bv->b", of_value, of_value)
        return weights @ self.within / n, (np.square(n) - equal) / (n * (n - 1))


@dataclass(frozen=True)
class NominalOfSums(OfSums):
    """features: D_o's part, answers, and those of each class but the last, which is the rest.

    Where all items have m answers, D_o's part stands there times m − 1, and is a whole number;
    parts: what it is to be divided by.
    """

    features: np.ndarray
    parts: float

    @classmethod
    def of(cls, kinds: Kinds, dense: np.ndarray) -> "NominalOfSums":
        m = float(kinds.size[0])
        alike = bool((kinds.size == m).all())
        part = m * m - kinds.squares if alike else _unequal(kinds)
        return cls(np.column_stack([part, kinds.size, dense[:, :-1]]), m - 1 if alike else 1.0)

    def of_sums(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        part, n, of_value = sums[:, 0], sums[:, 1], sums[:, 2:]
        equal = np.square(of_value).sum(axis=1) + np.square(n - of_value.sum(axis=1))
        return part / (n * self.parts), (np.square(n) - equal) / (n * (n - 1))


def _unequal(kinds: Kinds) -> np.ndarray:
    return (np.square(kinds.size) - kinds.squares) / (kinds.size - 1)


@dataclass(frozen=True)
class Intervals(OfSums):
    """Squared differences, from sums and sums of squares; place (V,) is centred first."""

    features: np.ndarray

    @classmethod
    def of(cls, kinds: Kinds, place: np.ndarray) -> "Intervals":
        total = kinds.times @ kinds.counts
        v = place - (total @ place) / total.sum()
        first, second = kinds.counts @ v, kinds.counts @ np.square(v)
        owner = np.repeat(np.arange(len(kinds.times)), np.diff(kinds.first))
        away = v[kinds.value] - (first / kinds.size)[owner]
        spread_of = np.bincount(owner, weights=kinds.count * np.square(away))
        within = 2 * kinds.size * spread_of / (kinds.size - 1)
        return cls(np.column_stack([within, kinds.size, first, second]))

    def of_sums(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        within, n, first, second = sums.T
        expected = 2 * (n * second - np.square(first)) / (n * (n - 1))
        return within / n, expected


@dataclass(frozen=True)
class Ordinal(OfWeights):
    """The interval distance of midranks; a draw has its own ranks."""

    kinds: Kinds
    width: int

    @classmethod
    def of(cls, kinds: Kinds) -> "Ordinal":
        return cls(kinds, max(kinds.counts.shape))

    def totals(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, counts = self.kinds.size, self.kinds.counts
        n = weights @ size
        of_value = self.kinds.of_values(weights).T
        rank = _ranks(of_value)
        first, second = (counts @ rank).T, (counts @ np.square(rank)).T
        within = np.maximum(2 * (size * second - np.square(first)) / (size - 1), 0)
        return (weights * within).sum(axis=1) / n, _by_ranks(n, of_value, rank)


@dataclass(frozen=True)
class OrdinalOfSums(OfSums):
    """features: answers of each class, then c_v c_w ÷ (m − 1) of every two classes v < w: with the
    coincidences of a draw, its ranks can wait. low, high: int64, the classes of those.
    """

    features: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, kinds: Kinds) -> "OrdinalOfSums":
        dense = kinds.counts.toarray() if kinds.dense is None else kinds.dense
        low, high = np.triu_indices(kinds.values, 1)
        together = dense[:, low] * dense[:, high] / (kinds.size - 1)[:, None]
        return cls(np.column_stack([dense, together]), low, high)

    def of_sums(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Rows of classes are gone over much faster than their columns.
        rows = np.ascontiguousarray(sums.T)
        values = len(rows) - len(self.low)
        of_value, together = rows[:values], rows[values:]
        n, rank = of_value.sum(axis=0), _ranks(of_value)
        apart = np.square(rank[self.high] - rank[self.low])
        observed = 2 * (together * apart).sum(axis=0) / n
        return observed, _by_ranks(n, of_value, rank)


def _ranks(of_value: np.ndarray) -> np.ndarray:
    """Midranks less their mean, which is n / 2: float64 (V, b)."""
    n = of_value.sum(axis=0)
    return np.asarray(np.cumsum(of_value, axis=0) - of_value / 2 - n / 2)


def _by_ranks(n: np.ndarray, of_value: np.ndarray, rank: np.ndarray) -> np.ndarray:
    first = of_value * rank
    mean, square = first.sum(axis=0), (first * rank).sum(axis=0)
    return np.asarray(2 * (n * square - np.square(mean)) / (n * (n - 1)))


@dataclass(frozen=True)
class Pairs(OfWeights):
    """Any distance, over every two of the V distinct values; D_e is exact."""

    kinds: Kinds
    within: np.ndarray
    rows: Callable[[int, int], np.ndarray]
    width: int

    @classmethod
    def of(cls, kinds: Kinds, distance: Distance) -> "Pairs":
        values = kinds.values

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
        values = self.kinds.values
        step = max(1, _BLOCK // max(values, 1))
        total = np.zeros(len(weights))
        for low in range(0, values, step):
            high = min(low + step, values)
            total += ((of_value[:, low:high] @ self.rows(low, high)) * of_value).sum(axis=1)
        return weights @ self.within / n, total / (n * (n - 1))


@dataclass(frozen=True)
class Sampled(OfWeights):
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
        ends = np.cumsum(kinds.count)
        n = int(ends[-1])
        one = generator.integers(0, n, size=pairs)
        two = generator.integers(0, n - 1, size=pairs)
        two += two >= one
        left, right = (np.searchsorted(ends, each, side="right") for each in (one, two))
        owner = np.repeat(np.arange(len(kinds.times)), np.diff(kinds.first))
        value = kinds.value
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
    length = np.diff(kinds.first)
    owner = np.repeat(np.arange(len(length)), length)
    weight = kinds.count * apart(kinds, distance)
    total = np.bincount(owner, weights=weight, minlength=len(length))
    return total / np.maximum(kinds.size - 1, 1)


def apart(kinds: Kinds, distance: Distance) -> np.ndarray:
    """Of each cell (item, value) the sum of its distances to all answers of the item: (cells,)."""
    owner = np.repeat(np.arange(len(kinds.times)), np.diff(kinds.first))
    after = kinds.first[1:][owner] - np.arange(len(owner)) - 1
    total = np.zeros(len(owner))
    value = kinds.value
    for part in blocks(after, size=_BLOCK):
        left, right = spread(np.arange(part.start, part.stop) + 1, after[part])
        left += part.start
        each = distance.between(value[left], value[right])
        total += np.bincount(left, weights=each * kinds.count[right], minlength=len(owner))
        total += np.bincount(right, weights=each * kinds.count[left], minlength=len(owner))
    return total
