"""Where more data would help most: learning curves by group, extrapolated, with intervals.

For each group (an item kind, a tier) everybody else's rows stay, and the group's rows come in
step by step: sizes halve from all of them downwards, and each replicate's smaller samples lie in
its larger ones. All models of all replicates are batched heads. The mean curve is fitted by

    v(n) = v∞ − a (n + m)^−α,  a ≥ 0, v∞ at most the best that the metric can be

(C. Cortes et al., "Learning curves: asymptotic values and rate of convergence", NeurIPS 1993),
least squares weighted by the replicates' spread, α and m on a grid, v∞ and a in closed form. m
stands for what others' rows teach about the group's. The interval is over bootstrap draws of
replicates and of test rows together; each draw is fitted anew.

The next N answers gain v(n + N) − v(n). That a curve bends as it has bent so far is an
assumption: `held` fits without the last size and says whether the last value lay inside.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError, Report
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.metrics import BEST
from gpu_jobs.lift.problem import Problem

REPLICATES = 10
LEAST = 40
"""Rows of a group below which there is no curve."""
SMALLEST = 10
FAR = 4.0
"""An extrapolation to more than this many times the rows there are is called far."""
SAYS = (
    (
        "A curve adds a group's rows to everybody else's; the gain is of the same kind of answers"
        " in the same mix as those that are there."
    ),
    (
        "Intervals are 95%, over bootstrap draws of nested samples and of test rows; that the curve"
        " goes on as a power law is assumed, and `held` says whether it did at the last step."
    ),
)
_HALVINGS = 6
_EXPONENTS = np.geomspace(0.1, 2.0, 14)
_SHIFTS = np.array([0.0, 0.25, 1.0, 4.0])
EVERYTHING = "everything"


@dataclass(frozen=True)
class Point:
    """rows: of the group in training. low, high: 95%, of replicates and test rows."""

    rows: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """whole: of all rows, not of a group. points: what was measured. gain: by the next `next`
    answers, with its 95% interval. exponent: α of the fit. cents_per_point: price of a hundredth of
    the metric at that gain; low from the gain's upper end, high None where its lower end is not
    above 0. says: see `verdict`, or "too few rows", "not reached". held: whether the value at all
    rows lay within what was foretold without it; None with fewer than four sizes. far: the
    extrapolation goes beyond four times the rows there are.
    """

    group: str
    whole: bool
    rows: int
    points: tuple[Point, ...]
    next: int
    gain: float | None
    low: float | None
    high: float | None
    exponent: float | None
    cents_per_point: float | None
    cents_low: float | None
    cents_high: float | None
    says: str
    held: bool | None
    far: bool


def _quiet(_done: int, _total: int, _message: str) -> None:
    return None


def curves(
    problem: Problem,
    *,
    further: int,
    price: float | None = None,
    least_gain: float = 0.001,
    replicates: int = REPLICATES,
    seed: int = 0,
    report: Report = _quiet,
) -> tuple[Curve, ...]:
    """A curve for each group and one for everything, the largest gain first. further: N. price: of
    one answer, in cents. least_gain: what is worth having, of the metric.

    Raises InputError for numbers that are too small.
    """
    check_numbers(further, replicates)
    if price is not None and not 0 < price < float("inf"):
        raise InputError("the price of an answer must be above 0")
    utility = Utility(problem)
    names = names_of(problem)
    found = []
    for number, name in enumerate(names):
        values = measured(problem, utility, number, replicates=replicates, seed=seed)
        found.append(
            fitted(
                problem,
                number,
                values,
                further=further,
                price=price,
                least_gain=least_gain,
                replicates=replicates,
                seed=seed,
            )
        )
        report(number + 1, len(names), f"curve of {name}")
    return ranked(found)


def check_numbers(further: int, replicates: int) -> None:
    if further < 1 or replicates < 3:
        raise InputError("a curve looks at least one answer ahead, by at least three replicates")


def names_of(problem: Problem) -> list[str]:
    """What there is a curve of: everything, and each group where there are several."""
    return [EVERYTHING, *problem.groups] if len(problem.groups) > 1 else [EVERYTHING]


def ranked(found: Iterable[Curve]) -> tuple[Curve, ...]:
    """The largest gain first."""
    return tuple(sorted(found, key=lambda one: (one.gain is None, -(one.gain or 0.0), one.group)))


def _asked(problem: Problem, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of name `number` of `names_of`, and everybody else's."""
    inside = np.full(len(problem.group), True) if not number else problem.group == number - 1
    return np.flatnonzero(inside), np.flatnonzero(~inside)


def _is_measurable(rows: int) -> bool:
    return rows >= LEAST and len(_sizes(rows)) >= 3


def measured(
    problem: Problem, utility: Utility, number: int, *, replicates: int, seed: int
) -> np.ndarray:
    """Values of the models of one curve, float64 (replicates, sizes, 1 + R); all of length 0 where
    it has too few rows.
    """
    mine, others = _asked(problem, number)
    if not _is_measurable(len(mine)):
        return np.zeros((0, 0, 0))
    rng = np.random.default_rng([seed, 5, number])
    return _measured(utility, mine, others, _sizes(len(mine)), replicates, rng)


def fitted(
    problem: Problem,
    number: int,
    values: np.ndarray,
    *,
    further: int,
    price: float | None = None,
    least_gain: float,
    replicates: int,
    seed: int,
) -> Curve:
    """The curve through what `measured` gave for the same number, replicates and seed."""
    mine, others = _asked(problem, number)
    curve = unreached(problem, number, further=further, says="too few rows")
    if not values.size:
        return curve
    rng = np.random.default_rng([seed, 5, number])
    for _ in range(replicates):
        # Drawn by `measured` already: what follows is drawn after it.
        rng.permutation(mine)
    return _fitted(
        curve, _sizes(len(mine)), values, len(others), problem.metric, price, least_gain, rng
    )


def _sizes(rows: int) -> np.ndarray:
    """From all rows, halved at most six times, ascending; none below SMALLEST."""
    halved = [rows // 2**step for step in range(_HALVINGS + 1)]
    return np.array(sorted({each for each in halved if each >= SMALLEST}), dtype=np.int64)


def _measured(
    utility: Utility,
    mine: np.ndarray,
    others: np.ndarray,
    sizes: np.ndarray,
    replicates: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """float64 (replicates, sizes, 1 + R). All rows are one model, whichever replicate."""
    rows = []
    for _ in range(replicates):
        order = rng.permutation(mine)
        rows += [np.concatenate([others, order[:size]]) for size in sizes[:-1]]
    rows.append(np.concatenate([others, mine]))
    values = utility.of_rows(rows)
    part = values[:-1].reshape(replicates, len(sizes) - 1, -1)
    whole = np.broadcast_to(values[-1], (replicates, 1, values.shape[1]))
    return np.concatenate([part, whole], axis=1)


def _fitted(
    curve: Curve,
    sizes: np.ndarray,
    values: np.ndarray,
    others: int,
    metric: str,
    price: float | None,
    least_gain: float,
    rng: np.random.Generator,
) -> Curve:
    replicates, _, draws = values.shape
    picked = rng.integers(0, replicates, (draws - 1, replicates))
    # One draw takes replicates with repeats, and the test rows of its own resample.
    drawn = np.stack([values[picked[b], :, b + 1].mean(axis=0) for b in range(draws - 1)])
    mean = values[:, :, 0].mean(axis=0)
    whole = np.vstack([mean, drawn])
    spread = values[:, :, 0].var(axis=0, ddof=1) / replicates
    weight = 1 / (spread + max(float(spread.mean()), 1e-12))
    best = BEST[metric]
    fit = power_law(sizes, whole, weight, shift=others, best=best)
    ahead = fit.at(np.array([sizes[-1], sizes[-1] + curve.next]))
    gains = ahead[:, 1] - ahead[:, 0]
    low, high = np.quantile(gains[1:], (0.025, 0.975))
    gain = float(gains[0])
    before = power_law(sizes[:-1], whole[:, :-1], weight[:-1], shift=others, best=best)
    # Only rows are drawn anew between the sizes; the test rows are the same, so the difference
    # from what was foretold is compared within each draw.
    missed = np.quantile(whole[1:, -1] - before.at(sizes[-1:])[1:, 0], (0.025, 0.975))
    ends = np.quantile(drawn, (0.025, 0.975), axis=0)
    bent = float(low) > 0
    points = tuple(
        Point(int(size), float(value), float(a), float(b))
        for size, value, a, b in zip(sizes, mean, ends[0], ends[1], strict=True)
    )
    cents = price * curve.next / 100 if price is not None else None
    return Curve(
        group=curve.group,
        whole=curve.whole,
        rows=curve.rows,
        points=points,
        next=curve.next,
        gain=gain,
        low=float(low),
        high=float(high),
        exponent=float(fit.exponent[0]),
        cents_per_point=None if cents is None or gain <= 0 else cents / gain,
        cents_low=None if cents is None or high <= 0 else cents / float(high),
        cents_high=None if cents is None or not bent else cents / float(low),
        says=verdict(float(low), float(high), least_gain),
        held=bool(missed[0] <= 0 <= missed[1]) if len(sizes) > 3 else None,
        far=curve.next + curve.rows > FAR * curve.rows,
    )


def verdict(low: float, high: float, least_gain: float) -> str:
    """Whether the next answers help: "little to gain" where even the upper end is below what is
    worth having, "helps" where the lower end is above 0, else "cannot tell".
    """
    if high < least_gain:
        return "little to gain"
    return "helps" if low > 0 else "cannot tell"


def unreached(problem: Problem, number: int, *, further: int, says: str = "not reached") -> Curve:
    """Without figures: as if a budget had ended before its models were trained."""
    mine, _ = _asked(problem, number)
    return Curve(
        group=names_of(problem)[number],
        whole=not number,
        rows=len(mine),
        points=(),
        next=further,
        gain=None,
        low=None,
        high=None,
        exponent=None,
        cents_per_point=None,
        cents_low=None,
        cents_high=None,
        says=says,
        held=None,
        far=False,
    )


@dataclass(frozen=True)
class PowerLaw:
    """Fits of B curves, float64 (B,): limit v∞, scale a, exponent α, shift m."""

    limit: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray
    shift: np.ndarray

    def at(self, rows: np.ndarray) -> np.ndarray:
        """float64 (B, len(rows))."""
        away = (rows[None, :] + self.shift[:, None]) ** -self.exponent[:, None]
        return self.limit[:, None] - self.scale[:, None] * away


def power_law(
    sizes: np.ndarray, values: np.ndarray, weight: np.ndarray, *, shift: float, best: float
) -> PowerLaw:
    """Of curves (B, J) at sizes (J,), ascending; weight (J,). shift: the largest that m can be is
    four times it. best: what v∞ cannot exceed.
    """
    alpha, moved = (each.ravel() for each in np.meshgrid(_EXPONENTS, _SHIFTS * shift))
    if shift == 0:
        alpha, moved = _EXPONENTS, np.zeros(len(_EXPONENTS))
    away = (sizes[None, :] + moved[:, None]) ** -alpha[:, None]
    w = weight / weight.sum()
    centre = away @ w
    spread = np.square(away - centre[:, None]) @ w
    mean = values @ w
    slope = ((values - mean[:, None]) * w) @ (away - centre[:, None]).T
    # A falling curve is a flat one: more data of this kind does no good.
    scale = np.maximum(-slope / np.maximum(spread, 1e-300), 0)
    limit = mean[:, None] + scale * centre
    over = limit > best
    # With the limit at its best, the scale is the slope through it.
    through = ((best - values) * w) @ away.T / (np.square(away) @ w)
    scale = np.where(over, np.maximum(through, 0), scale)
    limit = np.where(over, best, limit)
    wrong = np.stack(
        [
            np.square(values - limit[:, [g]] + scale[:, [g]] * away[g]) @ w
            for g in range(len(alpha))
        ],
        axis=1,
    )
    chosen = wrong.argmin(axis=1)
    row = np.arange(len(values))
    return PowerLaw(
        limit=limit[row, chosen],
        scale=scale[row, chosen],
        exponent=alpha[chosen],
        shift=moved[chosen],
    )
