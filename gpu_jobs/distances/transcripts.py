"""Transcripts: word or character error rate, as a distance.

    d = edits ÷ length of the longer transcript

edits: fewest insertions, deletions and substitutions of words (WER) or characters (CER) that
turn the one into the other. The usual rate divides by the length of the reference and can pass
1; between two people neither is the reference, and dividing by the longer one is symmetric and
stays in [0, 1]. Two empty transcripts are equal.

Source: V. Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals"
(1966); R. Wagner & M. Fischer, "The String-to-String Correction Problem" (1974), whose table is
filled row by row for many pairs at once; insertions inside a row are a running minimum.

An answer is the text; Unicode is composed (NFC) and white space is one blank. Case and
punctuation count.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from gpu_jobs.distances.pairs import SAMPLE, blocks, measured, offsets, spread

UNITS = ("word", "character")
_CELLS = 2_000_000_000
"""Cells of the tables of `affordable` pairs: some ten seconds."""


def parse(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True)
class Transcripts:
    """n tokens of V transcripts, codes int32 (n,); first, count: int64 (V,)."""

    token: np.ndarray
    first: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, values: Sequence[str], *, unit: str = "word") -> Self:
        """unit: word or character; ValueError for any other."""
        if unit not in UNITS:
            raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
        split = [value.split(" ") if value else [] for value in values]
        parts: Sequence[Sequence[str]] = split if unit == "word" else list(values)
        place: dict[str, int] = {}
        token = [place.setdefault(part, len(place)) for each in parts for part in each]
        count = np.array([len(each) for each in parts], dtype=np.int64)
        return cls(token=np.array(token, dtype=np.int32), first=offsets(count), count=count)

    @property
    def affordable(self) -> int:
        """Pairs of usual transcripts that are measured in seconds; at least 2,000."""
        cells = float(np.square(self.count).mean()) if len(self.count) else 0.0
        return int(np.clip(_CELLS / max(cells, 1), 2_000, SAMPLE))

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure)

    def edits(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """int64 (P,); pairs of like lengths share a table, so that little of it is padding."""
        size_low, size_high = self.count[low], self.count[high]
        order = np.lexsort((size_low, size_high))
        out = np.empty(len(low), dtype=np.int64)
        for part in blocks(size_high[order] + 2, size=200_000):
            mine = order[part]
            out[mine] = self._table(low[mine], high[mine])
        return out

    def _table(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        one, two = self._padded(low, -1), self._padded(high, -2)
        column = np.arange(two.shape[1] + 1, dtype=np.int32)
        row = np.tile(column, (len(low), 1))
        out = row[np.arange(len(low)), self.count[high]]
        for step in range(one.shape[1]):
            diagonal = row[:, :-1] + (one[:, step, None] != two)
            row = row + 1
            np.minimum(row[:, 1:], diagonal, out=row[:, 1:])
            row = np.minimum.accumulate(row - column, axis=1) + column
            ends = np.flatnonzero(self.count[low] == step + 1)
            out[ends] = row[ends, self.count[high][ends]]
        return out

    def _padded(self, which: np.ndarray, filler: int) -> np.ndarray:
        size = self.count[which]
        table = np.full((len(which), int(size.max(initial=0))), filler, dtype=np.int32)
        owner, position = spread(self.first[which], size)
        table[owner, position - self.first[which][owner]] = self.token[position]
        return table

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        longer = np.maximum(self.count[low], self.count[high])
        edits = self.edits(low, high)
        return np.divide(edits, longer, out=np.zeros(len(low)), where=longer > 0)
