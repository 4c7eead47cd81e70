"""Krippendorff's alpha kept up to date: sums that one answer changes in one item only.

    α = 1 − (n − 1) · D / E

nominal: D = Σ_u (m_u² − Σ_v c_uv²)/(m_u − 1), E = n² − Σ_v n_v². interval:
D = Σ_u 2 m_u SS_u/(m_u − 1), E = 2 n (Σ x² − (Σ x)²/n), SS_u the sum of squares of item u around
its mean. Sums over items with two answers or more, n their answers (K. Krippendorff, "Computing
Krippendorff's Alpha-Reliability", 2011). The ordinal distance depends on the ranks of all
answers, so it is left to the full run.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError

LEVELS = ("nominal", "interval")


@dataclass
class RunningAlpha:
    """within: D. n_v (C,): answers of each class in items with two or more. place (C,): where a
    class lies on the scale (interval).
    """

    level: str
    place: np.ndarray
    totals: np.ndarray
    within: float = 0.0

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise InputError(f"alpha is kept up to date for {' and '.join(LEVELS)} only")

    def change(self, before: np.ndarray, after: np.ndarray) -> None:
        """An item's counts (C,) change."""
        for counts, sign in ((before, -1), (after, 1)):
            if counts.sum() >= 2:
                self.totals += sign * counts
                self.within += sign * float(_within(counts[None, :], self.level, self.place)[0])

    def start(self, counts: np.ndarray) -> None:
        """Add many items at once: counts (i, C)."""
        paired = counts[counts.sum(axis=1) >= 2]
        self.totals += paired.sum(axis=0)
        self.within += float(_within(paired, self.level, self.place).sum())

    def alpha(self) -> float | None:
        """None where undefined: no item with two answers, or every answer the same."""
        n = float(self.totals.sum())
        if n < 2 or np.count_nonzero(self.totals) < 2:
            return None
        if self.level == "nominal":
            overall = n * n - float(np.square(self.totals).sum())
        else:
            mean = float(self.totals @ self.place) / n
            overall = 2 * n * float(self.totals @ np.square(self.place - mean))
        return 1 - (n - 1) * self.within / overall if overall > 0 else None


def _within(counts: np.ndarray, level: str, place: np.ndarray) -> np.ndarray:
    """An item's part of D, (i,) of counts (i, C), each with two answers at least."""
    m = counts.sum(axis=1)
    if level == "nominal":
        return np.asarray((np.square(m) - np.square(counts).sum(axis=1)) / (m - 1))
    mean = counts @ place / m
    squares = (counts * np.square(place - mean[:, None])).sum(axis=1)
    return np.asarray(2 * m * squares / (m - 1))
