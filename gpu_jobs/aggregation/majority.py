"""Majority vote: P(class v of item u) = c_uv / m_u, its share of the item's answers.

The label is the class with the most answers; a tie shares the probability evenly and is settled
by the rule of `labels`. Sparse: O(answers), never items × classes.
"""

import numpy as np

from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.answers import Answers, Cells, cells


def majority(answers: Answers) -> Labels:
    """Labels of every item by the share of its answers."""
    counts = cells(answers.item, answers.value, len(answers.classes))
    return choose(counts.item, counts.value, shares(counts), answers)


def shares(counts: Cells) -> np.ndarray:
    """float64 (cells,): each count by the answers of its item."""
    return counts.count / np.bincount(counts.item, weights=counts.count)[counts.item]
