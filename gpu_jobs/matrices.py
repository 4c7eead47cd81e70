"""Two tables for a page: kappa between people, and answers against what is taken for right.

    κ = (p_o − p_e) / (1 − p_e)                         Cohen (1960)

with the interval of p_o by Wilson (1927) carried through with p_e held fixed, so that complete
agreement on few items still has a width. Only the busiest people and the most given classes stand
in the tables, since nobody reads more; what is left out is counted. A people × people array is of
those few; nothing is laid out as people × items.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from gpu_jobs.aggregation.fingerprints import fingerprints, of_values
from gpu_jobs.aggregation.labels import UNDECIDED, Labels
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.shares import wilson

PEOPLE = 20
CLASSES = 10
KAPPA_CLASSES = 20_000
"""Distinct answers up to which kappas of the busiest are computed: P × C × P counts are held."""
RELIABLE = 0.95


@dataclass(frozen=True)
class KappaMatrix:
    """workers: codes (P,). kappa, low, high: float64 (P, P), NaN where a pair shares fewer items
    than asked for, or both gave one and the same class throughout. shared: int64 (P, P).
    """

    workers: np.ndarray
    kappa: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shared: np.ndarray


@dataclass(frozen=True)
class Confusion:
    """counts int64 (K + 1, K + 1): right class by given class; the last row and column hold all
    other classes. classes: codes (K,) of the most given ones, in their own order.
    """

    classes: np.ndarray
    counts: np.ndarray


def kappa_matrix(
    answers: Answers, *, min_shared: int, people: int = PEOPLE, classes: int = KAPPA_CLASSES
) -> KappaMatrix:
    """Cohen's kappa of every two of the busiest workers, with 95% intervals.

    Of workers with equally many items, a hash of what they answered decides, so that no name does.
    Of repeats the last answer counts. Empty when there are more than `classes` distinct answers.
    """
    few = _busiest(answers, people if len(answers.classes) <= classes else 0)
    size, count = len(few.workers), len(answers.classes)
    ones = np.ones(len(few.answers))
    items, given = few.answers.item, few.answers.value
    there = sparse.coo_array((ones, (items, few.place)), (len(answers.items), size)).tocsr()
    equal_rows = sparse.coo_array(
        (ones, (items * max(count, 1) + given, few.place)),
        (len(answers.items) * max(count, 1), size),
    ).tocsr()
    of_class = sparse.coo_array(
        (ones, (items, few.place * max(count, 1) + given)),
        (len(answers.items), size * max(count, 1)),
    ).tocsr()
    shared = (there.T @ there).toarray()
    equal = (equal_rows.T @ equal_rows).toarray()
    # [p, c, q]: shared items of p and q to which p gave c.
    parts = (of_class.T @ there).toarray().reshape(size, max(count, 1), size)
    enough = shared >= max(min_shared, 1)
    np.fill_diagonal(enough, val=False)
    n = np.where(enough, shared, 1)
    chance = np.einsum("pcq,qcp->pq", parts, parts) / np.square(n)
    room = 1 - chance
    known = enough & (room > 1e-12)
    low, high = wilson(np.where(enough, equal, 0), n)
    share = equal / n
    kappa, below, above = (
        np.divide(value - chance, room, out=np.full((size, size), np.nan), where=known)
        for value in (share, low, high)
    )
    return KappaMatrix(few.workers, kappa, below, above, shared.astype(np.int64))


@dataclass(frozen=True)
class _Few:
    workers: np.ndarray
    answers: Answers
    place: np.ndarray


def _busiest(answers: Answers, people: int) -> _Few:
    order = np.lexsort((answers.row, answers.worker, answers.item))
    item, worker = answers.item[order], answers.worker[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (np.diff(item) != 0) | (np.diff(worker) != 0)
    kept = order[last]
    tally = Tally.of(answers).part(kept)
    chosen = np.lexsort((fingerprints(tally).worker, -tally.of_worker))[:people]
    chosen = np.sort(chosen)
    place = np.full(len(answers.workers), -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    kept = kept[place[answers.worker[kept]] >= 0]
    part = replace(
        answers,
        item=answers.item[kept],
        worker=answers.worker[kept],
        value=answers.value[kept],
        row=answers.row[kept],
    )
    return _Few(chosen, part, place[part.worker])


def confusion(answers: Answers, right: np.ndarray, *, classes: int = CLASSES) -> Confusion:
    """Answers against `right` (I,): a class code an item, below 0 where none is known.

    Of equally often given classes those come first that are more often right, then more often
    asked for, then a hash of who gave them to what decides, so that no name does.
    """
    chosen = np.sort(_most_given(answers, right)[:classes])
    place = np.full(max(len(answers.classes), 1), len(chosen), dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    truth = right[answers.item]
    known = truth >= 0
    size = len(chosen) + 1
    flat = np.bincount(
        place[truth[known]] * size + place[answers.value[known]], minlength=size * size
    )
    return Confusion(chosen, flat.reshape(size, size))


def _most_given(answers: Answers, right: np.ndarray) -> np.ndarray:
    size, value = len(answers.classes), answers.value
    truth = right[answers.item]
    given, hits, asked = (
        np.bincount(which, minlength=size)
        for which in (value, value[value == truth], truth[truth >= 0])
    )
    tally = Tally.of(answers)
    return np.lexsort((of_values(tally, fingerprints(tally)), -asked, -hits, -given))


def reliable(labels: Labels, gold: np.ndarray, *, bar: float = RELIABLE) -> dict[str, float | int]:
    """How many labels are at least `bar` probable, and how many of those agree with gold.

    items: with such a label. of: items. gold, right: those of them whose right answer is known,
    and that have it.
    """
    sure = (labels.label != UNDECIDED) & (labels.probability >= bar)
    known = sure & (gold >= 0)
    return {
        "bar": bar,
        "items": int(sure.sum()),
        "of": len(labels.label),
        "gold": int(known.sum()),
        "right": int((known & (labels.label == gold)).sum()),
    }


def kappa_figures(found: KappaMatrix, workers: list[str]) -> dict[str, object]:
    """As JSON values: workers by name, and a row [first, second, kappa, low, high, shared] for
    each pair that has a kappa; first and second are places in workers.
    """
    first, second = np.nonzero(np.triu(~np.isnan(found.kappa), 1))
    return {
        "workers": [workers[code] for code in found.workers],
        "pairs": [
            [
                int(a),
                int(b),
                *(round(float(of[a, b]), 6) for of in (found.kappa, found.low, found.high)),
                int(found.shared[a, b]),
            ]
            for a, b in zip(first, second, strict=True)
        ],
    }
