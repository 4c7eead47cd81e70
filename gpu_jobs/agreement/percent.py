"""Percent agreement: how often two answers to the same item are equal, chance included.

Over all items, with c_uv answers of class v to item u and m_u = Σ_v c_uv:

    P = Σ_u Σ_v c_uv (c_uv − 1)  /  Σ_u m_u (m_u − 1)

Every pair of answers counts once, so an item with many answers weighs more than one with two.
It is the observed agreement of Scott, "Reliability of content analysis" (1955), for more than
two coders. It rewards a lopsided class: read it beside alpha, not instead.
"""

import numpy as np

from gpu_jobs.answers import Answers, Cells


def percent_agreement(counts: Cells) -> float | None:
    """P in [0, 1], or None when no item has two answers."""
    size = np.bincount(counts.item, weights=counts.count)
    pairs = float((size * (size - 1)).sum())
    equal = float((counts.count * (counts.count - 1)).sum())
    return equal / pairs if pairs else None


def agreement_of_each(answers: Answers, counts: Cells) -> np.ndarray:
    """For each answer the share of the other answers to its item that equal it.

    float64 (n,); NaN where it is the only one. Under kept repeats a worker's own other answer
    is one of the others.
    """
    size = np.bincount(answers.item, minlength=len(answers.items))[answers.item]
    keys = counts.item * max(len(answers.classes), 1) + counts.value
    mine = answers.item * max(len(answers.classes), 1) + answers.value
    same = counts.count[np.searchsorted(keys, mine)] if len(keys) else np.empty(0)
    return np.divide(same - 1, size - 1, out=np.full(len(answers), np.nan), where=size > 1)
