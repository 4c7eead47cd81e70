"""Which rows nearly repeat others', one's own, the test set, or known model output.

Two texts are nearly the same when they are equal after lower case and collapsed blanks; or, from
40 characters on, when the Jaccard similarity of their 5-character windows reaches 0.8 or the
cosine of their hashed windows 0.9 (`anomalies.duplicates`: MinHash finds, exact measures
confirm); or, where a sentence encoder is there, when the cosine of their vectors reaches
MEANING, which also sees what was put in other words.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gpu_jobs.anomalies.duplicates import near_duplicates

MEANING = 0.95
MOST = 20_000
"""Distinct texts up to which all pairs of vectors are looked at; beyond, MinHash stands alone."""
_BLOCK = 1_024


@dataclass(frozen=True)
class Repeats:
    """bool (n,), of each row handed in: within: another row of the same contributor is nearly the
    same; across: a row of another one is; test, model: a test text, a known output of a model is.
    """

    within: np.ndarray
    across: np.ndarray
    test: np.ndarray
    model: np.ndarray


def alike(texts: list[str], vectors: np.ndarray | None, *, seed: int = 0) -> sparse.csr_array:
    """CSR of bools (D, D) with the diagonal: which of D distinct texts are nearly the same.

    vectors: float32 (D, d), unit rows, or None.
    """
    size = len(texts)
    each = np.arange(size)
    given: list[str | None] = list(texts)
    found = near_duplicates(given, each, np.zeros(size, np.int64), workers=size, seed=seed)
    first, second = [found.first], [found.second]
    if vectors is not None and size <= MOST:
        for at in range(0, size, _BLOCK):
            near = vectors[at : at + _BLOCK] @ vectors[at:].T >= MEANING
            one, two = np.nonzero(near)
            ahead = two > one
            first.append(at + one[ahead])
            second.append(at + two[ahead])
    one, two = np.concatenate(first), np.concatenate(second)
    row, column = np.concatenate([each, one, two]), np.concatenate([each, two, one])
    pairs = sparse.coo_array((np.ones(len(row)), (row, column)), shape=(size, size)).tocsr()
    pairs.data[:] = 1.0
    return pairs


def repeats(
    pairs: sparse.csr_array,
    text: np.ndarray,
    worker: np.ndarray,
    *,
    workers: int,
    test: np.ndarray,
    model: np.ndarray,
) -> Repeats:
    """text, worker: int64 (n,) of the rows; test, model: int64, codes of their texts."""
    size = pairs.shape[0]
    shape = (size, workers)
    handed = sparse.coo_array((np.ones(len(text)), (text, worker)), shape=shape).tocsr()
    near = sparse.csr_array(pairs @ handed)
    mine = _entries(near, text, worker)
    all_of_them = np.asarray(near.sum(axis=1)).ravel()[text]
    return Repeats(
        within=mine > 1.5,
        across=all_of_them - mine > 0.5,
        test=_meets(pairs, test)[text],
        model=_meets(pairs, model)[text],
    )


def _entries(matrix: sparse.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """float64 (n,): the entries at those places."""
    whole = matrix.tocoo()
    keys = whole.row.astype(np.int64) * matrix.shape[1] + whole.col
    order = np.argsort(keys)
    place = np.searchsorted(keys[order], row * matrix.shape[1] + column)
    return np.asarray(whole.data[order][np.minimum(place, len(keys) - 1)])


def _meets(pairs: sparse.csr_array, codes: np.ndarray) -> np.ndarray:
    """Of (D,) texts: nearly the same as one of the texts with these codes."""
    there = np.zeros(pairs.shape[0])
    there[codes] = 1
    return np.asarray(pairs @ there) > 0
