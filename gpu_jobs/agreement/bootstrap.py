"""Intervals by resampling items: every figure here is a function of sums over items.

Items are drawn with replacement, as many as there are; the answers of an item stay together
(B. Efron, "Bootstrap Methods", 1979; for α, A. Hayes & K. Krippendorff, "Answering the Call for a
Standard Reliability Measure", 2007, resample too). An interval holds the middle 95% of the
figures of the draws. It says how much the figure would move with other items of the same kind
and the same people, not with other people.

What a draw needs is how often each item came up. Items with the same answers are exchangeable,
so they are first put together: P kinds, `times` items of each. Then a draw is one multinomial
count of the kinds, and 1,000 draws of 200,000 items with five answers in four classes are
1,000 × 56 numbers. Where most items are unlike each other, items are drawn one by one. Where there
are few items and a figure needs few sums, even the counts are left out: items are drawn two at a
time from a table of the sums of every two, all sums of which are the digits of one number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from scipy import sparse

from gpu_jobs.aggregation.fingerprints import mixed
from gpu_jobs.answers import Cells
from gpu_jobs.distances.pairs import offsets

RESAMPLES = 1000
COVERED = 0.95
_BLOCK = 4_000_000
_CACHED = 60_000
"""Items drawn at a time: more of them leave the processor's cache, which costs more than a loop."""
_PAIRS = 500_000
"""The same where two come from one look into a table, and little else is done."""
_FEW = 20
"""Items a kind from which one binomial a kind is cheaper than drawing every item."""
_PAIRED = 256
"""Items up to which a table of every two of them stays in the cache."""
_DENSE = 100_000
"""Kinds × values up to which a plain matrix product is faster than a sparse one."""


@dataclass(frozen=True)
class Kinds:
    """P kinds of items in V values. value, count: int64 (cells,), sorted by (kind, value); first:
    int64 (P + 1,), where each kind's cells begin. times: int64 (P,), items of each kind.

    Sorted by what is answered, never by names, so that draws do not depend on names or rows.
    """

    value: np.ndarray
    count: np.ndarray
    first: np.ndarray
    times: np.ndarray
    values: int

    @cached_property
    def counts(self) -> sparse.csr_array:
        """Sparse float64 (P, V)."""
        data = (self.count.astype(np.float64), self.value, self.first)
        return sparse.csr_array(data, shape=(len(self.times), self.values))

    @cached_property
    def dense(self) -> np.ndarray | None:
        """The same as one table, None where that is large."""
        if len(self.times) * self.values > _DENSE:
            return None
        table = np.zeros((len(self.times), self.values))
        table[np.repeat(np.arange(len(self.times)), np.diff(self.first)), self.value] = self.count
        return table

    @cached_property
    def size(self) -> np.ndarray:
        """Float64 (P,): answers to an item of the kind."""
        return self._sums(self.count.astype(np.float64))

    @cached_property
    def squares(self) -> np.ndarray:
        """Float64 (P,): Σ_v c_v² of an item of the kind."""
        return self._sums(np.square(self.count.astype(np.float64)))

    def of_values(self, weights: np.ndarray) -> np.ndarray:
        """How often each value was given under weights float64 (b, P): float64 (b, V)."""
        return weights @ (self.counts if self.dense is None else self.dense)

    def _sums(self, of_cells: np.ndarray) -> np.ndarray:
        return np.add.reduceat(of_cells, self.first[:-1]) if len(self.times) else np.empty(0)


def each_item(counts: Cells, *, values: int) -> Kinds:
    """Every item a kind of its own, in the order of items: enough where nothing is drawn."""
    length = np.bincount(counts.item)
    length = length[length > 0]
    first = np.concatenate([[0], np.cumsum(length)])
    times = np.ones(len(length), dtype=np.int64)
    return Kinds(counts.value, counts.count, first, times, values)


def kinds_of(counts: Cells, *, values: int, together: bool = True, ordered: bool = False) -> Kinds:
    """From cells sorted by (item, value), value < `values`. together: equal items are one kind.

    ordered: values stand on a scale. Otherwise they are told apart by how they were given, so that
    the order of kinds does not depend on their names.
    """
    items = each_item(counts, values=values)
    if not len(items.times):
        return items
    rank = np.arange(values) if ordered else _ranks(items)
    key = _keys(items, rank.astype(np.uint64) << np.uint64(32))
    member = np.argsort(key, kind="stable")
    times = items.times
    if together and len(member) > _PAIRED:
        new = np.append(True, np.diff(key[member]) != 0)
        # Items of one hash are the same items, or else none are put together.
        if _all_equal(items, member, new):
            start = np.flatnonzero(new)
            times = np.diff(np.append(start, len(member)))
            member = member[start]
    length = np.diff(items.first)[member]
    first = np.append(0, np.cumsum(length))
    cell = np.arange(first[-1]) + np.repeat(items.first[member] - first[:-1], length)
    return Kinds(items.value[cell], items.count[cell], first, times, items.values)


def _all_equal(items: Kinds, order: np.ndarray, new: np.ndarray) -> bool:
    """Whether neighbours in `order` have the same cells, but for those that are `new`."""
    one, two = order[:-1][~new[1:]], order[1:][~new[1:]]
    length = np.diff(items.first)
    if not np.array_equal(length[one], length[two]):
        return False
    left = np.repeat(items.first[one] - offsets(length[one]), length[one])
    left += np.arange(len(left))
    right = left + np.repeat(items.first[two] - items.first[one], length[one])
    same = (items.value[left] == items.value[right]) & (items.count[left] == items.count[right])
    return bool(same.all())


def _ranks(items: Kinds) -> np.ndarray:
    """int64 (V,): values by how often they were given; equally frequent ones by beside what.

    What is still equal can change places without a trace, and keeps its order.
    """
    often = np.bincount(items.value, weights=items.count, minlength=items.values)
    beside = np.zeros(items.values, dtype=np.uint64)
    if len(set(often.tolist())) < len(often):
        prints = mixed(often.astype(np.uint64))
        owner = np.repeat(np.arange(len(items.times)), np.diff(items.first))
        each = mixed(_keys(items, prints)[owner] + items.count.astype(np.uint64))
        np.add.at(beside, items.value, each)
    rank = np.empty(items.values, dtype=np.int64)
    rank[np.lexsort((beside, often))] = np.arange(items.values)
    return rank


def _keys(items: Kinds, prints: np.ndarray) -> np.ndarray:
    """uint64 (P,): a hash of the prints and counts of an item's values, in whatever order."""
    return np.add.reduceat(
        mixed(prints[items.value] + items.count.astype(np.uint64)), items.first[:-1]
    )


def draws(
    times: np.ndarray, *, resamples: int, generator: np.random.Generator, width: int
) -> Iterator[np.ndarray]:
    """Blocks float64 (b, P) of how often each kind came up; in all `resamples` rows.

    width: numbers that a caller keeps for each row; bounds the size of a block.
    """
    kinds, items = len(times), int(times.sum())
    few = kinds * _FEW <= items
    step = min(_BLOCK // max(kinds, width, 1), resamples if few else _CACHED // max(items, 1))
    step = max(1, step)
    kind_of = None if few or kinds == items else np.repeat(np.arange(kinds), times)
    for low in range(0, resamples, step):
        rows = min(step, resamples - low)
        if few:
            yield generator.multinomial(items, times / items, size=rows).astype(np.float64)
            continue
        drawn = _below(items, (rows, items), generator)
        if kind_of is not None:
            drawn = kind_of.take(drawn)
        drawn += (np.arange(rows) * kinds)[:, None]
        flat = np.bincount(drawn.ravel(), minlength=rows * kinds)
        yield flat.reshape(rows, kinds).astype(np.float64)


def _below(end: int, shape: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """int64, each of 0 … end − 1 with the same chance, up to end parts in 2³²."""
    if end > 2**20:
        return generator.integers(0, end, size=shape)
    # Two numbers from each of the generator's words; the high half of a product is below `end`.
    count = shape[0] * shape[1]
    words = generator.integers(0, 2**64, size=(count + 1) // 2, dtype=np.uint64)
    product = words.view(np.uint32)[:count].astype(np.uint64)
    product *= np.uint64(end)
    product >>= np.uint64(32)
    return product.view(np.int64).reshape(shape)


def sums(
    features: np.ndarray, times: np.ndarray, *, resamples: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Blocks float64 (b, F): features (P, F) of a kind, added up over the items of a draw."""
    items = int(times.sum())
    few = len(times) * _FEW <= items
    packed = None if few or items > _PAIRED else _Packed.of(features, items)
    if packed is None:
        width = features.shape[1]
        for weights in draws(times, resamples=resamples, generator=generator, width=width):
            yield weights @ features
        return
    one = packed.code if len(times) == items else np.repeat(packed.code, times)
    table = np.add.outer(one, one).ravel()
    step = _PAIRS // items
    for low in range(0, resamples, step):
        rows = min(step, resamples - low)
        drawn = _below(items * items, (rows, items // 2), generator)
        total = table.take(drawn).sum(axis=1, dtype=table.dtype)
        if items % 2:
            total += one[_below(items, (rows, 1), generator)[:, 0]]
        yield packed.unpacked(total)


@dataclass(frozen=True)
class _Packed:
    """Features that are whole numbers, as digits of one number that add up without a carry.

    code: unsigned (P,). low, shift, mask: (F,), of each feature its least value, from which it is
    counted, its place, and its bits.
    """

    code: np.ndarray
    low: np.ndarray
    shift: np.ndarray
    mask: np.ndarray
    items: int

    @classmethod
    def of(cls, features: np.ndarray, items: int) -> "_Packed | None":
        """None where the sums of `items` items do not fit."""
        low = features.min(axis=0)
        above = (features - low).astype(np.int64)
        if not np.array_equal(above + low, features):
            return None
        bits = [(items * most).bit_length() for most in above.max(axis=0).tolist()]
        if sum(bits) > 63:
            return None
        shift = np.array([0, *accumulate(bits[:-1])])
        code = (above << shift).sum(axis=1)
        small = np.uint32 if sum(bits) <= 32 else np.uint64
        return cls(code.astype(small), low, shift, (1 << np.array(bits)) - 1, items)

    def unpacked(self, total: np.ndarray) -> np.ndarray:
        digit = (total.astype(np.int64)[:, None] >> self.shift) & self.mask
        return np.asarray(digit + self.items * self.low)


@dataclass(frozen=True)
class Interval:
    """low, high: ends of the interval, None where it cannot be had. resamples: draws in which
    the figure was defined.
    """

    low: float | None
    high: float | None
    resamples: int


NO_INTERVAL = Interval(None, None, 0)


def interval(
    statistic: Callable[[np.ndarray], np.ndarray],
    times: np.ndarray,
    *,
    resamples: int,
    seed: int,
    width: int,
    features: np.ndarray | None = None,
) -> Interval:
    """statistic: weights float64 (b, P) → figures (b,), NaN where undefined. With features float64
    (P, F) it is given their sums (b, F) instead.

    None for a single item, and where the figure is undefined in half of the draws or more.
    """
    if resamples < 1 or times.sum() < 2:
        return NO_INTERVAL
    generator = np.random.default_rng(seed)
    blocks = (
        draws(times, resamples=resamples, generator=generator, width=width)
        if features is None
        else sums(features, times, resamples=resamples, generator=generator)
    )
    found = np.concatenate([statistic(block) for block in blocks])
    found = found[~np.isnan(found)]
    if 2 * len(found) <= resamples:
        return Interval(None, None, len(found))
    found.sort()
    low, high = (_quantile(found, (1 + side * COVERED) / 2) for side in (-1, 1))
    return Interval(low, high, len(found))


def _quantile(ascending: np.ndarray, share: float) -> float:
    """As `np.quantile`, without looking for the order once more."""
    place = share * (len(ascending) - 1)
    low = int(place)
    below, above = ascending[low], ascending[min(low + 1, len(ascending) - 1)]
    return float(below + (place - low) * (above - below))
