"""What a lift run gives, and how replicates and resamples become an interval.

Two sources of error are kept apart and added: what was drawn in the run (permutations, samples
of rows: the variance between replicates, by their number) and what test rows were at hand (the
variance over bootstrap draws of the test rows, the same draws for every model: paired). The
interval is value ± t·se with Welch's degrees of freedom (B. L. Welch, Biometrika 34, 1947).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True)
class GroupLift:
    """value: in units of the metric, more is better; None where the budget ended before it.
    low, high: the interval, None where the run cannot give one. chance: p of the control of
    chance, None where there was none. significant: "positive" when the interval lies above zero
    and chance is small enough, "negative" when it lies below, else None. rows: of the group in
    training. seconds: its share of the run's computing.
    """

    name: str
    rows: int
    value: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    chance: float | None
    significant: str | None
    seconds: float


@dataclass(frozen=True)
class LiftResult:
    """groups: by falling value, then by name. everybody, nobody: the metric of the model of all
    rows, and of the model that guesses. controls: what must not differ from zero (with-without:
    "a/a"). convergence: why the run ended, and how far it came. assumptions, warnings: sentences;
    warnings say what is likely to mislead.
    digest: of problem and settings. seconds: of computing, in the chunks that made the result.
    """

    method: str
    metric: str
    recipe: str
    groups: tuple[GroupLift, ...]
    everybody: float
    nobody: float
    controls: tuple[GroupLift, ...]
    convergence: Mapping[str, Any]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    digest: str
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """value, drawn (variance of the value by what the run drew; None without draws or with one
    replicate only of a method that draws), tested (variance over resamples): float64 (G,), NaN
    inside for groups not reached. replicates: 0 for a method that draws nothing.
    handed: variance by which rows the group handed in, zero where they are taken as given.
    """

    value: np.ndarray
    drawn: np.ndarray | None
    tested: np.ndarray
    replicates: int
    handed: np.ndarray | float = 0.0


def of_replicates(arrays: np.ndarray) -> Estimate:
    """From (S, G, 1 + R): S independent replicates of values on the test set and R resamples."""
    mean = arrays.mean(axis=0)
    drawn = arrays[:, :, 0].var(axis=0, ddof=1) / len(arrays) if len(arrays) > 1 else None
    return Estimate(mean[:, 0], drawn, mean[:, 1:].var(axis=1, ddof=1), len(arrays))


def of_exact(values: np.ndarray) -> Estimate:
    """From (G, 1 + R): a method that draws nothing."""
    return Estimate(values[:, 0], np.zeros(len(values)), values[:, 1:].var(axis=1, ddof=1), 0)


def interval(
    estimate: Estimate, resamples: int, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error and half the width of the interval, float64 (G,).

    With one replicate of a method that draws, the drawn part is unknown: the half is infinite.
    """
    drawn = estimate.drawn
    if drawn is None:
        return np.sqrt(estimate.tested), np.full(len(estimate.value), np.inf)
    variance = drawn + estimate.tested + estimate.handed
    parts = estimate.tested**2 / max(resamples - 1, 1)
    if estimate.replicates > 1:
        spread = drawn**2 + np.square(estimate.handed)
        parts = parts + spread / (estimate.replicates - 1)
    freedom = np.where(parts > 0, variance**2 / np.where(parts > 0, parts, 1.0), 1.0)
    error = np.sqrt(variance)
    return error, stdtrit(np.maximum(freedom, 1.0), (1 + level) / 2) * error


def lifts(
    names: tuple[str, ...],
    rows: np.ndarray,
    estimate: Estimate,
    *,
    resamples: int,
    seconds: float,
    level: float = LEVEL,
    chance: np.ndarray | None = None,
    controlled: bool = False,
) -> tuple[GroupLift, ...]:
    """By falling value, then by name; groups that were not reached stand last.

    chance: p of each group, (G,). controlled: a gain needs a small one, of (1 − level) / 2 at
    most, so that without `chance` none is significant.
    """
    error, half = interval(estimate, resamples, level)
    reached = int(np.isfinite(estimate.value).sum())
    found = []
    for code, name in enumerate(names):
        value = float(estimate.value[code])
        if not np.isfinite(value):
            found.append(
                GroupLift(
                    name=name,
                    rows=int(rows[code]),
                    value=None,
                    standard_error=None,
                    low=None,
                    high=None,
                    chance=None,
                    significant=None,
                    seconds=0.0,
                )
            )
            continue
        wide = not np.isfinite(half[code])
        low, high = value - float(half[code]), value + float(half[code])
        p = None if chance is None else float(chance[code])
        beaten = not controlled or (p is not None and p <= (1 - level) / 2)
        sign = None
        if not wide and low > 0 and beaten:
            sign = "positive"
        elif not wide and high < 0:
            sign = "negative"
        found.append(
            GroupLift(
                name=name,
                rows=int(rows[code]),
                value=value,
                standard_error=float(error[code]),
                low=None if wide else low,
                high=None if wide else high,
                chance=p,
                significant=sign,
                seconds=seconds / max(reached, 1),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.value is None, -(one.value or 0.0), one.name)))
