"""Boxes: those of one object are found across contributors and averaged, weighted box fusion.

1. Two boxes of different answers to an item, under the same label, are of one object when each
is the other's nearest in that answer and their IoU is at least IOU. 2. Objects are the connected
groups of these. 3. The fused box is the mean of its corners by the contributors' weights; its
support is the share of the item's weights that drew it, and it is kept above one half.
4. A contributor's weight is the F1 of their boxes with the kept ones (a hit counts its IoU);
weights begin equal, and all is done again ROUNDS times.

Source: R. Solovyev, W. Wang, T. Gabruseva, "Weighted boxes fusion", Image and Vision Computing
107 (2021). There boxes join clusters one after another in the order of their confidence; people
give none, and nearest-in-turn groups depend on no order.

Shapes: m boxes in all answers. O(pairs of boxes under the same label within items).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.distances.boxes import Boxes, intersection_over_union

IOU = 0.5
ROUNDS = 2
DRAWN = 2.0


@dataclass(frozen=True)
class Fused:
    """B kept boxes, by item, label and place: item, label (B,), corners float64 (B, 4), support
    float64 (B,). probability float64 (I,): mean over the item's objects of the share of weights
    on the side that won. weight float64 (W,).
    """

    item: np.ndarray
    label: np.ndarray
    corners: np.ndarray
    support: np.ndarray
    probability: np.ndarray
    weight: np.ndarray


def fuse(tally: Tally, code: np.ndarray, boxes: Boxes, *, iou: float = IOU) -> Fused:
    """code: int64 (C,), class → value of `boxes`."""
    count = boxes.count[code[tally.value]]
    answer = np.repeat(np.arange(len(tally)), count)
    part = np.arange(len(answer)) - np.repeat(np.cumsum(count) - count, count)
    part += boxes.first[code[tally.value]][answer]
    corners, label, item = boxes.corners[part], boxes.label[part], tally.item[answer]
    group = _groups(item, label, answer, corners, iou)
    weight = np.ones(tally.workers)
    fused = _average(tally, item, label, answer, corners, group, weight)
    for _ in range(ROUNDS):
        weight = _weights(tally, answer, corners, group, fused)
        fused = _average(tally, item, label, answer, corners, group, weight)
    of_item, of_label, middle, support = fused
    kept = np.flatnonzero(support > 0.5 + 1e-9)
    side = np.where(support > 0.5 + 1e-9, support, 1 - support)
    objects = np.bincount(of_item, minlength=tally.items)
    mean = np.bincount(of_item, side, tally.items) / np.maximum(objects, 1)
    order = kept[np.lexsort((*middle[kept].T[::-1], of_label[kept], of_item[kept]))]
    return Fused(
        item=of_item[order],
        label=of_label[order],
        corners=middle[order],
        support=support[order],
        probability=np.where(objects > 0, mean, 1.0),
        weight=weight,
    )


def _groups(
    item: np.ndarray, label: np.ndarray, answer: np.ndarray, corners: np.ndarray, iou: float
) -> np.ndarray:
    """int64 (m,): the object of each box."""
    boxes = len(item)
    order = np.lexsort((label, item))
    begins = np.append(True, (np.diff(item[order]) != 0) | (np.diff(label[order]) != 0))[:boxes]
    first = np.append(np.flatnonzero(begins), boxes)
    size = np.repeat(np.diff(first), np.diff(first))
    start = np.repeat(first[:-1], np.diff(first))
    one = np.repeat(np.arange(boxes), size)
    two = np.arange(len(one)) - np.repeat(np.cumsum(size) - size, size) + start[one]
    one, two = order[one], order[two]
    differ = answer[one] != answer[two]
    one, two = one[differ], two[differ]
    alike = intersection_over_union(corners[one], corners[two])
    near = alike >= iou
    one, two, alike = one[near], two[near], alike[near]
    # The nearest to box `one` in the answer of `two`; equal ones by place, not by number.
    rank = np.lexsort((*corners[two].T, -alike, answer[two], one))
    lead = np.append(True, (np.diff(one[rank]) != 0) | (np.diff(answer[two[rank]]) != 0))[
        : len(rank)
    ]
    one, two = one[rank][lead], two[rank][lead]
    nearest = sparse.csr_array((np.ones(len(one)), (one, two)), shape=(boxes, boxes))
    return csgraph.connected_components(nearest.multiply(nearest.T), directed=False)[1]


def _average(
    tally: Tally,
    item: np.ndarray,
    label: np.ndarray,
    answer: np.ndarray,
    corners: np.ndarray,
    group: np.ndarray,
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Item, label, corners and support of every object."""
    each = weight[tally.worker]
    whole = np.bincount(tally.item, each, tally.items)
    each = np.where(whole[tally.item] > 0, each, 1.0)
    whole = np.bincount(tally.item, each, tally.items)
    objects = int(group.max(initial=-1)) + 1
    of_item, of_label = np.zeros(objects, dtype=np.int64), np.zeros(objects, dtype=np.int64)
    of_item[group], of_label[group] = item, label
    mine = each[answer]
    mass = np.bincount(group, mine, objects)
    plain = np.bincount(group, minlength=objects)
    # An object that only weightless people drew: they count alike.
    mine = np.where(mass[group] > 0, mine, 1.0)
    mass = np.where(mass > 0, mass, plain)
    middle = (
        np.stack(
            [
                np.bincount(group, mine * side, objects) / np.maximum(mass, 1e-300)
                for side in corners.T
            ],
            axis=1,
        )
        if objects
        else corners[:0]
    )
    # Two boxes of one answer in an object are still one vote.
    votes = np.unique(np.stack([group, answer]), axis=1)
    support = np.bincount(votes[0], each[votes[1]], objects) / whole[of_item]
    return of_item, of_label, middle, support


def _weights(
    tally: Tally,
    answer: np.ndarray,
    corners: np.ndarray,
    group: np.ndarray,
    fused: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    of_item, _, middle, support = fused
    kept = support > 0.5 + 1e-9
    worker = tally.worker[answer]
    hit = np.zeros(len(answer))
    some = kept[group]
    hit[some] = intersection_over_union(corners[some], middle[group[some]])
    drawn = np.bincount(worker, minlength=tally.workers)
    right = np.bincount(worker, hit, tally.workers)
    objects = np.bincount(of_item[kept], minlength=tally.items)
    wanted = np.bincount(tally.worker, objects[tally.item], tally.workers)
    both = drawn + wanted
    f1 = np.divide(2 * right, both, out=np.ones(tally.workers), where=both > 0)
    given = tally.of_worker
    mean = float(f1 @ given / max(given.sum(), 1))
    return (f1 * given + DRAWN * mean) / np.maximum(given + DRAWN, 1)
