"""Whether probabilities mean what they say, and the one number that repairs most of it.

Expected calibration error: Σ_b (n_b/n) |share right in b − mean confidence in b| over 15 bins of
equal width of the highest probability (M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well
calibrated probabilities using Bayesian binning", AAAI 2015). Temperature: p_k ∝ exp(z_k/T), with
the T > 0 that makes held-out truths most likely (C. Guo et al., "On calibration of modern neural
networks", ICML 2017). It changes no label.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from gpu_jobs.contracts import InputError

BINS = 15
_COLDEST, _HOTTEST = 0.05, 20.0


def expected_calibration_error(
    probability: np.ndarray, truth: np.ndarray, *, bins: int = BINS
) -> float | None:
    """Arrays probability (n, C), rows summing to 1; truth int64 (n,) codes, or float64 (n, C) where
    the truth itself is a probability. None without rows.
    """
    if not len(probability):
        return None
    top = probability.max(axis=1)
    right = _shares(truth, probability)[np.arange(len(top)), probability.argmax(axis=1)]
    # A confidence on the edge belongs to the bin below it, as in the paper's (a, b].
    of_bin = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
    gap = np.bincount(of_bin, weights=right - top, minlength=bins)
    return float(np.abs(gap).sum() / len(top))


def tempered(probability: np.ndarray, temperature: float) -> np.ndarray:
    """(n, C): p_k ∝ p_k^(1/T)."""
    if not temperature > 0:
        raise InputError("a temperature must be above 0")
    logs = np.log(np.maximum(probability, np.finfo(float).tiny)) / temperature
    found = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def fit_temperature(probability: np.ndarray, truth: np.ndarray) -> float:
    """T in [0.05, 20] of greatest likelihood; 1 without rows. Arrays as above."""
    if not len(probability):
        return 1.0
    shares = _shares(truth, probability)

    def loss(log_temperature: float) -> float:
        p = tempered(probability, float(np.exp(log_temperature)))
        return -float((shares * np.log(np.maximum(p, np.finfo(float).tiny))).sum(axis=1).mean())

    found = minimize_scalar(
        loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def _shares(truth: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The truth as probabilities (n, C)."""
    if truth.ndim == 2:
        return truth
    found = np.zeros_like(probability)
    found[np.arange(len(truth)), truth] = 1
    return found
