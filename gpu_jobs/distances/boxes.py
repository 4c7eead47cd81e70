"""Boxes: matched 1 − IoU (see `matching`), IoU = area shared ÷ area of both together.

An answer is a JSON list of {"box": [left, top, right, bottom], "label": "car"} or of the four
numbers alone. Unit of length is free, as long as all answers use the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gpu_jobs.distances import matching
from gpu_jobs.distances.cells import label_of, listed, number, read_json
from gpu_jobs.distances.pairs import crossed, measured, offsets

type Box = tuple[str, float, float, float, float]
"""(label, left, top, right, bottom), right > left, bottom > top."""


def parse(text: str) -> tuple[Box, ...]:
    return tuple(sorted(_box(each) for each in listed(read_json(text), "boxes")))


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64 (n,) of boxes float64 (n, 4): left, top, right, bottom, areas above 0."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    both = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1)
    return shared / (both - shared)


@dataclass(frozen=True)
class Boxes:
    """n boxes of V answers: corners float64 (n, 4), label int64 (n,); first, count: int64 (V,)."""

    corners: np.ndarray
    label: np.ndarray
    first: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, values: Sequence[tuple[Box, ...]]) -> Self:
        count = np.array([len(value) for value in values], dtype=np.int64)
        place: dict[str, int] = {}
        label = [place.setdefault(box[0], len(place)) for value in values for box in value]
        corners = np.array([box[1:] for value in values for box in value], dtype=np.float64)
        return cls(
            corners=corners.reshape(-1, 4),
            label=np.array(label, dtype=np.int64),
            first=offsets(count),
            count=count,
        )

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure, cost=self.count + 1, product=True)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        pair, i, j = crossed(self.first, self.count, low, high)
        same = self.label[i] == self.label[j]
        pair, i, j = pair[same], i[same], j[same]
        worth = intersection_over_union(self.corners[i], self.corners[j])
        total = matching.best_sums(pair, i, j, worth, len(low))
        return matching.distance(total, self.count[low] + self.count[high])


def _box(value: Any) -> Box:
    label = label_of(value) if isinstance(value, dict) else ""
    corners = value.get("box") if isinstance(value, dict) else value
    if not isinstance(corners, list) or len(corners) != 4:
        raise ValueError("has a box that is not [left, top, right, bottom]")
    left, top, right, bottom = (number(each, "corner") for each in corners)
    if not (right > left and bottom > top and 0 < (right - left) * (bottom - top) < float("inf")):
        raise ValueError("has a box whose right and bottom are not beyond its left and top")
    return label, left, top, right, bottom
