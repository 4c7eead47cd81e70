"""Krippendorff's alpha for nominal, ordinal, interval and ratio answers and any distance, sparse.

    α = 1 − D_o / D_e

    D_o = 1/n Σ_u 1/(m_u − 1) Σ_{i≠j in u} δ²(v_i, v_j)      D_e = 1/(n(n−1)) Σ_{i≠j} δ²(v_i, v_j)

over the n answers to units with m_u ≥ 2 answers. Distances: nominal δ² = [v ≠ w]; interval
(v − w)²; ratio ((v − w)/(v + w))², 0 where v = w = 0; ordinal the interval distance of midranks
among the n answers, which is Krippendorff's (Σ_{g=v..w} n_g − (n_v + n_w)/2)².

Any other distance of `distances` stands in the place of δ² as it is, as R. Passonneau does with
MASI (2006): nominal is the same there.

Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011); missing answers
need no care, units with one answer fall out. The nominal, ordinal and interval sums have closed
forms in the counts; others go over pairs of distinct values, block by block. With a distance
whose values are too many, D_o is still exact, and D_e the mean of a seeded sample of `sampled`
pairs of answers. Memory is O(number of (unit, value) cells); a units × values or workers × units
array is never made. Intervals: `bootstrap`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, cast

import krippendorff
import numpy as np

from gpu_jobs.agreement.bootstrap import RESAMPLES, Interval, Kinds, each_item, interval, kinds_of
from gpu_jobs.agreement.disagreement import (
    MATRIX,
    Intervals,
    Model,
    Pairs,
    Sampled,
    nominal,
    ordinal,
)
from gpu_jobs.answers import Answers, Cells, cells, positions
from gpu_jobs.contracts import InputError
from gpu_jobs.distances.pairs import SAMPLE, Distance, affordable
from gpu_jobs.types import Typed

PACKAGE_CELLS = 10_000_000
"""The package makes a units × values × values array; above this size ours stands alone."""
RATIO_VALUES = 20_000
"""Ratio distances have no closed form: its D_e takes time quadratic in the distinct values."""
type _Level = Literal["nominal", "ordinal", "interval", "ratio"]


@dataclass(frozen=True)
class Alpha:
    """alpha is None when it is undefined, and reason says why. units and pairable count what
    entered; observed and expected are D_o and D_e. package is the same figure from the
    `krippendorff` package, None where that would not fit or is undefined. low, high: the 95%
    interval from `resamples` draws, None where there is none. level: or the type whose distance
    it is. sampled: pairs of answers that D_e rests on, None where it is exact.
    """

    alpha: float | None
    reason: str | None
    level: str
    units: int
    pairable: int
    observed: float | None
    expected: float | None
    package: float | None
    low: float | None = None
    high: float | None = None
    resamples: int = 0
    sampled: int | None = None


def alpha_of(answers: Answers, *, level: str, resamples: int = 0, seed: int = 0) -> Alpha:
    """Alpha over all answers. Raises InputError for answers that `level` cannot place."""
    place = positions(answers, level)
    scale, same = np.unique(place, return_inverse=True)
    counts = cells(answers.item, same[answers.value], len(scale)) if len(answers) else None
    return alpha_of_counts(counts, scale=scale, level=level, resamples=resamples, seed=seed)


def alpha_of_typed(
    answers: Answers,
    typed: Typed,
    *,
    level: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    pairs: int | None = None,
    unit: np.ndarray | None = None,
    kept: np.ndarray | None = None,
) -> Alpha:
    """Alpha by the level of the type (or the one given), or by its distance where it has none.

    pairs: the sample of D_e, and pairs of values up to which it is exact; as many as the distance
    can afford if not given. unit: int64 (n,) from 0, what the
    answers belong together by, the item if not given. kept: positions of the answers that enter,
    all if not given. Raises InputError for a level that is asked of a type without one.
    """
    if typed.level is None and level is not None:
        raise InputError(f"type {typed.type} has a distance of its own and takes no level")
    chosen = level or typed.level
    if chosen is not None:
        scale, same = np.unique(positions(answers, chosen), return_inverse=True)
        value, values = same[answers.value], len(scale)
    else:
        value, values = typed.code[answers.value], len(typed.values)
    together = answers.item if unit is None else unit
    if kept is not None:
        value, together = value[kept], together[kept]
    counts = cells(together, value, values) if len(value) else None
    if chosen is not None:
        return alpha_of_counts(counts, scale=scale, level=chosen, resamples=resamples, seed=seed)
    return alpha_by_distance(
        counts,
        distance=typed.distance,
        values=values,
        name=typed.type,
        resamples=resamples,
        seed=seed,
        pairs=affordable(typed.distance) if pairs is None else pairs,
    )


def alpha_of_counts(
    counts: Cells | None, *, scale: np.ndarray, level: str, resamples: int = 0, seed: int = 0
) -> Alpha:
    """Alpha from the counts of (unit, value), value indexing the ascending `scale` (V,)."""
    pairable = _pairable(counts)
    if pairable is None:
        return _without_pairs(counts, level)
    if level == "ratio" and len(scale) > RATIO_VALUES:
        raise InputError(
            f"level ratio compares every two of {len(scale):,} distinct answers; "
            f"more than {RATIO_VALUES:,} are refused"
        )
    ordered = level != "nominal"
    kinds = (
        kinds_of(pairable, values=len(scale), ordered=ordered)
        if resamples
        else each_item(pairable, values=len(scale))
    )
    models: dict[str, Callable[[], Model]] = {
        "nominal": lambda: nominal(kinds),
        "ordinal": lambda: ordinal(kinds),
        "interval": lambda: Intervals.of(kinds, scale),
        "ratio": lambda: Pairs.of(kinds, _Ratio(scale)),
    }
    model = models[level]()
    drawn: tuple[Kinds, Model] = (kinds, model)
    if level == "ratio" and len(scale) > MATRIX and resamples:
        alone = kinds_of(pairable, values=len(scale), together=False, ordered=True)
        drawn = (alone, Sampled.of(alone, _Ratio(scale), pairs=SAMPLE, seed=seed))
    found = _alpha(kinds, model, level, drawn=drawn, draws=(resamples, seed))
    if found.alpha is None:
        return found
    return replace(found, package=_package(pairable, found.units, scale, level))


def alpha_by_distance(
    counts: Cells | None,
    *,
    distance: Distance,
    values: int,
    name: str,
    resamples: int = 0,
    seed: int = 0,
    pairs: int = SAMPLE,
) -> Alpha:
    """Alpha from the counts of (unit, value), value indexing the `values` of the distance."""
    pairable = _pairable(counts)
    if pairable is None:
        return _without_pairs(counts, name)
    present = np.bincount(pairable.value, minlength=values) > 0
    distinct = int(present.sum())
    exact = distinct <= MATRIX and distinct * (distinct - 1) // 2 <= pairs
    kept = np.flatnonzero(present)
    here = _Subset(distance, kept)
    pairable = Cells(pairable.item, (np.cumsum(present) - 1)[pairable.value], pairable.count)
    kinds = kinds_of(pairable, values=distinct, together=exact and resamples > 0)
    model: Model = (
        Pairs.of(kinds, here) if exact else Sampled.of(kinds, here, pairs=pairs, seed=seed)
    )
    return _alpha(
        kinds,
        model,
        name,
        drawn=(kinds, model),
        draws=(resamples, seed),
        sampled=None if exact else pairs,
    )


def _alpha(
    kinds: Kinds,
    model: Model,
    level: str,
    *,
    drawn: tuple[Kinds, Model],
    draws: tuple[int, int],
    sampled: int | None = None,
) -> Alpha:
    n, units = int(kinds.times @ kinds.size), int(kinds.times.sum())
    one_only = len(kinds.value) == 0 or bool((kinds.value == kinds.value[0]).all())
    observed, expected = (0.0, 0.0) if one_only else _once(model, kinds)
    if one_only or expected <= 0:
        reason = "every answer is the same, so chance agreement is certain and alpha undefined"
        return Alpha(None, reason, level, units, n, 0.0, 0.0, None, sampled=sampled)
    its_kinds, its_model = drawn
    features = its_model.features
    totals = its_model.totals if features is None else its_model.of_sums

    def statistic(weights: np.ndarray) -> np.ndarray:
        found, chance = totals(weights)
        # Rounding leaves a little of what should be 0.
        some = chance > 1e-12 * expected
        return np.where(some, 1 - found / np.where(some, chance, 1), np.nan)

    resamples, seed = draws
    ends: Interval = interval(
        statistic,
        its_kinds.times,
        resamples=resamples,
        seed=seed,
        width=its_model.width,
        features=features,
    )
    return Alpha(
        alpha=1 - observed / expected,
        reason=None,
        level=level,
        units=units,
        pairable=n,
        observed=observed,
        expected=expected,
        package=None,
        low=ends.low,
        high=ends.high,
        resamples=ends.resamples,
        sampled=sampled,
    )


def _once(model: Model, kinds: Kinds) -> tuple[float, float]:
    observed, expected = model.totals(kinds.times[None, :].astype(np.float64))
    return float(observed[0]), float(expected[0])


def _without_pairs(counts: Cells | None, level: str) -> Alpha:
    nothing = counts is None or not len(counts.item)
    reason = "there are no answers" if nothing else "no item has two answers"
    return Alpha(None, reason, level, 0, 0, None, None, None)


def _pairable(counts: Cells | None) -> Cells | None:
    """Only units with two answers or more, renumbered without gaps; None where there is none."""
    if counts is None or not len(counts.item):
        return None
    size = np.bincount(counts.item, weights=counts.count)
    kept = size[counts.item] >= 2
    if not kept.any():
        return None
    unit = (np.cumsum(size >= 2) - 1)[counts.item[kept]]
    return Cells(item=unit, value=counts.value[kept], count=counts.count[kept])


@dataclass(frozen=True)
class _Ratio:
    """((v − w) ÷ (v + w))², 0 where both are 0."""

    scale: np.ndarray

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        v, w = self.scale[left], self.scale[right]
        total = v + w
        return np.square(np.divide(v - w, total, out=np.zeros_like(total), where=total != 0))


@dataclass(frozen=True)
class _Subset:
    """A distance over some of its values."""

    whole: Distance
    kept: np.ndarray

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return self.whole.between(self.kept[left], self.kept[right])


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
