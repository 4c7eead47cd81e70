"""Free text: 1 − cosine of counts of character n-grams. The weakest distance here.

Each text becomes a vector of how often every run of 3 to 5 characters occurs (square roots, so
that repetition counts less), hashed into 2¹⁸ places and scaled to length 1. It sees shared
wording, not shared meaning: a paraphrase is far, a negation is near. Read α of it only beside
examples, and prefer a rubric. It needs no model and no network.

Sources: W. Cavnar & J. Trenkle, "N-Gram-Based Text Categorization" (1994); hashing:
K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009), without signs,
so that the distance stays in [0, 1].

An answer is the text; Unicode is composed (NFKC), case is folded, white space is one blank.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from gpu_jobs.distances.pairs import measured
from gpu_jobs.ngrams import unit_rows

SIZES = (3, 4, 5)
PLACES = 2**18


def parse(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def embed(values: Sequence[str]) -> sparse.csr_array:
    """float64 (V, PLACES), rows of length 1; all zero for an empty text."""
    padded = [f" {value} " if value else "" for value in values]
    length = np.array([len(each) for each in padded], dtype=np.int64)
    code = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(padded)), length)
    rows, columns = [], []
    for size in SIZES:
        starts = len(code) - size + 1
        if starts <= 0:
            continue
        key = np.full(starts, size, dtype=np.uint64)
        for step in range(size):
            key = key * np.uint64(0x9E3779B97F4A7C15) + code[step : step + starts]
        key ^= key >> np.uint64(29)
        key *= np.uint64(0xBF58476D1CE4E5B9)
        inside = owner[:starts] == owner[size - 1 :]
        rows.append(owner[:starts][inside])
        columns.append((key[inside] >> np.uint64(40)).astype(np.int64) % PLACES)
    shape = (len(padded), PLACES)
    if not rows:
        return sparse.csr_array(shape, dtype=np.float64)
    row, column = np.concatenate(rows), np.concatenate(columns)
    counts = sparse.coo_array((np.ones(len(row)), (row, column)), shape=shape).tocsr()
    counts.data = np.sqrt(counts.data)
    return unit_rows(counts)


@dataclass(frozen=True)
class Texts:
    """vector: sparse float64 (V, PLACES), rows of length 1."""

    vector: sparse.csr_array

    @classmethod
    def of(cls, values: Sequence[str]) -> Self:
        return cls(embed(values))

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure, cost=np.diff(self.vector.indptr) + 1)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        alike = self.vector[low].multiply(self.vector[high]).sum(axis=1)
        return 1 - np.asarray(alike, dtype=np.float64).ravel()
