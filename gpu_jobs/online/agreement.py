"""Krippendorff's alpha kept up to date: sums that one answer changes in one item only.

    α = 1 − (n − 1) · D / E

nominal: D = Σ_u (m_u² − Σ_v c_uv²)/(m_u − 1), E = n² − Σ_v n_v². interval:
D = Σ_u 2 m_u SS_u/(m_u − 1), E = 2 n (Σ x² − (Σ x)²/n), SS_u the sum of squares of item u around
its mean. ordinal: the distance is that of midranks r, which every answer moves; so what is kept are
coincidences O_vw = Σ_u c_uv c_uw/(m_u − 1), and of them D = Σ_vw O_vw (r_v − r_w)² and
E = Σ_vw n_v n_w (r_v − r_w)² are made in C² steps. Sums over items with two answers or more, n
their answers (K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011).
"""

from dataclasses import dataclass, field

import numpy as np

from gpu_jobs.contracts import InputError

LEVELS = ("nominal", "ordinal", "interval")


@dataclass
class RunningAlpha:
    """n_v (C,): answers of each class in items with two or more. place (C,): where a class lies on
    the scale; of ordinal ones only the order of it matters, and equal places are one rank. within:
    D (nominal, interval). together (C, C): O (ordinal), else (0, 0).
    """

    level: str
    place: np.ndarray
    totals: np.ndarray
    within: float = 0.0
    together: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise InputError(f"alpha is kept up to date for {', '.join(LEVELS)} only")
        if self.level == "ordinal" and not self.together.size:
            self.together = np.zeros((len(self.place), len(self.place)))

    def change(self, before: np.ndarray, after: np.ndarray) -> None:
        """An item's counts (C,) change."""
        for counts, sign in ((before, -1), (after, 1)):
            if counts.sum() >= 2:
                self.totals += sign * counts
                self._count(counts[None, :], sign)

    def start(self, counts: np.ndarray) -> None:
        """Add many items at once: counts (i, C)."""
        paired = counts[counts.sum(axis=1) >= 2]
        self.totals += paired.sum(axis=0)
        self._count(paired, 1)

    def alpha(self) -> float | None:
        """None where undefined: no item with two answers, or every answer the same."""
        n = float(self.totals.sum())
        if n < 2 or np.count_nonzero(self.totals) < 2:
            return None
        within = self.within
        if self.level == "nominal":
            overall = n * n - float(np.square(self.totals).sum())
        else:
            place = self._midranks() if self.level == "ordinal" else self.place
            mean = float(self.totals @ place) / n
            away = place - mean
            overall = 2 * n * float(self.totals @ np.square(away))
            if self.level == "ordinal":
                rows = self.together.sum(axis=1)
                within = 2 * float(rows @ np.square(away) - away @ self.together @ away)
        return 1 - (n - 1) * within / overall if overall > 0 else None

    def _count(self, counts: np.ndarray, sign: int) -> None:
        if self.level == "ordinal":
            given = np.flatnonzero(counts.any(axis=0))
            part = counts[:, given]
            each = part / (part.sum(axis=1, keepdims=True) - 1)
            self.together[np.ix_(given, given)] += sign * (part.T @ each)
        else:
            self.within += sign * float(_within(counts, self.level, self.place).sum())

    def _midranks(self) -> np.ndarray:
        """(C,) among the answers so far."""
        _, same = np.unique(self.place, return_inverse=True)
        total = np.bincount(same, weights=self.totals)
        return np.asarray((np.cumsum(total) - total / 2)[same])


def _within(counts: np.ndarray, level: str, place: np.ndarray) -> np.ndarray:
    """An item's part of D, (i,) of counts (i, C), each with two answers at least."""
    m = counts.sum(axis=1)
    if level == "nominal":
        return np.asarray((np.square(m) - np.square(counts).sum(axis=1)) / (m - 1))
    mean = counts @ place / m
    squares = (counts * np.square(place - mean[:, None])).sum(axis=1)
    return np.asarray(2 * m * squares / (m - 1))
