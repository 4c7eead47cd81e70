"""Majority vote: P(class v of item u) = c_uv / m_u, its share of the item's answers.

The label is the class with the most answers; a tie shares the probability evenly and is settled
by the rule of `labels`. Where models answered beside people, only people vote. Sparse:
O(answers), never items × classes.
"""

import numpy as np

from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers


def majority(answers: Answers, *, tally: Tally | None = None) -> Labels:
    """Labels of every item by the share of its answers."""
    tally = tally or Tally.of(answers)
    cells = tally.cells
    return choose(cells.owner, cells.value, tally.shares, answers)


def shares_at(tally: Tally, item: np.ndarray, value: np.ndarray) -> np.ndarray:
    """float64 (m,): the share of value[j] among the answers to item[j]."""
    cells, classes = tally.cells, max(tally.classes, 1)
    if not len(cells):
        return np.zeros(len(item))
    key, keys = item * classes + value, cells.owner * classes + cells.value
    place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
    return np.where(keys[place] == key, tally.shares[place], 0.0)
