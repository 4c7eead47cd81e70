"""From fast submissions (`seconds.py`) to a signal about a worker: too many of them.

Of ordinary submissions about 4 in 10,000 are flagged; one or two fast ones are nothing. With n
timed submissions of which x are fast, the signal is the chance of x or more if each were fast with
probability 1 in 100 (25 times what is ordinary, as people have habits): the binomial tail
I_{0.01}(x, n − x + 1). Below 0.001 speaks, with two fast ones at least.
"""

import numpy as np
from scipy.special import betainc

from gpu_jobs.anomalies.seconds import Anomalies
from gpu_jobs.anomalies.signals import Signal, below

ORDINARY = 0.01
THRESHOLD = 0.001
LEAST_FAST = 2


def haste(
    found: Anomalies, worker: np.ndarray, *, workers: int, threshold: float = THRESHOLD
) -> Signal:
    """Array worker int64 (n,): who made each submission. NaN for workers without times."""
    timed = ~np.isnan(found.z)
    n = np.bincount(worker[timed], minlength=workers)
    fast = np.bincount(worker[found.fast], minlength=workers)
    some = fast >= LEAST_FAST
    value = np.ones(workers)
    value[some] = betainc(fast[some], n[some] - fast[some] + 1.0, ORDINARY)
    value[n == 0] = np.nan
    return below("haste", "time", threshold, value)
