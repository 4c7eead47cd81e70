"""Polygons: matched 1 − IoU (see `matching`); areas are exact, not rasterised.

An answer is a JSON list of {"points": [[x, y], …], "label": "road"} or of the points alone. A
polygon that crosses itself is filled by the even-odd rule.

Area of an intersection: the plane is cut into horizontal slabs at every corner and every
crossing of two edges. Inside a slab no two edges cross, so the length that lies in both
polygons is linear in y and its value at half height times the height is the area exactly
(M. Shamos & D. Hoey, "Geometric intersection problems", 1976, for the sweep over slabs).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gpu_jobs.distances import matching
from gpu_jobs.distances.cells import label_of, listed, number, read_json
from gpu_jobs.distances.pairs import crossed, measured, offsets

type Polygon = tuple[str, tuple[tuple[float, float], ...]]


def parse(text: str) -> tuple[Polygon, ...]:
    return tuple(sorted(_polygon(each) for each in listed(read_json(text), "polygons")))


def areas(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float]:
    """Areas of a, of b and of what lies in both; a, b: corners float64 (n, 2)."""
    start = np.concatenate([a, b])
    end = np.concatenate([np.roll(a, -1, axis=0), np.roll(b, -1, axis=0)])
    levels = np.unique(np.concatenate([start[:, 1], _crossings(start, end)]))
    middle, height = (levels[1:] + levels[:-1]) / 2, np.diff(levels)
    rise = end[:, 1] - start[:, 1]
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    active = (low < middle[:, None]) & (middle[:, None] < high)
    along = np.divide(middle[:, None] - start[:, 1], rise, out=np.zeros(active.shape), where=active)
    x = np.where(active, start[:, 0] + along * (end[:, 0] - start[:, 0]), np.inf)
    order = np.argsort(x, axis=1, kind="stable")
    x = np.take_along_axis(x, order, axis=1)
    first = order < len(a)
    counted = np.isfinite(x)
    in_a = (np.cumsum(counted & first, axis=1) % 2 == 1)[:, :-1]
    in_b = (np.cumsum(counted & ~first, axis=1) % 2 == 1)[:, :-1]
    gap = np.diff(np.where(counted, x, 0.0), axis=1) * counted[:, 1:]
    of_a, of_b, shared = (height @ (gap * where).sum(axis=1) for where in (in_a, in_b, in_a & in_b))
    return float(of_a), float(of_b), float(shared)


@dataclass(frozen=True)
class Polygons:
    """n polygons of V answers: corners (n,) arrays; bounds float64 (n, 4); label int64 (n,)."""

    corners: list[np.ndarray]
    bounds: np.ndarray
    label: np.ndarray
    first: np.ndarray
    count: np.ndarray

    @property
    def affordable(self) -> int:
        """Each overlap is cut into slabs by itself, so fewer pairs than of other distances."""
        return 20_000

    @classmethod
    def of(cls, values: Sequence[tuple[Polygon, ...]]) -> Self:
        count = np.array([len(value) for value in values], dtype=np.int64)
        place: dict[str, int] = {}
        label = [place.setdefault(each[0], len(place)) for value in values for each in value]
        corners = [np.array(each[1], dtype=np.float64) for value in values for each in value]
        bounds = [[*each.min(axis=0), *each.max(axis=0)] for each in corners]
        return cls(
            corners=corners,
            bounds=np.array(bounds, dtype=np.float64).reshape(-1, 4),
            label=np.array(label, dtype=np.int64),
            first=offsets(count),
            count=count,
        )

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return measured(left, right, self._measure, cost=self.count + 1, product=True)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        pair, i, j = crossed(self.first, self.count, low, high)
        a, b = self.bounds[i], self.bounds[j]
        near = (np.minimum(a[:, 2:], b[:, 2:]) > np.maximum(a[:, :2], b[:, :2])).all(axis=1)
        near &= self.label[i] == self.label[j]
        pair, i, j = pair[near], i[near], j[near]
        worth = np.array([self._alike(one, two) for one, two in zip(i, j, strict=True)])
        total = matching.best_sums(pair, i, j, worth, len(low))
        return matching.distance(total, self.count[low] + self.count[high])

    def _alike(self, one: int, two: int) -> float:
        of_one, of_two, shared = areas(self.corners[one], self.corners[two])
        return shared / (of_one + of_two - shared)


def _crossings(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Heights at which two of the edges cross."""
    one, two = np.triu_indices(len(start), k=1)
    r, s, q = end[one] - start[one], end[two] - start[two], start[two] - start[one]
    turn = _cross(r, s)
    cuts = turn != 0
    safe = np.where(cuts, turn, 1.0)
    t, u = _cross(q, s) / safe, _cross(q, r) / safe
    cuts &= (t > 0) & (t < 1) & (u > 0) & (u < 1)
    return start[one[cuts], 1] + t[cuts] * r[cuts, 1]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _polygon(value: Any) -> Polygon:
    label = label_of(value) if isinstance(value, dict) else ""
    points = value.get("points") if isinstance(value, dict) else value
    if not isinstance(points, list) or len(points) < 3:
        raise ValueError("has a polygon that is not a list of three points or more")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("has a polygon with a point that is not [x, y]")
    corners = [(number(x, "coordinate"), number(y, "coordinate")) for x, y in points]
    if max(abs(each) for corner in corners for each in corner) > 1e100:
        raise ValueError("has a polygon with a coordinate beyond 1e100")
    flat = np.array(corners)
    if areas(flat, flat)[0] <= 0:
        raise ValueError("has a polygon without area")
    return label, tuple(corners)
