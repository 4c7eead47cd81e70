"""What is in a set of items: how many different ones, where they lie, and what they repeat.

Items are texts or rows of numbers; each stands in one batch. Persons are looked at together only:
what somebody was given to answer says nothing about how well it was answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gpu_jobs.contracts import InputError
from gpu_jobs.diversity import contamination
from gpu_jobs.diversity.reference import Against, against
from gpu_jobs.diversity.report import Share, first_spellings, share_of, vectors_of
from gpu_jobs.diversity.vendi import MOST, Rows, rarefied, vendi_score
from gpu_jobs.encoders.encoder import Encoder
from gpu_jobs.ngrams import normalise

LEAST = 20
"""Different items below which nothing is said of a set."""
PEOPLE = 5
"""People below which nothing is said of them together."""
APART = 0.1
"""Rows of numbers are nearly the same up to this root mean square difference, in spreads."""
_QUANTILES = (0.1, 0.5, 0.9)
_BLOCK = 1_024


@dataclass(frozen=True)
class Space:
    """vectors: unit rows of D distinct contents. item, test: int64, the content of each. pairs: CSR
    (D, D), which are nearly the same. says: sentences.
    """

    vectors: Rows
    item: np.ndarray
    test: np.ndarray
    pairs: sparse.csr_array
    says: tuple[str, ...]


def text_space(
    items: Sequence[str], test: Sequence[str], *, encoder: Encoder | None, seed: int = 0
) -> Space:
    """encoder: None for TF-IDF, which needs no torch."""
    every = normalise([*items, *test]).dictionary_encode()
    code = every.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    distinct = [str(each) for each in every.dictionary.to_pylist()]
    vectors = vectors_of(distinct, first_spellings(code, [*items, *test]), encoder, _quiet)
    dense = vectors if isinstance(vectors, np.ndarray) else None
    meaning = (
        "Items are vectors of TF-IDF of words and pairs of words: what says the same in other words"
        " counts as different."
        if encoder is None
        else encoder.says
    )
    near = (
        "Nearly the same: equal but for case and blanks; or, from 40 characters on, a Jaccard"
        " similarity of 5-character windows of at least 0.8 or a cosine of hashed windows of at"
        " least 0.9"
    )
    if dense is not None and len(distinct) <= contamination.MOST:
        near += f"; or a cosine of vectors of at least {contamination.MEANING}"
    return Space(
        vectors=vectors,
        item=code[: len(items)],
        test=code[len(items) :],
        pairs=contamination.alike(distinct, dense, seed=seed),
        says=(meaning, f"{near}."),
    )


def number_space(items: np.ndarray, test: np.ndarray) -> Space:
    """Of rows of numbers (n, d), (t, d): columns with mean 0 and spread 1 over all of them."""
    whole, code = np.unique(np.vstack([items, test]), axis=0, return_inverse=True)
    mean, spread = whole.mean(axis=0), whole.std(axis=0)
    real = spread > 1e-12 * np.maximum(np.abs(mean), 1.0)
    if not real.any():
        raise InputError("all items have the same numbers: there is nothing to compare")
    rows = (whole[:, real] - mean[real]) / spread[real]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    code = code.ravel().astype(np.int64)
    return Space(
        vectors=rows / np.where(length > 0, length, 1),
        item=code[: len(items)],
        test=code[len(items) :],
        pairs=_close(rows),
        says=(
            (
                "Items are their numbers, each column with mean 0 and spread 1; of a picture these"
                " are the shades of its grey 8 by 8 pixels, not what it shows."
            ),
            f"Nearly the same: apart by a root mean square of at most {APART} spreads.",
        ),
    )


def _close(rows: np.ndarray) -> sparse.csr_array:
    size, width = rows.shape
    squares = np.square(rows).sum(axis=1)
    first, second = [np.arange(size)], [np.arange(size)]
    for at in range(0, size if size <= contamination.MOST else 0, _BLOCK):
        part = rows[at : at + _BLOCK]
        apart = squares[at : at + _BLOCK, None] + squares[None, :] - 2 * part @ rows.T
        one, two = np.nonzero(apart <= APART * APART * width)
        kept = one + at != two
        first.append(one[kept] + at)
        second.append(two[kept])
    row, column = np.concatenate(first), np.concatenate(second)
    return sparse.coo_array((np.ones(len(row)), (row, column)), shape=(size, size)).tocsr()


def _quiet(_done: int, _total: int, _message: str) -> None:
    return None


@dataclass(frozen=True)
class Content:
    """Of one set of items. rows: items; distinct: different contents. vendi: effective number of
    different items, of all rows; vendi_at, with the 2.5% and 97.5% quantiles of the draws: of as
    many rows as every set is compared at; None with fewer than twice as many, whose draws would be
    too much alike for an interval. coverage, tail: of the test set, see
    `reference`; None without enough of it. coverage_at: by as many rows as vendi_at, mean of the
    draws. near: rows that are nearly another item of all; test: nearly a test item.
    """

    name: str
    rows: int
    distinct: int
    vendi: float
    vendi_at: float | None
    vendi_low: float | None
    vendi_high: float | None
    coverage: Share | None
    coverage_at: Share | None
    tail: Share | None
    near: Share
    test: Share


@dataclass(frozen=True)
class Spread:
    """The 10%, 50% and 90% quantiles over people."""

    low: float
    median: float
    high: float


@dataclass(frozen=True)
class People:
    """people: with an answer; compared: those with at least `size` different items. vendi: of so
    many of their items; tail: share of all of theirs. None below PEOPLE.
    """

    people: int
    compared: int
    size: int
    vendi: Spread | None
    tail: Spread | None


@dataclass(frozen=True)
class Machine:
    """answers: to items that a model answered, too; equal: that say the same. chance: the share
    that would be equal if people and model gave their answers without a look at the item.
    """

    answers: int
    equal: Share
    chance: float


class Measures:
    """Sets of the items of one space, measured the same way."""

    def __init__(self, space: Space, *, size: int, draws: int, seed: int) -> None:
        self.space, self.size, self.draws = space, size, draws
        self._rng = np.random.default_rng([seed, 11])
        self.place: Against | None = against(space.vectors, space.item, space.test, self._rng)
        contents = space.vectors.shape[0]
        held = np.bincount(space.item, minlength=contents).astype(np.float64)
        # Each is near itself: another item is near from two on.
        self.near: np.ndarray = np.asarray(space.pairs @ held)[space.item] > 1.5
        tested = np.zeros(contents)
        tested[space.test] = 1
        self.test: np.ndarray = np.asarray(space.pairs @ tested)[space.item] > 0.5

    def content(self, name: str, mine: np.ndarray) -> Content:
        """mine: int64, which items."""
        code = self.space.item[mine]
        rows, n = self.space.vectors[code], len(mine)
        cut = min(rows.shape) > MOST
        kept = rows[np.sort(self._rng.choice(n, MOST, replace=False))] if cut else rows
        at = rarefied(rows, self.size, self.draws, self._rng) if n >= 2 * self.size else None
        place, tests = self.place, len(np.unique(self.space.test))
        return Content(
            name=name,
            rows=n,
            distinct=len(np.unique(code)),
            vendi=float(vendi_score(kept)),
            vendi_at=at[0] if at else None,
            vendi_low=at[1] if at else None,
            vendi_high=at[2] if at else None,
            coverage=None if place is None else _of(place.covered(mine), tests),
            coverage_at=(
                None if place is None or at is None else _of(self._covered_at(place, mine), tests)
            ),
            tail=None if place is None else share_of(place.far[mine].sum(), n),
            near=share_of(self.near[mine].sum(), n),
            test=share_of(self.test[mine].sum(), n),
        )

    def _covered_at(self, place: Against, mine: np.ndarray) -> float:
        drawn = (self._rng.choice(mine, self.size, replace=False) for _ in range(self.draws))
        return float(np.mean([place.covered(each) for each in drawn]))

    def people(self, item: np.ndarray, person: np.ndarray, *, people: int, size: int) -> People:
        """item, person: int64, of each answer."""
        scores, tails = [], []
        for one in range(people):
            mine = np.unique(item[person == one])
            if len(mine) < size:
                continue
            rows = self.space.vectors[self.space.item[mine]]
            scores.append(rarefied(rows, size, self.draws, self._rng)[0])
            if self.place is not None:
                tails.append(float(self.place.far[mine].mean()))
        return People(people, len(scores), size, _spread(scores), _spread(tails))

    def pairs(self, most: int) -> list[tuple[int, int]]:
        """Items that are nearly the same, first < second, in their order; at most so many."""
        of: dict[int, list[int]] = {}
        for place, code in enumerate(self.space.item.tolist()):
            of.setdefault(code, []).append(place)
        found: list[tuple[int, int]] = []
        for one in np.flatnonzero(self.near).tolist():
            code = self.space.item[one]
            start, end = self.space.pairs.indptr[code : code + 2]
            others = sorted(
                two
                for near in self.space.pairs.indices[start:end].tolist()
                for two in of.get(near, ())
                if two > one
            )
            found += [(one, two) for two in others[: most - len(found)]]
            if len(found) >= most:
                break
        return found


def machine(said: Sequence[str], model: Sequence[str]) -> Machine | None:
    """None where no model answered."""
    if not len(said):
        return None
    one, two = np.asarray(said, dtype=str), np.asarray(model, dtype=str)
    every = np.unique(np.concatenate([one, two]))
    chance = sum(float((one == key).mean() * (two == key).mean()) for key in every)
    return Machine(len(one), share_of(float((one == two).sum()), len(one)), float(chance))


def _of(share: float, n: int) -> Share:
    return share_of(share * n, n)


def _spread(values: list[float]) -> Spread | None:
    if len(values) < PEOPLE:
        return None
    low, median, high = np.quantile(values, _QUANTILES)
    return Spread(float(low), float(median), float(high))
