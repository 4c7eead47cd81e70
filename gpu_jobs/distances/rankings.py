"""Rankings: Kendall's distance, divided by the number of pairs of objects.

A pair of objects that the two rankings order differently costs 1; one that is tied in only one
of them costs 1/2. An object that a ranking leaves out stands below all that it names, tied with
the others left out. Over all pairs of objects that either ranking names.

Sources: M. Kendall, "A New Measure of Rank Correlation" (1938); ties and left-out objects at
p = 1/2: R. Fagin, R. Kumar, D. Sivakumar, "Comparing top k lists" (2003). Without ties and with
all objects named it is (1 − τ) / 2.

An answer is a JSON list, best first, with a list inside for a tie, or a text: a > b = c.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gpu_jobs.distances.cells import listed, read_json
from gpu_jobs.distances.pairs import measured, offsets, spread

type Ranking = tuple[tuple[str, ...], ...]
"""Groups of tied objects, best first, each sorted."""


def parse(text: str) -> Ranking:
    if text.lstrip().startswith("["):
        groups = [
            each if isinstance(each, list) else [each]
            for each in listed(read_json(text), "objects")
        ]
    else:
        groups = [[name.strip() for name in group.split("=")] for group in text.split(">")]
    names = [name for group in groups for name in group]
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("is not a ranking of names, best first")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"ranks {twice!r} twice")
    return tuple(tuple(sorted(group)) for group in groups if group)


@dataclass(frozen=True)
class Rankings:
    """n places of V rankings, sorted by ranking and object: key = ranking × objects + object.

    key, rank: int64 (n,); first, count: int64 (V,).
    """

    key: np.ndarray
    rank: np.ndarray
    first: np.ndarray
    count: np.ndarray
    objects: int

    @classmethod
    def of(cls, values: Sequence[Ranking]) -> Self:
        place: dict[str, int] = {}
        rows = [
            (index, place.setdefault(name, len(place)), rank)
            for index, value in enumerate(values)
            for rank, group in enumerate(value)
            for name in group
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        objects = max(len(place), 1)
        key = table[:, 0] * objects + table[:, 1]
        order = np.argsort(key)
        count = np.bincount(table[:, 0], minlength=len(values))
        return cls(
            key=key[order],
            rank=table[order, 2],
            first=offsets(count),
            count=count,
            objects=objects,
        )

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure, cost=(self.count + 1) ** 2)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        pair_a, at_a = spread(self.first[low], self.count[low])
        pair_b, at_b = spread(self.first[high], self.count[high])
        other, _ = self._rank_in(high[pair_a], self.key[at_a] % self.objects)
        back, known = self._rank_in(low[pair_b], self.key[at_b] % self.objects)
        pair = np.concatenate([pair_a, pair_b[~known]])
        one = np.concatenate([self.rank[at_a], back[~known]])
        two = np.concatenate([other, self.rank[at_b][~known]])
        order = np.argsort(pair, kind="stable")
        pair, one, two = pair[order], one[order], two[order]
        size = np.bincount(pair, minlength=len(low))
        after = np.cumsum(size)[pair] - np.arange(len(pair)) - 1
        i, j = spread(np.arange(len(pair)) + 1, after)
        cost = np.abs(np.sign(one[i] - one[j]) - np.sign(two[i] - two[j])) / 2
        total = np.bincount(pair[i], weights=cost, minlength=len(low))
        pairs = size * (size - 1) / 2
        # One lone object on one side only: the rankings differ and no pair says how much.
        return np.divide(total, pairs, out=np.ones(len(low)), where=pairs > 0)

    def _rank_in(self, ranking: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rank of each object in a ranking, beyond all ranks where it is left out; and if known."""
        wanted = ranking * self.objects + item
        at = np.minimum(np.searchsorted(self.key, wanted), max(len(self.key) - 1, 0))
        known = self.key[at] == wanted if len(self.key) else np.zeros(len(wanted), dtype=bool)
        beyond = np.int64(2**62)
        return np.where(known, self.rank[at] if len(self.rank) else 0, beyond), known
