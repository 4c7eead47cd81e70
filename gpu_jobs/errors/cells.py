"""Cells of self-description that can be published, or written to a file, beside other figures.

Groups of people are published beside groups that say nothing of them (tiers, kinds of items), so
that what one figure hides another may give away by subtraction. The rule that leaves nothing to
subtract: the rows are divided into *blocks* by everything else that is published; within every
block each combination of the values that are kept has at least 10 people, or none. All published
sums are then sums over such parts and over whole blocks, so a set of answers that any combination
of them gives either holds a part, and with it 10 people, or is made of whole blocks, which say
nothing of anybody's description (the refinement of all published partitions; compare k-anonymity:
L. Sweeney, Int. J. Uncertainty, Fuzziness and Knowledge-Based Systems 10, 2002).

Values that do not keep the rule are taken together with "not said"; attributes of which nothing can
be kept are left out; blocks that cannot be divided are left out of the cells, the smallest first.
A value that everybody has is no cell: it would say it of each of them.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEAST_PEOPLE = 10
OTHERS = "*"
"""In the place of a value: another one, or not said."""


@dataclass(frozen=True)
class Cells:
    """values: attribute → int64 (W,), −1 for others or not said; only those that are kept.
    enters: bool (n,), the rows of blocks that are divided; none where no attribute is kept.
    """

    values: dict[str, np.ndarray]
    enters: np.ndarray


def cells(
    block: np.ndarray,
    worker: np.ndarray,
    attributes: Mapping[str, np.ndarray],
    *,
    least_people: int = LEAST_PEOPLE,
) -> Cells:
    """block, worker int64 (n,) from 0; attributes: int64 (W,) for each worker, −1 for not said.

    The attribute that keeps the most people in named values comes first; ties in the order given.
    """
    workers = int(worker.max(initial=-1)) + 1
    keys = np.unique(block * max(workers, 1) + worker)
    of_block, of_worker = keys // max(workers, 1), keys % max(workers, 1)
    people = np.bincount(of_block)
    big = np.flatnonzero(people >= least_people)
    kept = big[np.lexsort((big, -people[big]))].tolist()
    while kept:
        inside = np.isin(of_block, kept)
        found = _divided(of_block[inside], of_worker[inside], attributes, least_people)
        if found:
            return Cells(found, np.isin(block, kept))
        kept.pop()
    return Cells({}, np.zeros(len(block), dtype=bool))


def written(
    where: Sequence[Hashable],
    worker: Sequence[str],
    judged: Sequence[bool],
    said: Mapping[str, Mapping[str, str]],
) -> dict[str, list[str | None]]:
    """Attribute → its column for n answers: the person's value as far as it is kept, OTHERS, or
    None in rows that enter no cells. where: all that is published of an answer beside. judged:
    whether it enters any error rate. said: attribute → person → value, of those who say one.
    """
    places = [place for place, enters in enumerate(judged) if enters]
    people = {name: code for code, name in enumerate(sorted({worker[i] for i in places}))}
    blocks: dict[Hashable, int] = {}
    block = [blocks.setdefault(where[i], len(blocks)) for i in places]
    values = {name: sorted(set(said[name].values())) for name in sorted(said)}
    code = {name: {value: at for at, value in enumerate(values[name])} for name in values}
    found = cells(
        np.array(block, dtype=np.int64),
        np.array([people[worker[i]] for i in places], dtype=np.int64),
        {
            name: np.array(
                [code[name].get(said[name].get(each, ""), -1) for each in people], dtype=np.int64
            )
            for name in values
        },
    )
    columns: dict[str, list[str | None]] = {}
    for name, kept in found.values.items():
        column: list[str | None] = [None] * len(worker)
        for place, enters in zip(places, found.enters.tolist(), strict=True):
            if enters:
                at = int(kept[people[worker[place]]])
                column[place] = OTHERS if at < 0 else values[name][at]
        columns[name] = column
    return columns


def least_of(part: np.ndarray, worker: np.ndarray) -> int:
    """People in the smallest part that has any; part (negative: in none), worker int64 (n,)."""
    inside = part >= 0
    pairs = np.unique(np.stack([part[inside], worker[inside]]), axis=1)
    counts = np.bincount(pairs[0])
    return int(counts[counts > 0].min(initial=len(worker)))


def _divided(
    part: np.ndarray, worker: np.ndarray, attributes: Mapping[str, np.ndarray], least: int
) -> dict[str, np.ndarray]:
    """Parts divided by one attribute after the other, as long as one can."""
    found: dict[str, np.ndarray] = {}
    while True:
        best, most = "", 0
        for name, values in attributes.items():
            if name in found:
                continue
            kept = _kept(part, values[worker], least)
            named = len(np.unique(worker[np.isin(values[worker], kept)])) if len(kept) else 0
            if named > most:
                best, most, best_kept = name, named, kept
        if not best:
            return found
        values = attributes[best]
        found[best] = np.where(np.isin(values, best_kept), values, -1)
        place = found[best][worker] + 1
        _, part = np.unique(part * (int(place.max()) + 1) + place, return_inverse=True)


def _kept(part: np.ndarray, value: np.ndarray, least: int) -> np.ndarray:
    """The values of which every part has `least` people or none, so that the rest has, too."""
    table = np.zeros((int(part.max()) + 1, int(value.max(initial=-1)) + 2), dtype=np.int64)
    np.add.at(table, (part, value + 1), 1)
    named = table[:, 1:]
    fits = ((named == 0) | (named >= least)).all(axis=0) & (named.sum(axis=0) > 0)
    kept = np.flatnonzero(fits)
    kept = kept[np.argsort(-named[:, kept].sum(axis=0), kind="stable")]
    while len(kept):
        rest = table.sum(axis=1) - named[:, kept].sum(axis=1)
        if not ((rest > 0) & (rest < least)).any():
            break
        kept = kept[:-1]
    everybody = len(kept) == 1 and named[:, kept[0]].sum() == table.sum()
    return np.empty(0, dtype=np.int64) if everybody else kept
