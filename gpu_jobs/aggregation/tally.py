"""A crowd's answers arranged for EM: by item, by (worker, answer) and by (item, answer).

Every method here is a few products with the same sparse matrices, which hold nothing but ones.
They are kept as CSR with 32-bit indices: a product of one of them with a vector reads twelve
bytes an answer, and its transpose needs no second copy. Class by class a vector of pairs or
workers stays in the processor's first cache. What goes over all answers several times in one step
goes block by block (`blocks`): the codes of some items come from memory once a step, not once a
product, so an answer costs the same among ten million as among a hundred thousand.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from gpu_jobs import backend
from gpu_jobs.answers import Answers
from gpu_jobs.backend import Array


@dataclass(frozen=True)
class Tally:
    """n answers of W workers to I items in C classes, in the order of `Answers`.

    item, worker, value: (n,) codes. workers, items, classes: how many. machine: bool (W,), which
    workers are no people, or None when all are. A *pair* is a (worker,
    answer) that occurs, a *cell* an (item, answer) that occurs; both are numbered in that order.
    """

    item: np.ndarray
    worker: np.ndarray
    value: np.ndarray
    items: int
    workers: int
    classes: int
    machine: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def of(cls, answers: Answers, machine: np.ndarray | None = None) -> "Tally":
        return cls(
            machine=machine,
            item=answers.item,
            worker=answers.worker,
            value=answers.value,
            items=len(answers.items),
            workers=len(answers.workers),
            classes=len(answers.classes),
        )

    def part(self, kept: np.ndarray) -> "Tally":
        """The answers of a mask (n,) or of ascending positions, with all items, workers and
        classes still counted.
        """
        return Tally(
            item=self.item[kept],
            worker=self.worker[kept],
            value=self.value[kept],
            items=self.items,
            workers=self.workers,
            classes=self.classes,
            machine=self.machine,
        )

    @cached_property
    def of_item(self) -> np.ndarray:
        """int64 (I,): answers an item."""
        return np.bincount(self.item, minlength=self.items)

    @cached_property
    def of_worker(self) -> np.ndarray:
        """int64 (W,): answers a worker."""
        return np.bincount(self.worker, minlength=self.workers)

    @cached_property
    def pairs(self) -> "Groups":
        return _groups(self.worker, self.value, self.workers, self.classes)

    @cached_property
    def cells(self) -> "Groups":
        return _groups(self.item, self.value, self.items, self.classes)

    @cached_property
    def blocks(self) -> list["Block"]:
        """All items, in pieces of about as many answers as the backend works on at a time."""
        size = backend.pick().block
        start = np.append(0, np.cumsum(self.of_item))
        if size is None or len(self) <= size:
            edges = np.array([0, self.items])
        else:
            # A block costs the length of the pairs once more, so there are never many to a pair.
            size = max(size, 4 * len(self.pairs))
            edges = np.searchsorted(start, np.arange(0, len(self), size), side="left")
            edges = np.unique(np.append(edges, self.items))
        return [
            Block(
                items=slice(int(low), int(high)),
                pairs_of_items=backend.pick().incidence(
                    self.item[start[low] : start[high]] - low,
                    self.pairs.code[start[low] : start[high]],
                    (int(high - low), len(self.pairs)),
                ),
            )
            for low, high in pairwise(edges)
        ]

    @cached_property
    def full(self) -> Array:
        """Bool (I,), where the backend works: items that got every class."""
        return backend.pick().array(np.diff(self.cells.first) == self.classes)

    @cached_property
    def there(self) -> "CodesOnDevice":
        """The codes where the backend works."""
        place = backend.pick().array
        return CodesOnDevice(item=place(self.item), worker=place(self.worker))

    @cached_property
    def pairs_of_items(self) -> backend.Incidence:
        """Items × pairs, with numpy whatever the backend is."""
        return backend.HOST.incidence(self.item, self.pairs.code, (self.items, len(self.pairs)))

    @cached_property
    def workers_of_cells(self) -> backend.Incidence:
        """Cells × workers."""
        shape = (len(self.cells), self.workers)
        return backend.pick().incidence(self.cells.code, self.worker, shape)

    @cached_property
    def pairs_of_cells(self) -> backend.Incidence:
        """Cells × pairs."""
        shape = (len(self.cells), len(self.pairs))
        return backend.pick().incidence(self.cells.code, self.pairs.code, shape)

    @cached_property
    def shares(self) -> np.ndarray:
        """float64 (cells,): the share of the item's answers that fell into the cell. Only people
        count where one has answered.
        """
        cells = self.cells
        votes = cells.count.astype(np.float64)
        if self.machine is not None:
            human = ~self.machine[self.worker]
            people = np.bincount(cells.code[human], minlength=len(cells)).astype(np.float64)
            votes = np.where(cells.sum(people)[cells.owner] > 0, people, votes)
        return votes / np.maximum(cells.sum(votes), 1)[cells.owner]

    def dense(self, of_cells: np.ndarray) -> np.ndarray:
        """float64 (C, I) with a value a cell, zero elsewhere."""
        whole = np.zeros((self.classes, self.items))
        whole[self.cells.value, self.cells.owner] = of_cells
        return whole


@dataclass(frozen=True)
class CodesOnDevice:
    """item, worker: int64 (n,)."""

    item: Array
    worker: Array


@dataclass(frozen=True)
class Block:
    """Neighbouring items, and which pairs answered them (items of the block × pairs)."""

    items: slice
    pairs_of_items: backend.Incidence


@dataclass(frozen=True)
class Groups:
    """The G distinct (owner, value), ascending; owner is a worker or an item.

    owner, value, count: (G,). code: (n,), the group of each answer. first: (owners + 1,), where
    each owner's groups begin.
    """

    owner: np.ndarray
    value: np.ndarray
    count: np.ndarray
    code: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.owner)

    @cached_property
    def there(self) -> "OnDevice":
        place = backend.pick().array
        return OnDevice(
            owner=place(self.owner),
            value=place(self.value),
            count=place(self.count.astype(np.float64)),
            owners=len(self.first) - 1,
        )

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sums of values (…, G) over each owner's groups: (…, owners)."""
        if values.ndim == 1:
            return np.bincount(self.owner, weights=values, minlength=len(self.first) - 1)
        return np.stack([self.sum(row) for row in values]) if len(values) else values[:, :0]

    def max(self, values: np.ndarray, initial: float) -> np.ndarray:
        """Greatest of values (G,) of each owner, and `initial` at least: (owners,)."""
        return backend.HOST.maxima(self.owner, values, len(self.first) - 1, initial)


@dataclass(frozen=True)
class OnDevice:
    """The same groups where the backend works: owner, value int64 (G,), count float64 (G,)."""

    owner: Array
    value: Array
    count: Array
    owners: int

    def sum(self, values: Array) -> Array:
        """As `Groups.sum`, of values (G,) there."""
        return backend.pick().sums(self.owner, values, self.owners)

    def max(self, values: Array, initial: float) -> Array:
        """As `Groups.max`, there."""
        return backend.pick().maxima(self.owner, values, self.owners, initial)


def _groups(owner: np.ndarray, value: np.ndarray, owners: int, classes: int) -> Groups:
    key = owner * max(classes, 1) + value
    possible = owners * classes
    if possible <= 8 * len(key) + 1000:
        # Counting is linear, and the table is no longer than the answers.
        counts = np.bincount(key, minlength=possible)
        there = np.flatnonzero(counts)
        place = np.zeros(possible, dtype=np.int32)
        place[there] = np.arange(len(there), dtype=np.int32)
        code, count = place[key], counts[there]
    else:
        there, code, count = np.unique(key, return_inverse=True, return_counts=True)
        code = code.astype(np.int32)
    owned = there // max(classes, 1)
    return Groups(
        owner=owned,
        value=there % max(classes, 1),
        count=count,
        code=code,
        first=np.append(0, np.cumsum(np.bincount(owned, minlength=owners))),
    )
