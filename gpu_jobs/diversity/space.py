"""Where a contributor's texts lie among the others': coverage and tail.

Both look at a sample of the pool's distinct texts, without those that the contributor handed in.

Coverage: the share of the sample's texts that have one of the contributor's texts nearer than
their own K-th neighbour in the sample (M. F. Naeem et al., "Reliable Fidelity and Diversity
Metrics for Generative Models", ICML 2020). It grows with the number of texts, so it is the mean
over draws of `size` of them.

Tail: the share of the contributor's texts that lie farther from their K-th neighbour in the
sample than TAIL of all texts do. Over the whole pool it is about 1 − TAIL; a contributor whose
texts come from the middle of the cloud has less, and who hands in nothing of it feeds a model
that forgets the rare (I. Shumailov et al., "AI models collapse when trained on recursively
generated data", Nature 631, 2024).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gpu_jobs.diversity.vendi import Rows

NEIGHBOURS = 5
SAMPLE = 2_000
TAIL = 0.9
_ENTRIES = 2**24


@dataclass(frozen=True)
class Place:
    """coverage float64 (W,); tail float64 (W,), how many of the rows lie there. NaN inside where
    the sample has too few texts of others.
    """

    coverage: np.ndarray
    tail: np.ndarray


def places(
    rows: Rows,
    text: np.ndarray,
    worker: np.ndarray,
    *,
    workers: int,
    size: int,
    draws: int,
    rng: np.random.Generator,
    sample: int = SAMPLE,
) -> Place:
    """rows: unit vectors of distinct texts (D, d); text, worker: int64 (n,), of each row handed
    in.
    """
    distinct = rows.shape[0]
    chosen = np.sort(rng.choice(distinct, min(sample, distinct), replace=False))
    radius = _radius(rows, chosen)
    coverage = np.full(workers, np.nan)
    far = np.full(len(text), np.nan)
    for one in range(workers):
        mine = np.flatnonzero(worker == one)
        texts, back = np.unique(text[mine], return_inverse=True)
        others = np.flatnonzero(~np.isin(chosen, texts))
        if len(others) <= NEIGHBOURS or not len(mine):
            continue
        inside = np.zeros((len(texts), len(others)), dtype=bool)
        near = np.empty(len(texts))
        for part, alike in similarities(rows, texts, chosen[others]):
            inside[part] = alike >= radius[others]
            near[part] = np.partition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS]
        far[mine] = 1 - near[back]
        coverage[one] = _covered(inside[back], size, draws, rng)
    known = np.isfinite(far)
    tail = np.full(workers, np.nan)
    if known.any():
        beyond = far > np.quantile(far[known], TAIL)
        count = np.bincount(worker[known], beyond[known], workers)
        tail = np.where(np.bincount(worker[known], minlength=workers) > 0, count, np.nan)
    return Place(coverage=coverage, tail=tail)


def _radius(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    """float64 (S,): similarity of each text of the sample to its K-th neighbour in it."""
    found = np.empty(len(chosen))
    wanted = min(NEIGHBOURS, max(len(chosen) - 1, 1))
    for part, alike in similarities(rows, chosen, chosen):
        places = np.arange(part.start, part.start + len(alike))
        alike[np.arange(len(alike)), places] = -np.inf
        found[part] = np.partition(alike, -wanted, axis=1)[:, -wanted]
    return found


def _covered(inside: np.ndarray, size: int, draws: int, rng: np.random.Generator) -> float:
    """Mean share of columns that a draw of `size` rows reaches."""
    if len(inside) <= size:
        return float(inside.any(axis=0).mean())
    shares = [
        inside[rng.choice(len(inside), size, replace=False)].any(axis=0).mean()
        for _ in range(draws)
    ]
    return float(np.mean(shares))


def similarities(
    rows: Rows, first: np.ndarray, second: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Slices of `first` and their cosines with all of `second`."""
    other = rows[second].T
    step = max(_ENTRIES // max(len(second), 1), 1)
    for at in range(0, len(first), step):
        product = rows[first[at : at + step]] @ other
        dense = product.toarray() if sparse.issparse(product) else product
        yield slice(at, at + len(dense)), np.asarray(dense, dtype=np.float64)
