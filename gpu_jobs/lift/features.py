"""Features in the basis that the batched training wants: centred, rotated, at most `dims` wide.

A linear head with an L2 penalty and a free intercept gives the same predictions when features
are shifted and rotated. So every problem is moved once into the principal axes of its training
rows: there the Hessian of the logistic loss is close to diagonal, which is what makes few steps
enough for hundreds of heads at once (`heads`). Only where the features are wider than `dims`
are the last axes cut off, and then the share of the variance that is kept is reported.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

type Matrix = np.ndarray | sparse.csr_array

DIMS = 512
_SEED = 20_261
_OVERSAMPLED = 32
_POWERS = 3


@dataclass(frozen=True)
class Axes:
    """train float32 (u, d), test float32 (t, d): centred on the training rows' mean.

    variance: float64 (d,), of each axis over the training rows, falling. kept: share of the
    variance that the d axes hold; 1 when nothing was cut.
    """

    train: np.ndarray
    test: np.ndarray
    variance: np.ndarray
    kept: float


def principal(train: Matrix, test: Matrix, *, dims: int = DIMS) -> Axes:
    """Both sets in the principal axes of the training set; dims: the most axes kept.

    Exact for features no wider than `dims`; wider ones by a randomized SVD with a fixed seed
    (N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review 53,
    2011), so that the same features always give the same axes.
    """
    kept = 1.0
    if train.shape[1] > dims:
        right = _right_vectors(train, dims)
        total = float((train.multiply(train) if sparse.issparse(train) else train * train).sum())
        train, test = np.asarray(train @ right), np.asarray(test @ right)
        kept = min(float((train * train).sum() / total), 1.0) if total else 1.0
    dense = _dense(train)
    mean = dense.mean(axis=0)
    dense = dense - mean
    variance, vectors = np.linalg.eigh(dense.T @ dense / len(dense))
    real = np.flatnonzero(variance > max(float(variance.max(initial=0.0)) * 1e-10, 1e-30))[::-1]
    vectors = vectors[:, real]
    # An eigenvector's sign is free; its largest entry is made positive, so that it is not.
    if vectors.size:
        largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
        vectors = vectors * np.sign(largest)
    return Axes(
        train=(dense @ vectors).astype(np.float32),
        test=((_dense(test) - mean) @ vectors).astype(np.float32),
        variance=variance[real],
        kept=kept,
    )


def _dense(matrix: Matrix) -> np.ndarray:
    found = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)
    return found.astype(np.float64)


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
