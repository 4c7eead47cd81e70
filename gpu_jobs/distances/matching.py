"""Objects of two answers matched one to one so that their similarities add up to the most.

Similarity of two answers = 2·Σ matched IoU ÷ (objects in A + objects in B): an object without a
partner counts as IoU 0, and objects under different labels never match. It is the F1 of
detection with IoU in place of a hit. Two answers without objects are equal.

Source of the matching: H. Kuhn, "The Hungarian method" (1955), as
`scipy.optimize.linear_sum_assignment`. Most objects overlap one other at most, and then nothing
has to be solved; only pairs of answers in which an object has two candidates are, one by one.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment


def best_sums(
    pair: np.ndarray, i: np.ndarray, j: np.ndarray, worth: np.ndarray, pairs: int
) -> np.ndarray:
    """The most that a one-to-one matching gives in each pair of answers: float64 (pairs,).

    pair, i, j, worth: (n,) candidates, object i of the one with object j of the other.
    """
    some = worth > 0
    pair, i, j, worth = pair[some], i[some], j[some], worth[some]
    if not len(pair):
        return np.zeros(pairs)
    total = np.bincount(pair, weights=worth, minlength=pairs)
    crowded = np.zeros(pairs, dtype=bool)
    for side in (i, j):
        key, count = np.unique(np.column_stack([pair, side]), axis=0, return_counts=True)
        crowded[key[count > 1, 0]] = True
    order = np.argsort(pair, kind="stable")
    start = np.searchsorted(pair[order], np.arange(pairs + 1))
    for each in np.flatnonzero(crowded):
        mine = order[start[each] : start[each + 1]]
        rows, row = np.unique(i[mine], return_inverse=True)
        columns, column = np.unique(j[mine], return_inverse=True)
        table = np.zeros((len(rows), len(columns)))
        table[row, column] = worth[mine]
        chosen = linear_sum_assignment(table, maximize=True)
        total[each] = table[chosen].sum()
    return total


def distance(total: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """1 − 2·total ÷ objects, objects of both answers together; 0 where there is none."""
    return 1 - np.divide(2 * total, objects, out=np.ones(len(total)), where=objects > 0)
