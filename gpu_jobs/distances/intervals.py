"""Labelled intervals on a line: spans of text, and masks as runs of pixels.

Every label has a stretch of one long line to itself, so that intervals under different labels
never meet. Intervals of one value are disjoint; the overlap of two values is read off the
running length of the one at both ends of the other's intervals, in time linear in the
intervals but for a binary search.

Spans: 1 − F1, F1 = 2·overlap ÷ (length of A + length of B), the harmonic mean of precision and
recall of characters under the same label (F1 as in C. van Rijsbergen, "Information Retrieval",
1979). Masks: 1 − IoU, IoU = overlap ÷ union of pixels under the same label (P. Jaccard 1912).
Two empty answers are equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.distances.pairs import measured, offsets, spread

type Intervals = tuple[tuple[str, int, int], ...]
"""(label, start, end), sorted, disjoint within a label, end after start."""


def united(parts: Sequence[tuple[str, int, int]]) -> Intervals:
    """The same stretches without overlaps and empty ones; neighbours that touch become one."""
    out: list[tuple[str, int, int]] = []
    for label, start, end in sorted(part for part in parts if part[2] > part[1]):
        if out and out[-1][0] == label and start <= out[-1][2]:
            out[-1] = (label, out[-1][1], max(end, out[-1][2]))
        else:
            out.append((label, start, end))
    return tuple(out)


@dataclass(frozen=True)
class Lines:
    """n intervals of V values, sorted by value and place.

    start, end: int64 (n,), each value on its own stretch of `width`; before: int64 (n + 1,),
    length of all intervals before. first, count: int64 (V,); length: int64 (V,) of each value.
    union: IoU, not F1.
    """

    start: np.ndarray
    end: np.ndarray
    before: np.ndarray
    first: np.ndarray
    count: np.ndarray
    length: np.ndarray
    width: int
    union: bool

    @classmethod
    def of(cls, values: Sequence[Intervals], *, union: bool = False) -> Self:
        """Raises InputError when values × labels × places do not fit in 63 bits."""
        labels = sorted({label for value in values for label, _, _ in value})
        place = {label: index for index, label in enumerate(labels)}
        stretch = max((end for value in values for _, _, end in value), default=0) + 1
        width = stretch * max(len(labels), 1)
        if width * max(len(values), 1) >= 2**62:
            raise InputError("spans or masks reach too far: use smaller positions or fewer labels")
        rows = [
            (index * width + place[label] * stretch + start, end - start)
            for index, value in enumerate(values)
            for label, start, end in value
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 2)
        owner = table[:, 0] // width
        count = np.bincount(owner, minlength=len(values))
        return cls(
            start=table[:, 0],
            end=table.sum(axis=1),
            before=np.concatenate([[0], np.cumsum(table[:, 1])]),
            first=offsets(count),
            count=count,
            length=np.bincount(owner, weights=table[:, 1], minlength=len(values)).astype(np.int64),
            width=width,
            union=union,
        )

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure, cost=self.count + 1)

    def overlap(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Length under the same label in both: int64 (P,)."""
        pair, part = spread(self.first[high], self.count[high])
        shift = ((low - high) * self.width)[pair]
        inside = self._covered(self.end[part] + shift) - self._covered(self.start[part] + shift)
        return np.bincount(pair, weights=inside, minlength=len(low)).astype(np.int64)

    def _covered(self, point: np.ndarray) -> np.ndarray:
        """Length of all intervals left of each point of the whole line."""
        last = np.searchsorted(self.start, point, side="right") - 1
        begun = np.maximum(last, 0)
        inside = np.minimum(point, self.end[begun]) - self.start[begun]
        return self.before[begun] + np.where(last < 0, 0, inside)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        shared = self.overlap(low, high) if len(self.start) else np.zeros(len(low), dtype=np.int64)
        both = self.length[low] + self.length[high]
        top, whole = (shared, both - shared) if self.union else (2 * shared, both)
        return 1 - np.divide(top, whole, out=np.ones(len(low)), where=whole > 0)
