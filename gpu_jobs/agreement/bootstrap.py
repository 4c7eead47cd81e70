"""Intervals by resampling items: every figure here is a function of sums over items.

Items are drawn with replacement, as many as there are; the answers of an item stay together
(B. Efron, "Bootstrap Methods", 1979; for α, A. Hayes & K. Krippendorff, "Answering the Call for a
Standard Reliability Measure", 2007, resample too). An interval holds the middle 95% of the
figures of the draws. It says how much the figure would move with other items of the same kind
and the same people, not with other people.

What a draw needs is how often each item came up. Items with the same answers are exchangeable,
so they are first put together: P kinds, `times` items of each. Then a draw is one multinomial
count of the kinds, and 1,000 draws of 200,000 items with five answers in four classes are
1,000 × 56 numbers. Where most items are unlike each other, items are drawn one by one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gpu_jobs.answers import Cells
from gpu_jobs.distances.pairs import offsets

RESAMPLES = 1000
COVERED = 0.95
_BLOCK = 4_000_000
_DENSE = 100_000
"""Kinds × values up to which a plain matrix product is faster than a sparse one."""


@dataclass(frozen=True)
class Kinds:
    """P kinds of items: counts sparse float64 (P, V), size float64 (P,) answers, times int64 (P,).

    Sorted by what is answered, never by names, so that draws do not depend on names or rows.
    """

    counts: sparse.csr_array
    size: np.ndarray
    times: np.ndarray

    def of_values(self, weights: np.ndarray) -> np.ndarray:
        """How often each value was given under weights float64 (b, P): float64 (b, V)."""
        small = self.counts.shape[0] * self.counts.shape[1] <= _DENSE
        return weights @ (self.counts.toarray() if small else self.counts)


def each_item(counts: Cells, *, values: int) -> Kinds:
    """Every item a kind of its own, in the order of items: enough where nothing is drawn."""
    length = np.bincount(counts.item)
    length = length[length > 0]
    start = np.concatenate([[0], np.cumsum(length)])
    data = (counts.count.astype(np.float64), counts.value, start)
    table = sparse.csr_array(data, shape=(len(length), values))
    size = np.add.reduceat(data[0], start[:-1]) if len(length) else np.empty(0)
    return Kinds(counts=table, size=size, times=np.ones(len(length), dtype=np.int64))


def kinds_of(counts: Cells, *, values: int, together: bool = True) -> Kinds:
    """From cells sorted by (item, value), value < `values`. together: equal items are one kind."""
    items = each_item(counts, values=values)
    length = np.diff(items.counts.indptr).astype(np.int64)
    first = offsets(length)
    most = int(counts.count.max(initial=0)) + 1
    word = counts.value * most + counts.count
    _, code = np.unique(length, return_inverse=True)
    used = int(code.max(initial=-1)) + 1
    for step in range(int(length.max(initial=0))):
        longer = np.flatnonzero(length > step)
        key = code[longer] * (values * most + 1) + word[first[longer] + step]
        found, code[longer] = np.unique(key, return_inverse=True)
        code[longer] += used
        used += len(found)
    if together:
        _, member, times = np.unique(code, return_index=True, return_counts=True)
    else:
        member, times = np.argsort(code, kind="stable"), np.ones(len(code), dtype=np.int64)
    return Kinds(counts=items.counts[member], size=items.size[member], times=times.astype(np.int64))


def draws(
    times: np.ndarray, *, resamples: int, generator: np.random.Generator, width: int
) -> Iterator[np.ndarray]:
    """Blocks float64 (b, P) of how often each kind came up; in all `resamples` rows.

    width: numbers that a caller keeps for each row; bounds the size of a block.
    """
    kinds, items = len(times), int(times.sum())
    few = kinds * 8 <= items
    step = max(1, _BLOCK // max(kinds if few else items, width, 1))
    kind_of = None if few else np.repeat(np.arange(kinds), times)
    whole = np.uint16 if items <= 2**16 else np.int64
    for low in range(0, resamples, step):
        rows = min(step, resamples - low)
        if kind_of is None:
            yield generator.multinomial(items, times / items, size=rows).astype(np.float64)
            continue
        drawn = kind_of[generator.integers(0, items, size=(rows, items), dtype=whole)]
        drawn += (np.arange(rows) * kinds)[:, None]
        flat = np.bincount(drawn.ravel(), minlength=rows * kinds)
        yield flat.reshape(rows, kinds).astype(np.float64)


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
) -> Interval:
    """statistic: weights float64 (b, P) → figures (b,), NaN where undefined.

    None for a single item, and where the figure is undefined in half of the draws or more.
    """
    if resamples < 1 or times.sum() < 2:
        return NO_INTERVAL
    generator = np.random.default_rng(seed)
    blocks = draws(times, resamples=resamples, generator=generator, width=width)
    found = np.concatenate([statistic(block) for block in blocks])
    found = found[~np.isnan(found)]
    if 2 * len(found) <= resamples:
        return Interval(None, None, len(found))
    low, high = np.quantile(found, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Interval(float(low), float(high), len(found))
