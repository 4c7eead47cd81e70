"""Gwet's AC1, and AC2 with weights: chance agreement that a lopsided class does not inflate.

    AC = (p_o − p_e) / (1 − p_e),   p_e = T_w / (q (q − 1)) Σ_v π_v (1 − π_v),   T_w = Σ_vl w_vl
    p_o = mean over items with two answers or more of Σ_v c_uv (c*_uv − 1) / (m_u (m_u − 1)),
    c*_uv = Σ_l w_vl c_ul,   π_v = mean over all items of c_uv / m_u

q classes; AC1 has w = identity, so T_w = q. Weights by place k, l of the class: linear
1 − |k − l| / (q − 1), quadratic 1 − ((k − l) / (q − 1))², ordinal 1 − d (d + 1) / (q (q − 1)) with
d = |k − l|. q counts the classes that occur, or those said to be possible.

Sources: K. Gwet, "Computing inter-rater reliability and its variance in the presence of high
agreement" (2008); "Handbook of Inter-Rater Reliability" (4th ed., 2014) for weights and for items
with different numbers of answers.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.coefficients import (
    Coefficient,
    coefficient,
    kinds_by_class,
    mean_over,
    shares,
)
from gpu_jobs.agreement.disagreement import within
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError

WEIGHTS = ("identity", "linear", "quadratic", "ordinal")


def gwet_ac(
    answers: Answers,
    *,
    weights: str = "identity",
    classes: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Coefficient:
    """AC1 (identity) or AC2 with its interval.

    classes: how many are possible, at least those that occur. Undefined with one class. Raises
    InputError for unknown weights or too few classes.
    """
    if weights not in WEIGHTS:
        raise InputError(f"weights must be one of {', '.join(WEIGHTS)}, not {weights!r}")
    q = len(answers.classes) if classes is None else classes
    if q < len(answers.classes):
        raise InputError(f"{len(answers.classes)} classes occur, so there are more than {q}")
    plain = weights == "identity"
    name = "gwet_ac1" if plain else f"gwet_ac2_{weights}"
    kinds = kinds_by_class(answers, resamples=resamples, ordered=not plain)
    # Steps apart 0, …, q − 1: so many places of the q × q table, and the weight there.
    steps = np.arange(q)
    places = np.where(steps == 0, q, 2 * (q - steps))
    total = float(places @ _weight(weights, steps, q))

    # Not once a block of draws: it goes over all pairs within items.
    each = None if kinds is None else 1 - within(kinds, _Apart(weights, q)) / kinds.size

    def totals(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if kinds is None or each is None or q < 2:
            return np.full(len(w), np.nan), np.full(len(w), np.nan)
        m = kinds.size
        share = shares(kinds, w)
        expected = total / (q * (q - 1)) * (share * (1 - share)).sum(axis=1)
        return mean_over(w, np.where(m >= 2, each, 0), (m >= 2).astype(np.float64)), expected

    reason = "there is only one class, so chance has no measure"
    return coefficient(name, kinds, totals, resamples=resamples, seed=seed, reason=reason)


@dataclass(frozen=True)
class _Apart:
    """1 − w of two classes."""

    weights: str
    q: int

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return 1 - _weight(self.weights, np.abs(left - right), self.q)


def _weight(weights: str, steps: np.ndarray, q: int) -> np.ndarray:
    """Weights float64 of classes so many steps apart."""
    d, far = steps.astype(np.float64), max(q - 1, 1)
    if weights == "linear":
        return 1 - d / far
    if weights == "quadratic":
        return 1 - np.square(d / far)
    if weights == "ordinal":
        return 1 - d * (d + 1) / (far * (far + 1))
    return (d == 0).astype(np.float64)
