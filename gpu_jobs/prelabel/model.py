"""A linear model on hashed n-grams, calibrated, that says where it is unsure.

Features: words, pairs of words and 3- to 5-character windows, each weighted 1 + ln count times
its rarity, rows of length 1 (`ngrams`). Model: multinomial logistic regression,

    min_W  1/n Σ_i (ln Σ_c e^{x_i·w_c + b_c} − Σ_c t_ic (x_i·w_c + b_c)) + λ/2 ‖W‖²

by L-BFGS (D. C. Liu, J. Nocedal, Mathematical Programming 45, 1989). t_i may be a probability for
each class, so labels may enter with their doubt; the bias is not drawn to zero. Five folds of the
items are predicted by models that have not seen them: λ is the one of a grid with the lowest loss
on the first fold, and the temperature (`calibration`) is fitted on all five. A suggestion below
`SURE` is marked as uncertain: its item should go to people first.

Pre-labels steer people who see them. They are suggestions, and no measure of agreement may count
them as answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from gpu_jobs.calibration import expected_calibration_error, fit_temperature, tempered
from gpu_jobs.contracts import InputError
from gpu_jobs.ngrams import (
    character_grams,
    features,
    inverse_frequency,
    normalise,
    unit_rows,
    word_grams,
)

SURE = 0.8
PENALTIES = (1e-5, 1e-4, 1e-3)
FOLDS = 5
LEAST_ITEMS = 20
BUCKETS = 2**16
MAX_ITER = 100


@dataclass(frozen=True)
class Linear:
    """weights (F, C), bias (C,)."""

    weights: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class Prelabeller:
    """rarity (F,): weights of the features. error_before, error_after: expected calibration error
    on held-out items without and with the temperature; each half is judged by the temperature
    of the other. accuracy: there. loss: mean −ln p there, before the temperature.
    """

    classes: list[str]
    rarity: np.ndarray
    linear: Linear
    temperature: float
    penalty: float
    trained: int
    accuracy: float
    loss: float
    error_before: float
    error_after: float


def train(
    texts: Sequence[str | None],
    truth: np.ndarray,
    *,
    classes: list[str],
    draw: np.random.Generator,
) -> Prelabeller:
    """Array truth float64 (n, C): rows that sum to 1. Raises InputError below 20 items or
    two classes.
    """
    if len(texts) < LEAST_ITEMS or len(classes) < 2:
        raise InputError(
            f"a model needs at least {LEAST_ITEMS} items with an accepted answer, and two classes;"
            f" there are {len(texts)} and {len(classes)}"
        )
    counts = counted(texts)
    fold = draw.permutation(len(texts)) % FOLDS
    first = {penalty: _held_out(counts, truth, fold == 0, penalty=penalty) for penalty in PENALTIES}
    penalty = min(PENALTIES, key=lambda one: _loss(first[one], truth[fold == 0]))
    p = np.empty_like(truth)
    p[fold == 0] = first[penalty]
    for one in range(1, FOLDS):
        p[fold == one] = _held_out(counts, truth, fold == one, penalty=penalty)
    label = truth.argmax(axis=1)
    # Once more on everything: the folds have done their work.
    rarity = inverse_frequency(counts)
    return Prelabeller(
        classes=classes,
        rarity=rarity,
        linear=fit_linear(weighted(counts, rarity), truth, penalty=penalty),
        temperature=fit_temperature(p, truth),
        penalty=penalty,
        trained=len(texts),
        accuracy=float((p.argmax(axis=1) == label).mean()),
        loss=_loss(p, truth),
        error_before=expected_calibration_error(p, truth) or 0.0,
        error_after=_crossed_error(p, truth),
    )


def suggest(model: Prelabeller, texts: Sequence[str | None]) -> np.ndarray:
    """Calibrated probabilities (n, C)."""
    x = weighted(counted(texts), model.rarity)
    return probabilities(model.linear, x, temperature=model.temperature)


def counted(texts: Sequence[str | None]) -> sparse.csr_array:
    """Features before weighting: CSR (n, BUCKETS)."""
    column = normalise(texts)
    grams = [word_grams(column, 1), word_grams(column, 2)]
    grams += [character_grams(column, size) for size in (3, 4, 5)]
    return features(grams, buckets=BUCKETS)


def weighted(counts: sparse.csr_array, rarity: np.ndarray) -> sparse.csr_array:
    return unit_rows(sparse.csr_array(counts @ sparse.diags_array(rarity)))


def fit_linear(
    x: sparse.csr_array, truth: np.ndarray, *, penalty: float, max_iter: int = MAX_ITER
) -> Linear:
    """Matrix x CSR (n, F), truth (n, C). Convex, so the start decides nothing."""
    n, columns = x.shape
    classes = truth.shape[1]
    transposed = sparse.csr_array(x.T)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat[: columns * classes].reshape(columns, classes)
        scores = x @ weights + flat[columns * classes :]
        top = scores.max(axis=1, keepdims=True)
        shifted = np.exp(scores - top)
        total = shifted.sum(axis=1, keepdims=True)
        value = (np.log(total) + top).sum() - (truth * scores).sum()
        slope = (shifted / total - truth) / n
        gradient = np.concatenate(
            [(transposed @ slope + penalty * weights).ravel(), slope.sum(axis=0)]
        )
        return float(value / n + penalty / 2 * np.square(weights).sum()), gradient

    found = minimize(
        loss,
        np.zeros((columns + 1) * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxcor": 10},
    )
    return Linear(
        weights=found.x[: columns * classes].reshape(columns, classes),
        bias=found.x[columns * classes :],
    )


def probabilities(linear: Linear, x: sparse.csr_array, *, temperature: float = 1.0) -> np.ndarray:
    scores = (x @ linear.weights + linear.bias) / temperature
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _held_out(
    counts: sparse.csr_array, truth: np.ndarray, held: np.ndarray, *, penalty: float
) -> np.ndarray:
    """Probabilities of the held items (h, C) by a model of the others."""
    x = weighted(counts, inverse_frequency(sparse.csr_array(counts[~held])))
    return probabilities(fit_linear(x[~held], truth[~held], penalty=penalty), x[held])


def _loss(p: np.ndarray, truth: np.ndarray) -> float:
    logs = np.log(np.maximum(p, np.finfo(float).tiny))
    return -float((truth * logs).sum(axis=1).mean())


def _crossed_error(p: np.ndarray, truth: np.ndarray) -> float:
    """Calibration error when each half takes the temperature of the other half."""
    half = np.arange(len(p)) % 2 == 0
    found = np.empty_like(p)
    for part in (half, ~half):
        found[part] = tempered(p[part], fit_temperature(p[~part], truth[~part]))
    return expected_calibration_error(found, truth) or 0.0
