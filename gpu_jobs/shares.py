"""Intervals of a share: x of n.

wilson: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
22 (1927): centre (x + z²/2)/(n + z²), half-width z/(n + z²) · √(x(n − x)/n + z²/4). jeffreys: the
equal-tailed quantiles of Beta(x + ½, n − x + ½), 0 at x = 0 and 1 at x = n. Both as recommended
by L. D. Brown, T. T. Cai, A. DasGupta, Statistical Science 16 (2001). Without data: [0, 1].
"""

import numpy as np
from scipy.special import betaincinv, ndtri

LEVEL = 0.95


def wilson(x: np.ndarray, n: np.ndarray, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """low, high of the shape of x and n; x may be fractional, 0 ≤ x ≤ n."""
    z = float(ndtri((1 + level) / 2))
    some = np.maximum(n, np.finfo(float).tiny)
    centre = (x + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * np.sqrt(np.maximum(x * (n - x) / some, 0) + z * z / 4)
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    # Exactly 0 and 1 at the ends, which rounding would miss by a hair.
    return np.where(x <= 0, 0.0, low), np.where(x >= n, 1.0, high)


def jeffreys(
    x: np.ndarray, n: np.ndarray, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """As `wilson`."""
    tail = (1 - level) / 2
    low = betaincinv(x + 0.5, n - x + 0.5, tail)
    high = betaincinv(x + 0.5, n - x + 0.5, 1 - tail)
    return np.where(x <= 0, 0.0, low), np.where(x >= n, 1.0, high)


def clustered_share(
    value: np.ndarray, group: np.ndarray, cluster: np.ndarray, groups: int, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of value by group, low, high; answers of one cluster (a worker) are not independent.

    value float64 (n,) in [0, 1], group int64 (n,), cluster int64 (n,). The variance between
    clusters, Σ_w (Σ_{i in w} (value_i − mean))²/n² · G/(G − 1) with G clusters in the group
    (K.-Y. Liang, S. L. Zeger, "Longitudinal data analysis using generalized linear models",
    Biometrika 73, 1986), gives the number of independent answers n* = mean(1 − mean)/variance that
    stands for n in Wilson's interval, at most n. With one cluster the interval is [0, 1]: it says
    nothing of others.
    """
    n = np.bincount(group, minlength=groups).astype(np.float64)
    total = np.bincount(group, weights=value, minlength=groups)
    mean = total / np.maximum(n, 1)
    clusters = int(cluster.max(initial=-1)) + 1
    keys, place = np.unique(group * max(clusters, 1) + cluster, return_inverse=True)
    residual = np.bincount(place, weights=value - mean[group], minlength=len(keys))
    of_key = keys // max(clusters, 1)
    many = np.bincount(of_key, minlength=groups)
    squares = np.bincount(of_key, weights=np.square(residual), minlength=groups)
    correction = many / np.maximum(many - 1, 1)
    variance = squares * correction / np.square(np.maximum(n, 1))
    spread = mean * (1 - mean)
    effective = np.divide(spread, variance, out=n.copy(), where=(variance > 0) & (spread > 0))
    effective = np.minimum(effective, n)
    low, high = wilson(mean * effective, effective, level=level)
    alone = many < 2
    return np.where(n > 0, mean, np.nan), np.where(alone, 0.0, low), np.where(alone, 1.0, high)
