"""How many more right answers on gold would lift a worker's lower bound over a bar.

The lower bound of `posterior` is the 10% quantile of Beta(K + correct, K + gold − correct). It is
at the bar b or above exactly when I_b(K + correct, K + gold − correct) ≤ 0.10, with I the
regularised incomplete beta function; right answers alone raise only the first parameter, so the
smallest number of them is found by bisection.
"""

import numpy as np
from scipy.special import betainc

from gpu_jobs.contracts import InputError
from gpu_jobs.gold.posterior import K

MOST = 1_000
_ONE_SIDED = 0.10


def more_right(
    correct: np.ndarray,
    gold: np.ndarray,
    *,
    bar: float,
    minimum: int,
    k: float = K,
    most: int = MOST,
) -> np.ndarray:
    """int64 (W,): right answers still needed if none is wrong; 0 where the bar is reached.

    correct, gold: counts (W,). bar: from 0 to 1. minimum: gold answers without which nothing rests
    on the bound. −1 where more than `most` would be needed; a bar of 1 is never reached. Raises
    InputError for a bar outside of [0, 1].
    """
    if not 0 <= bar <= 1:
        raise InputError("the bar must be a share from 0 to 1")
    wrong = gold - correct

    def reaches(extra: np.ndarray) -> np.ndarray:
        under = betainc(k + correct + extra, k + wrong, bar)
        return (under <= _ONE_SIDED) & (gold + extra >= minimum)

    low = np.full(len(gold), -1, dtype=np.int64)  # does not reach, or is below 0
    high = np.full(len(gold), most, dtype=np.int64)
    possible = reaches(high)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        enough = reaches(middle) & (middle >= 0)
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return np.where(possible, high, -1)
