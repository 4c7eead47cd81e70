"""How much gold a contributor should meet next: more while unsure, less when proven.

    rate = low + (high − low) · max(doubt, width)

    doubt = 4 p (1 − p),  p = P(accuracy ≥ bar)      width = (high₉₅ − low₅) / (that of the prior)

both under the Beta posterior of `posterior`. doubt is 1 where the data cannot say on which side of
the bar somebody stands and 0 where they are sure; width falls from 1 without gold as 1/√n. Below
the number of gold answers that decides, the rate is `high`. The bounds 5% and 15% are the
published range of gold.

The paid volume does not change: gold is paid work, and only its share moves. A low rate is never
zero, since people change.
"""

import numpy as np
from scipy.special import betainc, betaincinv

from gpu_jobs.contracts import InputError
from gpu_jobs.gold.posterior import DECISIVE, K

LOW, HIGH = 0.05, 0.15


def gold_rate(
    correct: np.ndarray,
    gold: np.ndarray,
    *,
    bar: float,
    low: float = LOW,
    high: float = HIGH,
    k: float = K,
    decisive: int = DECISIVE,
) -> np.ndarray:
    """float64 (W,) between low and high, from Σ of scores and number of gold answers (W,).

    Raises InputError for a bar outside (0, 1) or bounds that are no rates.
    """
    if not 0 < bar < 1:
        raise InputError("the bar must lie between 0 and 1")
    if not 0 <= low <= high <= 1:
        raise InputError("the bounds of the gold rate must be rates, the lower one first")
    a, b = k + correct, k + gold - correct
    reaches = 1 - betainc(a, b, bar)
    doubt = 4 * reaches * (1 - reaches)
    whole = betaincinv(k, k, 0.95) - betaincinv(k, k, 0.05)
    width = np.minimum((betaincinv(a, b, 0.95) - betaincinv(a, b, 0.05)) / whole, 1)
    unsure = np.where(np.asarray(gold) < decisive, 1.0, np.maximum(doubt, width))
    return low + (high - low) * unsure
