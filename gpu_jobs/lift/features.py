"""Features in the basis that the batched training wants: dense, centred, no wider than needed.

A linear head with an L2 penalty and a free intercept gives the same predictions when features
are shifted and rotated, and its weights lie in the span of the training rows. So every problem is
moved once into coordinates with at most as many columns as there are features or distinct rows,
whichever is less, without changing any model. Where they are few enough they are the principal
axes: there the Hessian of the logistic loss is close to diagonal, which is what makes few steps
enough for hundreds of heads at once (`heads`). Where both are too many, a sparse matrix stays as
it is, which takes more steps; a dense one, or one whose recipe says so, is cut, and the share of
the squares that is kept is reported.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

type Matrix = np.ndarray | sparse.csr_array

DIMS = 512
ROWS = 6_000
"""The most distinct training rows whose whole span is kept; two matrices of rows × rows."""
_ROTATED = 768
_RIDGE = 1e-8
_SEED = 20_261
_OVERSAMPLED = 32
_POWERS = 3


@dataclass(frozen=True)
class Axes:
    """train float32 (u, d), test float32 (t, d): centred on the training rows' mean, for heads
    with an intercept, unless they are sparse.

    variance: float64 (d,), of each column over the training rows; of sparse ones the mean square.
    kept: share of the squares that the d columns hold; 1 when nothing was cut.
    """

    train: Matrix
    test: Matrix
    variance: np.ndarray
    kept: float


def principal(
    train: Matrix, test: Matrix, *, dims: int | None = DIMS, rows: int = ROWS, centred: bool = True
) -> Axes:
    """Both sets in coordinates made from the training set. centred: False for heads without an
    intercept, to whom a shift matters; variances are then mean squares.

    Exact for at most `dims` features, or at most `rows` rows, and for dims None, which leaves a
    sparse matrix as it is and cuts no dense one; else the `dims` leading axes of a
    randomized SVD with a fixed seed (N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure
    with randomness", SIAM Review 53, 2011), so that the same features give the same axes.
    """
    kept = 1.0
    wide = train.shape[1] > (DIMS if dims is None else dims)
    if wide and dims is None and train.shape[0] > rows and not isinstance(train, np.ndarray):
        return _sparse(train, test)
    if wide and (dims is not None or train.shape[0] <= rows):
        if train.shape[0] <= rows:
            train, test = _in_span(train, test)
        else:
            right = _right_vectors(train, dims or DIMS)
            squares = train**2 if isinstance(train, np.ndarray) else train.multiply(train)
            total = float(squares.sum())
            train, test = np.asarray(train @ right), np.asarray(test @ right)
            kept = min(float((train * train).sum() / total), 1.0) if total else 1.0
    dense, away = _dense(train), _dense(test)
    mean = dense.mean(axis=0) if centred else np.zeros(dense.shape[1])
    dense, away = dense - mean, away - mean
    if dense.shape[1] <= _ROTATED:
        vectors = _axes(dense)
        dense, away = dense @ vectors, away @ vectors
    return Axes(
        train=dense.astype(np.float32),
        test=away.astype(np.float32),
        variance=(dense * dense).mean(axis=0),
        kept=kept,
    )


def _sparse(train: sparse.csr_array, test: Matrix) -> Axes:
    """As they are, without the columns that are empty in training: no head weighs them."""
    squares = np.asarray(train.multiply(train).mean(axis=0)).ravel()
    there = np.flatnonzero(squares > 0)
    return Axes(
        train=train[:, there].astype(np.float32),
        test=sparse.csr_array(test)[:, there].astype(np.float32),
        variance=squares[there],
        kept=1.0,
    )


def _dense(matrix: Matrix) -> np.ndarray:
    found = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return found.astype(np.float64, copy=False)


def _axes(centred: np.ndarray) -> np.ndarray:
    """float64 (d, ≤ d): principal axes, the widest first; those without any spread are left out."""
    variance, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    real = np.flatnonzero(variance > max(float(variance.max(initial=0.0)) * 1e-10, 1e-30))[::-1]
    vectors = vectors[:, real]
    # An eigenvector's sign is free; its largest entry is made positive, so that it is not.
    if vectors.size:
        largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
        vectors = vectors * np.sign(largest)
    return vectors


def _in_span(train: Matrix, test: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (u, u) and (t, u) in the span of the training rows: the Cholesky factor L of
    their inner products, and L⁻¹ of the test rows' inner products with them.

    What a test row has outside of that span meets no weight of any model.
    """
    products = _dense(train @ train.T)
    ridge = _RIDGE * (float(np.trace(products)) / len(products) or 1.0)
    products[np.diag_indices(len(products))] += ridge
    lower = linalg.cholesky(products, lower=True, overwrite_a=True, check_finite=False)
    across = _dense(train @ test.T)
    away = linalg.solve_triangular(lower, across, lower=True, check_finite=False).T
    return lower, away


def _right_vectors(matrix: Matrix, dims: int) -> np.ndarray:
    """float64 (columns, ≤ dims): leading right singular vectors."""
    rng = np.random.default_rng(_SEED)
    width = min(dims + _OVERSAMPLED, *matrix.shape)
    left = np.asarray(matrix @ rng.standard_normal((matrix.shape[1], width)))
    for _ in range(_POWERS):
        left, _ = np.linalg.qr(left)
        right, _ = np.linalg.qr(np.asarray(matrix.T @ left))
        left = np.asarray(matrix @ right)
    left, _ = np.linalg.qr(left)
    _, _, small = np.linalg.svd(np.asarray(matrix.T @ left).T, full_matrices=False)
    return small[:dims].T
