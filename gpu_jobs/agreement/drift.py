"""Agreement over time: alpha and percent agreement of windows of items, each with its interval.

An item stands at the mean time of its answers and lies in one window whole. Windows hold equally
many items with two answers or more, but items of the same time stay together. Each window's α
takes its chance from its own answers, so that a change of what is asked does not count as drift.

`differs` says that the intervals of two windows have nothing in common. With ten windows and no
drift that is rare, but it can happen; it is a reason to look at the windows, not a finding.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs import svg
from gpu_jobs.agreement.alpha import Alpha, alpha_of_typed
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.percent import agreement_of_items
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.types import Typed

WINDOWS = 10
MIN_ITEMS = 20
"""Items that a window holds at least; fewer windows are made where there are fewer items."""


@dataclass(frozen=True)
class Window:
    """start, end: time of its first and last item, in the unit of `at`. agreement: mean over
    items of the mean of 1 − d.
    """

    start: float
    end: float
    items: int
    agreement: float
    alpha: Alpha


@dataclass(frozen=True)
class Drift:
    """windows in the order of time; untimed: items with pairs but without any time."""

    windows: tuple[Window, ...]
    differs: bool
    untimed: int

    def plot(self) -> str:
        """SVG line of alpha with the band of its intervals."""
        rows = [
            svg.Bar(
                f"{each.items} items to {each.end:g}",
                each.alpha.alpha,
                each.alpha.low,
                each.alpha.high,
            )
            for each in self.windows
        ]
        return svg.line("Alpha over time", ["first items", "last items"], rows)


def drift(
    answers: Answers,
    typed: Typed,
    at: np.ndarray,
    *,
    windows: int = WINDOWS,
    level: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Drift:
    """Times `at` float64 (n,), NaN where unknown. Raises InputError for less than 1 window."""
    if windows < 1:
        raise InputError("drift needs at least 1 window")
    timed = ~np.isnan(at)
    items = len(answers.items)
    count = np.bincount(answers.item[timed], minlength=items)
    # Times are large numbers close together: sums of differences keep their digits.
    origin = float(at[timed].min()) if timed.any() else 0.0
    total = np.bincount(answers.item[timed], weights=at[timed] - origin, minlength=items)
    mean = np.divide(total, count, out=np.full(items, np.nan), where=count > 0)
    paired = np.bincount(answers.item, minlength=items) >= 2
    placed = np.flatnonzero(paired & (count > 0))
    made = max(1, min(windows, len(placed) // MIN_ITEMS))
    order = np.sort(mean[placed])
    window = np.full(items, -1)
    window[placed] = np.searchsorted(order, mean[placed]) * made // max(len(placed), 1)
    agreement = agreement_of_items(answers, typed)
    found = []
    for each in np.unique(window[placed]):
        inside = np.flatnonzero(window == each)
        found.append(
            Window(
                start=float(mean[inside].min()) + origin,
                end=float(mean[inside].max()) + origin,
                items=len(inside),
                agreement=float(agreement[inside].mean()),
                alpha=alpha_of_typed(
                    answers,
                    typed,
                    level=level,
                    kept=np.flatnonzero(window[answers.item] == each),
                    resamples=resamples,
                    seed=seed,
                ),
            )
        )
    lows = [each.alpha.low for each in found if each.alpha.low is not None]
    highs = [each.alpha.high for each in found if each.alpha.high is not None]
    return Drift(
        windows=tuple(found),
        differs=bool(lows) and max(lows) > min(highs),
        untimed=int((paired & (count == 0)).sum()),
    )
