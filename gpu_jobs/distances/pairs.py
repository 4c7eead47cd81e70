"""What every distance shares: pairs by index, ragged expansion, blocks of bounded memory."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from gpu_jobs.contracts import InputError

BLOCK = 2_000_000
"""Elements that one block of pairs may expand to."""


SAMPLE = 200_000
"""Pairs that a distance measures in seconds; a slow one has a smaller `affordable`."""
DENSE = 50_000_000
"""Numbers that a table of values × names may have."""


class Distance(Protocol):
    """A measure over V distinct values."""

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Distances float64 (P,) in [0, 1] of P pairs; left, right: int64 (P,) into the values."""
        ...


def measured(
    left: np.ndarray,
    right: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    cost: np.ndarray | None = None,
    product: bool = False,
) -> np.ndarray:
    """`measure` once for each unordered pair of different values, in blocks; else 0.

    cost: int64 (V,), elements that a value expands to, added up over the pair (`product`:
    multiplied). Symmetric because the smaller index always comes first.
    """
    out = np.zeros(len(left))
    low, high = np.minimum(left, right), np.maximum(left, right)
    differ = np.flatnonzero(low != high)
    if not len(differ):
        return out
    width = int(high.max()) + 1
    keys, back = np.unique(low[differ] * width + high[differ], return_inverse=True)
    low, high = keys // width, keys % width
    if cost is None:
        need = np.ones(len(keys), dtype=np.int64)
    else:
        need = cost[low] * cost[high] if product else cost[low] + cost[high]
    found = np.empty(len(keys))
    for part in blocks(need):
        found[part] = measure(low[part], high[part])
    out[differ] = np.clip(found, 0.0, 1.0)[back]
    return out


def blocks(cost: np.ndarray, size: int | None = None) -> Iterator[slice]:
    """Consecutive slices whose costs add up to at most `size` (one element at least)."""
    limit = BLOCK if size is None else size
    ends, low = np.cumsum(cost), 0
    while low < len(cost):
        done = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + limit, side="right")))
        yield slice(low, high)
        low = high


def spread(start: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(owner, position): start[k], …, start[k] + count[k] − 1 for each k, one after another."""
    owner = np.repeat(np.arange(len(count)), count)
    position = np.arange(len(owner)) - (np.cumsum(count) - count)[owner] + start[owner]
    return owner, position


def crossed(
    start: np.ndarray, count: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pair, i, j): every part i of value left[pair] with every part j of value right[pair].

    Parts of value v lie at start[v], …, start[v] + count[v] − 1.
    """
    owner, step = spread(np.zeros(len(left), dtype=np.int64), count[left] * count[right])
    of_right = count[right][owner]
    return owner, start[left][owner] + step // of_right, start[right][owner] + step % of_right


def affordable(distance: Distance) -> int:
    """Pairs to sample where all of them are too many."""
    return int(getattr(distance, "affordable", SAMPLE))


def check_dense(values: int, names: int, what: str) -> None:
    """Raises InputError where values × names would not fit: names are meant to recur."""
    if values * names > DENSE:
        raise InputError(f"{names:,} different {what} in {values:,} answers are too many")


def offsets(count: np.ndarray) -> np.ndarray:
    """Where each run begins when runs of these lengths stand one after another."""
    return np.cumsum(count) - count
