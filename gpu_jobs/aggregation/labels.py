"""One label an item from any aggregator, with a tie rule that knows no names.

Tie rule. Classes whose probability is within 1e-9 of the highest are tied. Among them the label
is the class that was given most often in the whole file; if those totals are equal too, the
first in the buyer's own list of classes, where there is one; without one the item stays
undecided (no label). Nothing depends on how workers, items or classes are called or in which
order the rows stand. Accuracy splits ties evenly, as the published tables do: an item with t
tied classes, the gold among them, counts 1/t.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.answers import NO_GOLD, Answers

TIED = 1e-9
UNDECIDED = -1


@dataclass(frozen=True)
class Labels:
    """label int64 (I,), UNDECIDED where there is none. probability float64 (I,): of the label,
    or of each tied class. tied_item, tied_value (t,): every class that reached the top.
    """

    label: np.ndarray
    probability: np.ndarray
    tied_item: np.ndarray
    tied_value: np.ndarray


def choose(
    item: np.ndarray, value: np.ndarray, probability: np.ndarray, answers: Answers
) -> Labels:
    """Labels from (item, class, probability) triples; each item has one at least."""
    items = len(answers.items)
    best = np.zeros(items)
    np.maximum.at(best, item, probability)
    top = probability >= best[item] - TIED
    item, value = item[top], value[top]
    total = np.bincount(answers.value, minlength=len(answers.classes))[value]
    order = np.lexsort((value, -total, item))
    item, value, total = item[order], value[order], total[order]
    first = np.append(True, np.diff(item) != 0) if len(item) else np.empty(0, dtype=bool)
    label = np.full(items, UNDECIDED, dtype=np.int64)
    label[item[first]] = value[first]
    if answers.classes_from != "given":
        start = np.flatnonzero(first)
        second = start + 1
        second = second[(second < len(item))]
        start = second - 1
        level = (item[second] == item[start]) & (total[second] == total[start])
        label[item[start[level]]] = UNDECIDED
    return Labels(label=label, probability=best, tied_item=item, tied_value=value)


def accuracy(labels: Labels, gold: np.ndarray) -> float | None:
    """Share of the items with gold that are right, ties split evenly; None without gold."""
    known = int((gold != NO_GOLD).sum())
    return float(credit(labels, gold).sum() / known) if known else None


def credit(labels: Labels, gold: np.ndarray) -> np.ndarray:
    """float64 (I,): 1/t where the gold is among t tied classes, else 0."""
    ways = np.bincount(labels.tied_item, minlength=len(gold))
    right = gold[labels.tied_item] == labels.tied_value
    found = np.zeros(len(gold))
    found[labels.tied_item[right]] = 1 / ways[labels.tied_item[right]]
    return found
