"""Seeded chance that does not depend on names or on the order of rows.

A worker's fingerprint is a hash of what they answered, together with whom; an item's of who
answered what (colour refinement, as in the test for isomorphic graphs of B. Weisfeiler, A.
Leman, 1968). Renaming workers, items or classes and shuffling rows leave both as they are, so
random starts and folds drawn from them are the same for the same crowd. Answers that no such
structure tells apart share their chance.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation.tally import Tally

ROUNDS = 2
_STEP, _ONE, _TWO = (
    np.array([n], dtype=np.uint64)
    for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


@dataclass(frozen=True)
class Fingerprints:
    """uint64 (I,), (W,) and (C,)."""

    item: np.ndarray
    worker: np.ndarray
    value: np.ndarray


def fingerprints(tally: Tally) -> Fingerprints:
    """Hashes after ROUNDS exchanges between items and workers."""
    value = mixed(np.bincount(tally.value, minlength=tally.classes).astype(np.uint64))
    item = mixed(tally.of_item.astype(np.uint64))
    worker = mixed(tally.of_worker.astype(np.uint64) + _STEP)
    said = value[tally.value]
    for _ in range(ROUNDS):
        item = mixed(item + _summed(worker[tally.worker] + said, tally.item, tally.items))
        worker = mixed(worker + _summed(item[tally.item] + said, tally.worker, tally.workers))
    return Fingerprints(item=item, worker=worker, value=value)


def of_values(tally: Tally, prints: Fingerprints) -> np.ndarray:
    """uint64 (C,): `prints.value`, in which equally frequent classes are alike, with who gave the
    class to what, and what else the item was given.
    """
    cells = tally.cells
    value, worker = prints.value, mixed(prints.worker)[tally.worker]
    item = prints.item + _summed(cells.count.astype(np.uint64), cells.owner, tally.items)
    for _ in range(ROUNDS):
        each = item[tally.item] + worker + mixed(cells.count.astype(np.uint64))[cells.code]
        value = mixed(value + _summed(each, tally.value, tally.classes))
        item = mixed(item + _summed(value[tally.value] + worker, tally.item, tally.items))
    return value


def mixed(values: np.ndarray) -> np.ndarray:
    """splitmix64's finalizer (G. Steele, D. Lea, C. Flood, 2014) on uint64."""
    values = values + _STEP
    values = (values ^ (values >> np.uint64(30))) * _ONE
    values = (values ^ (values >> np.uint64(27))) * _TWO
    return values ^ (values >> np.uint64(31))


def uniform(prints: np.ndarray, seed: int) -> np.ndarray:
    """float64 in [0, 1) for each fingerprint; another seed gives other numbers."""
    salt = mixed(np.array([seed], dtype=np.uint64))
    return (mixed(prints ^ salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def folds(tally: Tally, count: int) -> np.ndarray:
    """int64 (n,): a fold of each answer, all of the same size but for one answer."""
    prints = fingerprints(tally)
    key = mixed(mixed(prints.item[tally.item]) + prints.worker[tally.worker])
    key = mixed(key + prints.value[tally.value])
    fold = np.empty(len(tally), dtype=np.int64)
    fold[np.argsort(key, kind="stable")] = np.arange(len(tally)) % count
    return fold


def _summed(values: np.ndarray, owner: np.ndarray, owners: int) -> np.ndarray:
    total = np.zeros(owners, dtype=np.uint64)
    np.add.at(total, owner, mixed(values))
    return total
