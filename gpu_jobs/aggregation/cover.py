"""Spans and masks: every character or pixel is voted on, with the contributors' weights.

    a place belongs to label ℓ where the weights of those who put ℓ there exceed half of all of
    the item's contributors

Weights begin equal; then each contributor's is how well they overlap with the vote (F1 of all
they marked), and the vote is taken again, ROUNDS times. The probability of an item is the mean
share of the votes over all places that somebody marked: for what won the share, for what lost
the rest.

Sources: the vote over tokens is that of token-level aggregation (A. Nguyen et al., ACL 2017,
compare with it); over pixels the fusion of S. Warfield, K. Zou, W. Wells, "STAPLE", IEEE TMI 23
(2004), whose sensitivity and specificity are here one figure, F1, as true negatives of spans and
masks are without number.

Nothing is rasterised: votes change only where an interval begins or ends. O(intervals·ln).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.distances.intervals import Intervals, united

ROUNDS = 3
DRAWN = 2.0
"""Answers' worth of the mean that every worker's F1 is drawn to."""


@dataclass(frozen=True)
class Cover:
    """labels: the winning intervals of each item. probability float64 (I,); weight (W,)."""

    labels: list[Intervals]
    probability: np.ndarray
    weight: np.ndarray


def cover(tally: Tally, values: Sequence[Intervals]) -> Cover:
    """values: the intervals of each class (C,)."""
    names = sorted({label for value in values for label, _, _ in value})
    stretches = _Stretches.of(tally, values, names)
    weight = np.ones(tally.workers)
    for _ in range(ROUNDS):
        share = stretches.shares(weight)
        weight = stretches.weights(share > 0.5 + 1e-9, weight)
    share = stretches.shares(weight)
    won = share > 0.5 + 1e-9
    parts: list[list[tuple[str, int, int]]] = [[] for _ in range(tally.items)]
    rows = np.flatnonzero(won)
    columns = (stretches.item, stretches.label, stretches.start, stretches.end)
    for item, label, start, end in zip(*(each[rows].tolist() for each in columns), strict=True):
        parts[item].append((names[label], start, end))
    length = (stretches.end - stretches.start) * (share > 0)
    agreed = np.bincount(stretches.item, length * np.where(won, share, 1 - share), tally.items)
    marked = np.bincount(stretches.item, length, tally.items)
    return Cover(
        labels=[united(each) for each in parts],
        probability=np.where(marked > 0, agreed / np.maximum(marked, 1), 1.0),
        weight=weight,
    )


@dataclass(frozen=True)
class _Stretches:
    """S stretches between neighbouring ends of intervals under one label of one item, and which
    answers cover them: cover_stretch, cover_answer (m,).
    """

    tally: Tally
    item: np.ndarray
    label: np.ndarray
    start: np.ndarray
    end: np.ndarray
    cover_stretch: np.ndarray
    cover_answer: np.ndarray

    @classmethod
    def of(cls, tally: Tally, values: Sequence[Intervals], names: list[str]) -> "_Stretches":
        place = {name: index for index, name in enumerate(names)}
        rows = [
            (code, place[label], start, end)
            for code, value in enumerate(values)
            for label, start, end in value
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        count = np.bincount(table[:, 0], minlength=len(values))
        first = np.cumsum(count) - count
        size = count[tally.value]
        answer = np.repeat(np.arange(len(tally)), size)
        part = np.arange(len(answer)) - np.repeat(np.cumsum(size) - size, size)
        part += first[tally.value[answer]]
        label, start, end = table[part, 1], table[part, 2], table[part, 3]
        line = tally.item[answer] * max(len(names), 1) + label
        points = np.unique(np.stack([np.tile(line, 2), np.append(start, end)]), axis=1)
        inside = np.flatnonzero(np.diff(points[0]) == 0)
        order = {"line": points[0][inside], "start": points[1][inside]}
        # Both keys in one number, so that an interval finds its first and its last stretch.
        reach = int(end.max(initial=0)) + 1
        key = order["line"] * reach + order["start"]
        low = np.searchsorted(key, line * reach + start)
        high = np.searchsorted(key, line * reach + end)
        many = high - low
        covered = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        return cls(
            tally=tally,
            item=order["line"] // max(len(names), 1),
            label=order["line"] % max(len(names), 1),
            start=order["start"],
            end=points[1][inside + 1],
            cover_stretch=covered + np.repeat(low, many),
            cover_answer=np.repeat(answer, many),
        )

    def shares(self, weight: np.ndarray) -> np.ndarray:
        """float64 (S,): share of the item's weights that covers each stretch."""
        tally = self.tally
        each = weight[tally.worker]
        whole = np.bincount(tally.item, each, tally.items)
        each = np.where(whole[tally.item] > 0, each, 1.0)
        whole = np.bincount(tally.item, each, tally.items)
        given = np.bincount(self.cover_stretch, each[self.cover_answer], len(self.item))
        return given / np.maximum(whole[self.item], 1e-300) if len(given) else given

    def weights(self, won: np.ndarray, before: np.ndarray) -> np.ndarray:
        """float64 (W,): F1 of all that a worker marked with what won, drawn to the mean."""
        tally = self.tally
        length = (self.end - self.start).astype(np.float64)
        owner = tally.worker[self.cover_answer]
        marked = np.bincount(owner, length[self.cover_stretch], tally.workers)
        right = np.bincount(owner, (length * won)[self.cover_stretch], tally.workers)
        of_item = np.bincount(self.item, length * won, tally.items)
        wanted = np.bincount(tally.worker, of_item[tally.item], tally.workers)
        both = marked + wanted
        f1 = np.divide(2 * right, both, out=np.ones(tally.workers), where=both > 0)
        if not len(f1):
            return before
        given = tally.of_worker
        mean = float(f1 @ given / max(given.sum(), 1))
        return (f1 * given + DRAWN * mean) / (given + DRAWN)
