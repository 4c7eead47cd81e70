"""Near-duplicate texts across accounts: MinHash to find them, two measures to confirm them.

A text is the set of its 5-character windows. The chance that two sets have the same minimum under a
random hash is their Jaccard similarity (A. Z. Broder, "On the resemblance and containment of
documents", 1997); 128 minima are cut into 32 bands of 4, and two texts that share a band are
candidates: a pair of similarity 0.8 is one with probability 1 − (1 − 0.8⁴)³² > 0.9999, of 0.2
with 0.05 (J. Leskovec, A. Rajaraman, J. Ullman, "Mining of Massive Datasets", chapter 3).

A candidate is a near-duplicate where the exact Jaccard similarity reaches 0.8, or the cosine of
their embeddings (hashed 3- to 5-character windows, weighted by rarity) reaches 0.9: the first
sees copies, the second also those with rearranged sentences. Only texts of different workers
count, and only those of at least 40 characters: short answers are equal by nature. So are texts
that the task itself suggests, so a text that more than `common` workers gave is left out: ten
people who write the same have copied from the item, not from each other.

One pair of texts says nothing about two people. The signal counts, for each worker, the different
items on which a text has a near-duplicate of another account; three speak.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from gpu_jobs.anomalies.peers import row_sums
from gpu_jobs.anomalies.signals import Signal, above
from gpu_jobs.contracts import InputError
from gpu_jobs.ngrams import (
    Grams,
    character_grams,
    features,
    inverse_frequency,
    normalise,
    unit_rows,
)

WINDOW = 5
HASHES, BANDS = 128, 32
JACCARD, COSINE = 0.8, 0.9
LEAST_LENGTH = 40
COMMON = 10
LEAST_ITEMS = 2
"""The signal speaks above this many items."""
CANDIDATES = 20_000_000
_BLOCK = 50_000
_PRIME = np.uint64((1 << 31) - 1)


@dataclass(frozen=True)
class Duplicates:
    """Pairs of rows first < second (p,), sorted; jaccard, cosine. items (W,): on how many items a
    worker has a text like another account's. compared: texts long enough.
    """

    first: np.ndarray
    second: np.ndarray
    jaccard: np.ndarray
    cosine: np.ndarray
    items: np.ndarray
    compared: int


def near_duplicates(
    texts: list[str | None],
    worker: np.ndarray,
    item: np.ndarray,
    *,
    workers: int,
    seed: int = 0,
    common: int = COMMON,
) -> Duplicates:
    """texts, worker, item: (n,). Equal seeds give equal pairs. Raises InputError for more than 20
    million candidate pairs, which only boilerplate makes.
    """
    column = normalise(texts)
    long = pc.utf8_length(column).to_numpy(zero_copy_only=False) >= LEAST_LENGTH
    rows = np.flatnonzero(long & ~_too_common(column, worker, common))
    if len(rows) < 2:
        none = np.empty(0, dtype=np.int64)
        return Duplicates(
            none, none, np.empty(0), np.empty(0), np.zeros(workers, np.int64), len(rows)
        )
    kept = column.take(pa.array(rows))
    grams = character_grams(kept, WINDOW)
    first, second = _candidates(signatures(grams, seed=seed), worker[rows])
    jaccard = _jaccard(grams, first, second)
    cosine = _cosine(kept, first, second)
    same = (jaccard >= JACCARD) | (cosine >= COSINE)
    first, second = rows[first[same]], rows[second[same]]
    both = np.concatenate([first, second])
    items = int(item.max(initial=0)) + 1
    met = np.unique(worker[both] * items + item[both])
    return Duplicates(
        first=first,
        second=second,
        jaccard=jaccard[same],
        cosine=cosine[same],
        items=np.bincount(met // items, minlength=workers),
        compared=len(rows),
    )


def signatures(grams: Grams, *, seed: int = 0, hashes: int = HASHES) -> np.ndarray:
    """uint64 (texts, hashes): minima of (a x + b) mod 2³¹ − 1 over a text's grams, x their hashes
    folded to 31 bits; the largest value for a text without grams.
    """
    draw = np.random.default_rng(seed)
    a = draw.integers(1, int(_PRIME), hashes, dtype=np.uint64)
    b = draw.integers(0, int(_PRIME), hashes, dtype=np.uint64)
    found = np.full((grams.texts, hashes), _PRIME, dtype=np.uint64)
    x = (grams.hash ^ (grams.hash >> np.uint64(33))) % _PRIME
    texts, start = np.unique(grams.text, return_index=True)
    if len(texts):
        for which in range(hashes):
            found[texts, which] = np.minimum.reduceat((a[which] * x + b[which]) % _PRIME, start)
    return found


def copied_texts(found: Duplicates, *, threshold: float = LEAST_ITEMS) -> Signal:
    return above("near-duplicate texts", "copying", threshold, found.items.astype(np.float64))


def _too_common(column: pa.Array, worker: np.ndarray, common: int) -> np.ndarray:
    """Texts that more than `common` different workers gave word for word."""
    code = column.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    workers = int(worker.max(initial=0)) + 1
    pairs = np.unique(code * workers + worker)
    return np.bincount(pairs // workers, minlength=int(code.max(initial=-1)) + 1)[code] > common


def _candidates(signature: np.ndarray, worker: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts of different workers that share a band."""
    texts = len(signature)
    width = signature.shape[1] // BANDS
    keys: list[np.ndarray] = []
    for band in range(BANDS):
        part = np.ascontiguousarray(signature[:, band * width : (band + 1) * width])
        _, bucket = np.unique(part, axis=0, return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        size = np.bincount(bucket)
        meetings = int((size * (size - 1) // 2).sum())
        if meetings > CANDIDATES:
            raise InputError(
                f"{meetings:,} pairs of texts look alike, more than the {CANDIDATES:,} allowed:"
                " take out what the task itself puts into every answer"
            )
        end = np.cumsum(size)[bucket[order]]
        after = end - np.arange(texts) - 1
        left = np.repeat(np.arange(texts), after)
        right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(after) - after, after)
        one, two = order[left], order[right]
        apart = worker[one] != worker[two]
        low, high = np.minimum(one, two)[apart], np.maximum(one, two)[apart]
        keys.append(np.unique(low * texts + high))
    found = np.unique(np.concatenate(keys))
    return found // texts, found % texts


def _jaccard(grams: Grams, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    _, column = np.unique(grams.hash, return_inverse=True)
    shape = (grams.texts, int(column.max(initial=-1)) + 1)
    sets = sparse.csr_array(
        sparse.coo_array((np.ones(len(column)), (grams.text, column)), shape=shape)
    )
    size = row_sums(sets)
    both = _products(sets, first, second)
    either = size[first] + size[second] - both
    return np.divide(both, either, out=np.zeros(len(both)), where=either > 0)


def _cosine(texts: pa.Array, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    counts = features([character_grams(texts, size) for size in (3, 4, 5)])
    weighted = sparse.csr_array(counts @ sparse.diags_array(inverse_frequency(counts)))
    return _products(unit_rows(weighted), first, second)


def _products(matrix: sparse.csr_array, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    found = np.zeros(len(first))
    for start in range(0, len(first), _BLOCK):
        part = slice(start, start + _BLOCK)
        found[part] = row_sums(sparse.csr_array(matrix[first[part]].multiply(matrix[second[part]])))
    return found
