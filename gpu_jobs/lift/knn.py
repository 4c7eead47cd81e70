"""Exact Shapley values of training rows for a K-nearest-neighbour vote.

R. Jia et al., "Efficient Task-Specific Data Valuation for Nearest Neighbor Algorithms", PVLDB
12, 2019, theorem 1: with the rows in order of distance from a test row, i = 1 … n,

    s(n) = [y(n) is right] / n · min(K, n) / K
    s(i) = s(i + 1) + ([y(i) is right] − [y(i + 1) is right]) / K · min(K, i) / i

in O(n log n) for each test row. The utility is the vote's share for the right class, at most K
votes, over K; no rows, no share. (The paper's s(n) is for n ≥ K.)
"""

import numpy as np

_ENTRIES = 2**22


def knn_shapley(
    train: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    test: np.ndarray,
    test_label: np.ndarray,
    *,
    groups: int,
    neighbours: int,
) -> np.ndarray:
    """float64 (t, groups): each group's sum of the values of its rows, for each test row.

    train: float32 (n, d); label, group: int64 (n,). Rows equally near are taken in the order of
    group and label, and rows of one group and label are exchangeable.
    """
    rows = len(train)
    size = max(_ENTRIES // max(rows, 1), 1)
    rank = np.arange(1, rows + 1, dtype=np.float64)
    share = np.minimum(neighbours, rank) / (neighbours * rank)
    length = (train * train).sum(axis=1)
    found = np.empty((len(test), groups))
    for at in range(0, len(test), size):
        part = slice(at, at + size)
        distance = length - 2 * (test[part] @ train.T)
        order = np.argsort(distance, axis=1, kind="stable")
        right = (label[order] == test_label[part, None]).astype(np.float64)
        # From the farthest inwards: each step adds its difference to the one beyond.
        value = right * share
        value[:, :-1] -= right[:, 1:] * share[:-1]
        value = np.cumsum(value[:, ::-1], axis=1)[:, ::-1]
        key = group[order] + groups * np.arange(len(order))[:, None]
        sums = np.bincount(key.ravel(), value.ravel(), minlength=groups * len(order))
        found[part] = sums.reshape(len(order), groups)
    return found
