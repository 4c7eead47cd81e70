"""Sets of labels: Jaccard 1 − |A ∩ B| ÷ |A ∪ B|, and MASI.

MASI = 1 − J·M, J the Jaccard similarity, M = 1 when equal, 2/3 when one holds the other, 1/3
when they overlap, 0 when disjoint. Source: R. Passonneau, "Measuring Agreement on Set-valued
Items (MASI)" (LREC 2006). Two empty sets are equal; an empty one is at distance 1 from others.

An answer is a JSON list of texts, or texts with | between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from gpu_jobs.distances.cells import listed, read_json
from gpu_jobs.distances.pairs import measured

type LabelSet = tuple[str, ...]
"""Sorted, without repeats."""


def parse(text: str) -> LabelSet:
    if not text.lstrip().startswith("["):
        return tuple(sorted({part.strip() for part in text.split("|")} - {""}))
    members = listed(read_json(text), "labels")
    if not all(isinstance(member, str) for member in members):
        raise ValueError("is not a list of labels: a label is a text")
    return tuple(sorted(set(members)))


@dataclass(frozen=True)
class Sets:
    """members: sparse float64 (V, labels), 1 where a set holds a label."""

    members: sparse.csr_array
    size: np.ndarray
    masi: bool

    @classmethod
    def of(cls, values: Sequence[LabelSet], *, masi: bool = False) -> Self:
        place: dict[str, int] = {}
        column = [place.setdefault(label, len(place)) for each in values for label in each]
        size = np.array([len(each) for each in values], dtype=np.int64)
        start = np.concatenate([[0], np.cumsum(size)])
        shape = (len(values), max(len(place), 1))
        members = sparse.csr_array((np.ones(len(column)), column, start), shape=shape)
        return cls(members=members, size=size, masi=masi)

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure, cost=self.size + 1)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        shared = self.members[low].multiply(self.members[high]).sum(axis=1)
        shared = np.asarray(shared, dtype=np.float64).ravel()
        small = np.minimum(self.size[low], self.size[high])
        either = self.size[low] + self.size[high] - shared
        jaccard = np.divide(shared, either, out=np.ones(len(low)), where=either > 0)
        if not self.masi:
            return 1 - jaccard
        weight = np.select(
            [shared == either, (shared == small) & (shared > 0), shared > 0], [1, 2 / 3, 1 / 3], 0.0
        )
        return 1 - jaccard * weight
