"""The Vendi score: how many clearly different things a set holds.

exp(−Σ λ ln λ) over the eigenvalues λ of K / n, with K the similarities of the n rows and K_ii = 1
(D. Friedman, A. B. Dieng, "The Vendi Score", TMLR 2023). n equal rows score 1, n rows at right
angles score n. With unit rows and K = X Xᵀ, the eigenvalues of XᵀX / n are the same but for
zeros, so the smaller of the two matrices is taken, d × d or n × n.

The score grows with n, so sets of different sizes are compared at one size, by the mean over
draws of that many rows (rarefaction, as ecologists compare samples: H. L. Sanders, 1968).
"""

import numpy as np
from scipy import sparse

MOST = 4_096
"""The widest matrix whose eigenvalues are taken."""
_ENTRIES = 2**22

type Rows = np.ndarray | sparse.csr_array


def vendi_score(rows: Rows) -> float:
    """Of unit rows (n, d); a row of zeros counts as unlike all others. n and d may not both be
    above MOST (ValueError).
    """
    n, d = rows.shape
    if n == 0:
        return 0.0
    if min(n, d) > MOST:
        raise ValueError("the matrix of this many rows and columns is too wide")
    if n <= d:
        values = np.linalg.eigvalsh(_with_ones(_dense(rows @ rows.T)) / n)
        return float(np.exp(_entropy(values)))
    products = _dense(rows.T @ rows)
    empty = n - float(np.trace(products))
    values = np.linalg.eigvalsh(products / n)
    # Each row of zeros would be an eigenvalue 1 / n of its own.
    alone = max(empty, 0.0) / n * np.log(n)
    return float(np.exp(_entropy(values) + alone))


def rarefied(
    rows: Rows, size: int, draws: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Mean score of `draws` draws of `size` of the rows without repeats, and the 2.5% and 97.5%
    quantiles of the draws. With no more rows than that it is their score, three times.
    """
    n = rows.shape[0]
    if n <= size:
        whole = vendi_score(rows)
        return whole, whole, whole
    scores = []
    step = max(_ENTRIES // (size * size), 1)
    for at in range(0, draws, step):
        drawn = [rng.choice(n, size, replace=False) for _ in range(min(step, draws - at))]
        parts = np.stack([_dense(rows[each] @ rows[each].T) for each in drawn])
        values = np.linalg.eigvalsh(_with_ones(parts) / size)
        scores.append(np.exp(_entropy(values)))
    found = np.concatenate(scores)
    low, high = np.quantile(found, (0.025, 0.975))
    return float(found.mean()), float(low), float(high)


def _with_ones(products: np.ndarray) -> np.ndarray:
    places = np.arange(products.shape[-1])
    products[..., places, places] = 1.0
    return products


def _dense(matrix: Rows) -> np.ndarray:
    found = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return found.astype(np.float64)


def _entropy(values: np.ndarray) -> np.ndarray:
    """−Σ λ ln λ along the last axis; rounding makes some zeros negative."""
    real = np.maximum(values, 1e-300)
    return np.where(values > 1e-14, -values * np.log(real), 0.0).sum(axis=-1)
