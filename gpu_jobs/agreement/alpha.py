"""Krippendorff's alpha for nominal, ordinal, interval and ratio answers, sparse.

    α = 1 − D_o / D_e

    D_o = 1/n Σ_u 1/(m_u − 1) Σ_{i≠j in u} δ²(v_i, v_j)      D_e = 1/(n(n−1)) Σ_{i≠j} δ²(v_i, v_j)

over the n answers to units with m_u ≥ 2 answers. Distances: nominal δ² = [v ≠ w]; interval
(v − w)²; ratio ((v − w)/(v + w))², 0 where v = w = 0; ordinal the interval distance of midranks
among the n answers, which is Krippendorff's (Σ_{g=v..w} n_g − (n_v + n_w)/2)².

Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); missing answers
need no care, units with one answer fall out. The nominal and interval sums have closed forms
in the counts; ratio sums over pairs of distinct values, block by block. Memory is
O(number of (unit, value) cells); a units × values or workers × units array is never made.
"""

from dataclasses import dataclass
from typing import Literal, cast

import krippendorff
import numpy as np

from gpu_jobs.answers import Answers, Cells, cells, positions
from gpu_jobs.contracts import InputError

PACKAGE_CELLS = 10_000_000
"""The package makes a units × values × values array; above this size ours stands alone."""
RATIO_VALUES = 20_000
"""Ratio distances have no closed form: its D_e takes time quadratic in the distinct values."""
_BLOCK = 4_000_000
type _Level = Literal["nominal", "ordinal", "interval", "ratio"]


@dataclass(frozen=True)
class Alpha:
    """alpha is None when it is undefined, and reason says why. units and pairable count what
    entered; observed and expected are D_o and D_e. package is the same figure from the
    `krippendorff` package, None where that would not fit or is undefined.
    """

    alpha: float | None
    reason: str | None
    level: str
    units: int
    pairable: int
    observed: float | None
    expected: float | None
    package: float | None


def alpha_of(answers: Answers, *, level: str) -> Alpha:
    """Alpha over all answers. Raises InputError for answers that `level` cannot place."""
    place = positions(answers, level)
    scale, same = np.unique(place, return_inverse=True)
    counts = cells(answers.item, same[answers.value], len(scale)) if len(answers) else None
    return alpha_of_counts(counts, scale=scale, level=level)


def alpha_of_counts(counts: Cells | None, *, scale: np.ndarray, level: str) -> Alpha:
    """Alpha from the counts of (unit, value), value indexing the ascending `scale` (V,)."""
    pairable = None if counts is None else _pairable(counts)
    if pairable is None or not len(pairable.item):
        reason = "there are no answers" if counts is None else "no item has two answers"
        return Alpha(None, reason, level, 0, 0, None, None, None)
    size = np.bincount(pairable.item, weights=pairable.count)
    n, units = int(size.sum()), len(size)
    of_value = np.bincount(pairable.value, weights=pairable.count, minlength=len(scale))
    if np.count_nonzero(of_value) < 2:
        reason = "every answer is the same, so chance agreement is certain and alpha undefined"
        return Alpha(None, reason, level, units, n, 0.0, 0.0, None)
    observed, expected = _disagreement(pairable, size, of_value, scale, level)
    observed, expected = observed / n, expected / n
    return Alpha(
        alpha=1 - observed / expected,
        reason=None,
        level=level,
        units=units,
        pairable=n,
        observed=observed,
        expected=expected,
        package=_package(pairable, units, scale, level),
    )


def _pairable(counts: Cells) -> Cells:
    """Only units with two answers or more, renumbered without gaps."""
    size = np.bincount(counts.item, weights=counts.count)
    kept = size[counts.item] >= 2
    _, unit = np.unique(counts.item[kept], return_inverse=True)
    return Cells(item=unit, value=counts.value[kept], count=counts.count[kept])


def _disagreement(
    counts: Cells, size: np.ndarray, of_value: np.ndarray, scale: np.ndarray, level: str
) -> tuple[float, float]:
    """n·D_o and n·D_e."""
    n = size.sum()
    if level == "nominal":
        squares = np.bincount(counts.item, weights=np.square(counts.count, dtype=np.float64))
        within = (np.square(size) - squares) / (size - 1)
        return float(within.sum()), float((n * n - np.square(of_value).sum()) / (n - 1))
    if level == "ratio":
        return _ratio_within(counts, size, scale), _ratio_overall(of_value, scale) / (n - 1)
    if level == "ordinal":
        scale = np.cumsum(of_value) - of_value / 2
    v, c = scale[counts.value], counts.count
    mean = np.bincount(counts.item, weights=c * v) / size
    spread = np.bincount(counts.item, weights=c * np.square(v - mean[counts.item]))
    total = (of_value * np.square(scale - (of_value @ scale) / n)).sum()
    return float((2 * size * spread / (size - 1)).sum()), float(2 * n * total / (n - 1))


def _ratio_distance(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    total = v + w
    return np.square(np.divide(v - w, total, out=np.zeros_like(total), where=total != 0))


def _ratio_within(counts: Cells, size: np.ndarray, scale: np.ndarray) -> float:
    """Σ_u 1/(m_u − 1) Σ over pairs of distinct values of one unit."""
    distinct = np.bincount(counts.item)
    start = np.cumsum(distinct) - distinct
    partners = distinct[counts.item]
    ends, total, low = np.cumsum(partners), 0.0, 0
    while low < len(partners):
        done = ends[low - 1] if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        repeat = partners[low:high]
        left = np.repeat(np.arange(low, high), repeat)
        offset = np.arange(len(left)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
        right = start[counts.item[left]] + offset
        distance = _ratio_distance(scale[counts.value[left]], scale[counts.value[right]])
        weight = counts.count[left] * counts.count[right] / (size[counts.item[left]] - 1)
        total += float(weight @ distance)
        low = high
    return total


def _ratio_overall(of_value: np.ndarray, scale: np.ndarray) -> float:
    if len(scale) > RATIO_VALUES:
        raise InputError(
            f"level ratio compares every two of {len(scale):,} distinct answers; "
            f"more than {RATIO_VALUES:,} are refused"
        )
    step = max(1, _BLOCK // len(scale))
    return float(
        sum(
            of_value[low : low + step]
            @ _ratio_distance(scale[low : low + step, None], scale[None, :])
            @ of_value
            for low in range(0, len(scale), step)
        )
    )


def _package(counts: Cells, units: int, scale: np.ndarray, level: str) -> float | None:
    if units * len(scale) ** 2 > PACKAGE_CELLS:
        return None
    dense = np.zeros((units, len(scale)), dtype=np.int64)
    dense[counts.item, counts.value] = counts.count
    return float(
        krippendorff.alpha(
            value_counts=dense, value_domain=scale, level_of_measurement=cast("_Level", level)
        )
    )
