"""Numbers: a slope, a bias and a variance for each contributor, a true value for each item.

    x_j = a_w μ_i + b_w + ε_j,   ε_j ~ N(0, v_w),   μ_i ~ N(0, 1)
    a_w ~ N(ā, s²),  b_w ~ N(0, β²),  v_w ~ scaled inverse χ² (STRENGTH answers at the pooled v)
    E: precision of μ_i = 1 + Σ_j a_w²/v_w;  mean = Σ_j a_w (x_j − b_w)/v_w ÷ precision
    M: (a_w, b_w) by ridge regression of x on E μ, v_w from what is left; ā, s², β² from moments

Whoever always gives the same number has no variance about their own mean, and the plain model of
bias and variance (a_w = 1) would trust them most. The slope tells them apart: they have none.

Two labels come out of one fit. "factor": ā·E μ + mean of all, on the scale of the average
contributor, biases and slopes taken out and drawn towards the mean. "weighted": the mean of the
answers as given, with weights √(a_w⁺/v_w). a/v is the weight of an answer in E μ; its root is
taken because the errors of people who look at the same item go together, which the model does
not know, so that full weights trust the best few too much. It keeps zeros zero. On `affect`
weighted beats the mean in MAE and in RMSE, and factor does not.

Sources: D. Lawley, A. Maxwell, "Factor analysis as a statistical method" (1971), and D. Rubin, D.
Thayer, "EM algorithms for ML factor analysis" (1982), for one factor; V. Raykar et al., "Learning
from crowds", JMLR 11 (2010), section 5, for annotators of numbers with a precision each.

Shapes: n answers, I items, W workers; O(n) a step.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation import em
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.contracts import InputError

STRENGTH = 5.0
MAX_ITER = 200
TOL = 1e-4
_FLOOR = 1e-6


@dataclass(frozen=True)
class Numeric:
    """weighted, factor float64 (I,): both labels. deviation float64 (I,): standard deviation of
    `weighted` by the variances of its contributors. slope, bias, variance float64 (W,): on the
    scale of the answers; a slope of 1 is the average contributor's, a bias is what they add.
    """

    weighted: np.ndarray
    factor: np.ndarray
    deviation: np.ndarray
    slope: np.ndarray
    bias: np.ndarray
    variance: np.ndarray
    iterations: int
    converged: bool


def means(tally: Tally, numbers: np.ndarray) -> np.ndarray:
    """float64 (I,): the mean of each item's answers, `numbers` (n,)."""
    return np.bincount(tally.item, numbers, tally.items) / np.maximum(tally.of_item, 1)


def medians(tally: Tally, numbers: np.ndarray) -> np.ndarray:
    """float64 (I,): the median of each item's answers, `numbers` (n,)."""
    if not len(numbers):
        return np.zeros(tally.items)
    ordered = numbers[np.lexsort((numbers, tally.item))]
    first = np.cumsum(tally.of_item) - tally.of_item
    low, high = first + (tally.of_item - 1) // 2, first + tally.of_item // 2
    return (ordered[low] + ordered[high]) / 2


def deviations(tally: Tally, numbers: np.ndarray) -> np.ndarray:
    """float64 (I,): standard error of the mean of each item, from the spread within items."""
    off = np.square(numbers - means(tally, numbers)[tally.item])
    free = max(len(numbers) - tally.items, 1)
    return np.sqrt(off.sum() / free / np.maximum(tally.of_item, 1))


def numeric(
    tally: Tally,
    numbers: np.ndarray,
    *,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
    strength: float = STRENGTH,
) -> Numeric:
    """Fit to numbers (n,), the answers of `tally`, each item with one at least.

    tol: iterations stop when no estimate of an item moves by more, in standard deviations of
    the answers. Raises InputError for numbers that are not finite.
    """
    em.check(max_iter, tol)
    if not np.all(np.isfinite(numbers)) or not strength > 0:
        raise InputError("numbers must be finite, and strength above 0")
    centre = float(numbers.mean()) if len(numbers) else 0.0
    unit = float(numbers.std()) if len(numbers) else 0.0
    if unit <= 1e-9 * max(1.0, abs(centre)):
        # All equal: nothing to weigh.
        plain, ones, zeros = means(tally, numbers), np.ones(tally.workers), np.zeros(tally.workers)
        return Numeric(plain, plain, np.zeros(tally.items), ones, zeros, zeros, 0, True)
    fit = _Fit(tally, (numbers - centre) / unit, strength)
    done, converged = 0, False
    while done < max_iter and not converged:
        before = fit.value
        fit.maximise()
        fit.expect()
        done += 1
        converged = float(np.abs(fit.value - before).max()) <= tol
    weight = np.sqrt(np.maximum(fit.slope, 0) / fit.variance)
    # Where nobody has a slope above zero, all count alike.
    of_item = np.bincount(tally.item, weight[tally.worker], tally.items)
    each = np.where(of_item[tally.item] > 0, weight[tally.worker], 1.0)
    whole = np.bincount(tally.item, each, tally.items)
    noise = np.bincount(tally.item, np.square(each) * fit.variance[tally.worker], tally.items)
    average = fit.average if abs(fit.average) > _FLOOR else 1.0
    return Numeric(
        weighted=np.bincount(tally.item, each * numbers, tally.items) / whole,
        factor=centre + unit * fit.average * fit.value,
        deviation=unit * np.sqrt(noise) / whole,
        slope=fit.slope / average,
        bias=unit * fit.bias,
        variance=unit * unit * fit.variance,
        iterations=done,
        converged=converged,
    )


class _Fit:
    """On standardised answers, so that a change of unit changes nothing but the unit."""

    def __init__(self, tally: Tally, x: np.ndarray, strength: float) -> None:
        self.tally, self.x, self.strength = tally, x, strength
        self.given = tally.of_worker.astype(np.float64)
        start = means(tally, x)
        spread = float(start.std())
        self.value = (start - start.mean()) / spread if spread > _FLOOR else np.zeros_like(start)
        self.uncertainty = np.full(tally.items, 0.3)
        self.variance = np.full(tally.workers, 0.5)
        self.slope, self.bias = np.full(tally.workers, 0.6), np.zeros(tally.workers)
        self.average, self.of_slope, self.of_bias = 0.6, 0.05, 0.05

    def _by_worker(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.tally.worker, values, self.tally.workers)

    def maximise(self) -> None:
        tally, v = self.tally, self.variance
        mean = self.value[tally.item]
        second = self._by_worker(np.square(mean) + self.uncertainty[tally.item])
        aa, ab = second / v + 1 / self.of_slope, self._by_worker(mean) / v
        bb = self.given / v + 1 / self.of_bias
        ra = self._by_worker(self.x * mean) / v + self.average / self.of_slope
        rb = self._by_worker(self.x) / v
        det = aa * bb - ab * ab
        self.slope, self.bias = (ra * bb - rb * ab) / det, (aa * rb - ab * ra) / det
        self.average = float(self.slope.mean())
        self.of_slope = max(float((np.square(self.slope - self.average) + bb / det).mean()), _FLOOR)
        self.of_bias = max(float((np.square(self.bias) + aa / det).mean()), _FLOOR)
        left = self.x - self.slope[tally.worker] * mean - self.bias[tally.worker]
        squares = self._by_worker(
            np.square(left) + np.square(self.slope[tally.worker]) * self.uncertainty[tally.item]
        )
        pooled = float(squares.sum() / self.given.sum())
        self.variance = np.maximum(
            (squares + self.strength * pooled) / (self.given + self.strength), _FLOOR
        )

    def expect(self) -> None:
        tally = self.tally
        weight = self.slope / self.variance
        precision = 1 + np.bincount(tally.item, (self.slope * weight)[tally.worker], tally.items)
        pulled = (self.x - self.bias[tally.worker]) * weight[tally.worker]
        self.value = np.bincount(tally.item, pulled, tally.items) / precision
        self.uncertainty = 1 / precision
