"""Fleiss' kappa: agreement of many raters, chance from how often each class was given.

    κ = (p_o − p_e) / (1 − p_e)
    p_o = mean over items with two answers or more of Σ_v c_uv (c_uv − 1) / (m_u (m_u − 1))
    p_e = Σ_v π_v²,   π_v = mean over all items of c_uv / m_u

Source: J. Fleiss, "Measuring nominal scale agreement among many raters" (1971), where every item
has equally many answers; for items with different numbers as in K. Gwet, "Handbook of Inter-Rater
Reliability" (4th ed., 2014). Where one class is nearly all, κ is low however much raters agree
(A. Feinstein & D. Cicchetti 1990): read AC1 beside it.
"""

import numpy as np

from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.coefficients import (
    Coefficient,
    coefficient,
    kinds_by_class,
    mean_over,
    shares,
)
from gpu_jobs.answers import Answers


def fleiss_kappa(answers: Answers, *, resamples: int = RESAMPLES, seed: int = 0) -> Coefficient:
    """κ with its interval. Undefined where one class is all there is."""
    kinds = kinds_by_class(answers, resamples=resamples)

    def totals(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if kinds is None:
            return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
        m = kinds.size
        each = np.divide(kinds.squares - m, m * (m - 1), out=np.zeros(len(m)), where=m >= 2)
        observed = mean_over(weights, each, (m >= 2).astype(np.float64))
        return observed, np.square(shares(kinds, weights)).sum(axis=1)

    return coefficient("fleiss_kappa", kinds, totals, resamples=resamples, seed=seed)
