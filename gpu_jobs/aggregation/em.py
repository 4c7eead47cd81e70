"""The loop that every EM here runs, and its two stop rules.

"crowd-kit": when Σ over answers of Σ_k T_ik (ln p_k + ln P(answer | k)) plus the entropy of T,
divided by the number of answers, rises by less than the tolerance. That is the rule of crowd-kit
1.4.2 (D. Ustalov, N. Pavlichenko, B. Tseitlin, JOSS 9(96), 2024), and the published tables come
from it. It counts ln p_k once an answer, not once an item; it is therefore no likelihood, can
fall, and can stop EM after two iterations. "likelihood": when the log-likelihood (or, with
priors, the log-posterior) divided by the number of answers rises by less than the tolerance; EM
never lowers that one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError

MAX_ITER = 100
TOL = 1e-5
STOPS = ("crowd-kit", "likelihood")
SMOOTHING = 1e-10


@dataclass(frozen=True)
class Climb:
    """iterations done, whether the rule stopped them, and the last value of the rule."""

    iterations: int
    converged: bool
    reached: float


def check(max_iter: int, tol: float, stop: str = STOPS[0]) -> None:
    """Raises InputError for values that make no sense."""
    if max_iter < 1 or not tol >= 0 or stop not in STOPS:
        raise InputError("max_iter must be 1 or more, tol 0 or more, stop " + " or ".join(STOPS))


def climb(step: Callable[[], float], *, answers: int, max_iter: int, tol: float) -> Climb:
    """Call `step`, which does one iteration and returns what the rule looks at."""
    last, done, converged = -np.inf, 0, not answers
    while done < max_iter and not converged:
        reached = step()
        done += 1
        converged = bool((reached - last) / answers < tol)
        last = reached
    return Climb(done, converged, last if done else 0.0)


def entropy(below: int, weighted_log: float) -> float:
    """−Σ T ln T with T held at SMOOTHING or more, from Σ T ln T over all T (`weighted_log`) and
    how many lie under it.
    """
    return -(weighted_log + below * SMOOTHING * float(np.log(SMOOTHING)))
