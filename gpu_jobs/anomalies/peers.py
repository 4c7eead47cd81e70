"""What the others said: sparse shares of each class among the other workers' answers to an item.

Row i of `others` belongs to answer i and counts the answers to the same item by *other* workers,
so that nobody is ever compared with themselves, kept repeats included. Nonzeros: at most answers ×
(distinct classes of an item); a dense answers × classes array is never made.
"""

import numpy as np
from scipy import sparse

from gpu_jobs.answers import Answers


def others(answers: Answers) -> sparse.csr_array:
    """float64 CSR (n, C): counts of the other workers' answers to the item of each answer."""
    n, classes = len(answers), max(len(answers.classes), 1)
    counts = incidence(answers.item, answers.value, (len(answers.items), classes))
    mine = _own(answers, classes)
    found = sparse.csr_array(counts[answers.item] - mine) if n else counts[answers.item]
    found.eliminate_zeros()
    return found


def shares(counts: sparse.csr_array) -> sparse.csr_array:
    """Rows divided by their sums; rows of nothing stay empty."""
    total = row_sums(counts)
    return scale_rows(counts, np.divide(1, total, out=np.zeros(len(total)), where=total > 0))


def incidence(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """float64 CSR that counts each (row, column)."""
    ones = np.ones(len(rows), dtype=np.float64)
    return sparse.csr_array(sparse.coo_array((ones, (rows, columns)), shape=shape))


def scale_rows(matrix: sparse.csr_array, factor: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array(sparse.diags_array(factor) @ matrix)


def row_sums(matrix: sparse.csr_array) -> np.ndarray:
    return np.asarray(matrix.sum(axis=1)).ravel()


def row_products(*matrices: sparse.csr_array) -> np.ndarray:
    """float64 (n,): Σ_c of the elementwise product of equal rows."""
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product.multiply(matrix)
    return np.asarray(product.sum(axis=1)).ravel()


def _own(answers: Answers, classes: int) -> sparse.csr_array:
    """CSR (n, C): counts of the answer's worker's own answers to its item."""
    keys = answers.item * max(len(answers.workers), 1) + answers.worker
    _, pair = np.unique(keys, return_inverse=True)
    of_pair = incidence(pair, answers.value, (int(pair.max(initial=-1)) + 1, classes))
    return of_pair[pair]
