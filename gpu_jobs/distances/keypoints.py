"""Keypoints: 1 − OKS (object keypoint similarity).

    OKS = 1/n Σ_k exp(−d_k² / (2 s² (2σ_k)²))

over the n points that either answer names; a point that only one names counts as 0. d_k is the
distance of the two places of point k, s² the mean of the two objects' areas (COCO takes that of
the truth; of two people neither is), σ_k COCO's constant for its 17 body points, else 0.05.
Source: COCO keypoint evaluation (2016); M. Ronchi & P. Perona, "Benchmarking and Error Diagnosis
in Multi-Instance Pose Estimation" (2017).

An answer is a JSON object {"points": {"nose": [x, y], …}, "area": 1200} or just the points, as an
object or as a list of [x, y] and null. Without an area it is that of the box around the points,
or where they lie on a line or are one, the square of the longer side, at least 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gpu_jobs.distances.cells import number, read_json
from gpu_jobs.distances.pairs import check_dense, measured

SIGMA = 0.05
COCO_SIGMAS: dict[str, float] = {
    "nose": 0.026,
    **dict.fromkeys(("left_eye", "right_eye"), 0.025),
    **dict.fromkeys(("left_ear", "right_ear"), 0.035),
    **dict.fromkeys(("left_shoulder", "right_shoulder"), 0.079),
    **dict.fromkeys(("left_elbow", "right_elbow"), 0.072),
    **dict.fromkeys(("left_wrist", "right_wrist"), 0.062),
    **dict.fromkeys(("left_hip", "right_hip"), 0.107),
    **dict.fromkeys(("left_knee", "right_knee"), 0.087),
    **dict.fromkeys(("left_ankle", "right_ankle"), 0.089),
}

type Pose = tuple[float, tuple[tuple[str, float, float], ...]]
"""(area, points sorted by name)."""


def parse(text: str) -> Pose:
    value = read_json(text)
    wrapped = isinstance(value, dict) and "points" in value
    points = value["points"] if wrapped else value
    if isinstance(points, list):
        points = {str(index): point for index, point in enumerate(points)}
    if not isinstance(points, dict):
        raise ValueError("is not an object or list of points")  # noqa: TRY004
    placed = sorted((name, *_point(at)) for name, at in points.items() if at is not None)
    area = value.get("area") if wrapped else None
    given = _area(placed) if area is None else number(area, "area")
    if given <= 0:
        raise ValueError("has an area that is not above 0")
    return given, tuple(placed)


@dataclass(frozen=True)
class Keypoints:
    """place: float64 (V, K, 2), NaN where a point is not named; area: (V,); sigma: (K,)."""

    place: np.ndarray
    area: np.ndarray
    sigma: np.ndarray

    @classmethod
    def of(cls, values: Sequence[Pose], *, sigmas: Mapping[str, float] | None = None) -> Self:
        """Raises InputError where points hardly ever share a name."""
        known = COCO_SIGMAS if sigmas is None else sigmas
        names = sorted({name for _, points in values for name, _, _ in points})
        check_dense(len(values), len(names), "names of points")
        column = {name: index for index, name in enumerate(names)}
        place = np.full((len(values), len(names), 2), np.nan)
        for index, (_, points) in enumerate(values):
            for name, x, y in points:
                place[index, column[name]] = x, y
        return cls(
            place=place,
            area=np.array([area for area, _ in values]),
            sigma=np.array([known.get(name, SIGMA) for name in names]),
        )

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        cost = np.full(len(self.area), self.place.shape[1] + 1, dtype=np.int64)
        return measured(left, right, self._measure, cost=cost)

    def _measure(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        one, two = self.place[low], self.place[high]
        apart = np.square(one - two).sum(axis=2)
        scale = (self.area[low] / 2 + self.area[high] / 2)[:, None]
        alike = np.exp(-apart / (8 * scale * np.square(self.sigma)))
        named = (~np.isnan(one[:, :, 0]) | ~np.isnan(two[:, :, 0])).sum(axis=1)
        total = np.nansum(alike, axis=1)
        return 1 - np.divide(total, named, out=np.ones(len(low)), where=named > 0)


def _point(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("has a point that is not [x, y]")
    x, y = number(value[0], "coordinate"), number(value[1], "coordinate")
    if max(abs(x), abs(y)) > 1e100:
        raise ValueError("has a coordinate beyond 1e100")
    return x, y


def _area(points: Sequence[tuple[str, float, float]]) -> float:
    if not points:
        return 1.0
    wide = max(x for _, x, _ in points) - min(x for _, x, _ in points)
    high = max(y for _, _, y in points) - min(y for _, _, y in points)
    return wide * high or max(wide, high) ** 2 or 1.0
