"""Majority vote: P(class v of item u) = c_uv / m_u, its share of the item's answers.

The label is the class with the most answers; a tie shares the probability evenly and is settled
by the rule of `labels`. Where models answered beside people, only people vote. Sparse:
O(answers), never items × classes.
"""

from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers


def majority(answers: Answers, *, tally: Tally | None = None) -> Labels:
    """Labels of every item by the share of its answers."""
    tally = tally or Tally.of(answers)
    cells = tally.cells
    return choose(cells.owner, cells.value, tally.shares, answers)
