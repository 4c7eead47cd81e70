"""Who labelled, against whom the data shows: gaps between groups, with intervals, never of persons.

Groups of items (whom or what the data shows): the error rate by group (`gaps`), and how much more
often each class is answered there than it is true (`leanings`). Groups of people are cells of
voluntary self-description (age band, region, first language, …), as far as `cells` keeps them. A
cell is shown only with at least 10 *people*; smaller ones are suppressed, and as long as the
suppressed ones together are fewer than 10 people, the next smallest goes too, since they could be
had from a total by subtraction. In a table of cells by groups of items the rule holds along each
row and each column (L. Willenborg, T. de Waal, "Elements of Statistical Disclosure Control", 2001).

Answers of one person are not independent: intervals count people, not answers
(`intervals.clustered_share`). `apart` is a gap whose interval against all others, Bonferroni over
the groups compared, leaves out zero. A gap is a reason to read examples, and can have its cause in
the items, the rubric or the truth as well as in people.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from gpu_jobs import svg
from gpu_jobs.errors.cells import LEAST_PEOPLE
from gpu_jobs.shares import clustered_share

LEAST_CLUSTERS = 5
"""People on either side below which no gap is called one."""
LEVEL = 0.95


@dataclass(frozen=True)
class Gap:
    """Arrays (G,): people, answers, share with low and high; shown bool; difference from all other
    groups together; apart bool. Everything of a group that is not shown is NaN (people and answers:
    −1; apart: False).
    """

    people: np.ndarray
    answers: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    difference: np.ndarray
    apart: np.ndarray
    shown: np.ndarray

    def plot(self, names: list[str], *, title: str = "Error rate by group") -> str:
        """SVG of the shares with their intervals; groups that are not shown are left out."""
        rows = [
            svg.Bar(names[i], float(self.share[i]), float(self.low[i]), float(self.high[i]))
            for i in np.flatnonzero(self.shown).tolist()
        ]
        return svg.bars(title, rows)


def gaps(
    value: np.ndarray,
    group: np.ndarray,
    worker: np.ndarray,
    groups: int,
    *,
    least_people: int = 1,
    shown: np.ndarray | None = None,
) -> Gap:
    """Mean of value (n,) in [0, 1] by group (n,) (negative: in none; NaN values are left out).

    value is whatever is asked about: wrong or not, or "gave answer v". least_people: 10 for cells
    of self-description, where a cell that is not shown is no part of the others either. shown bool
    (G,): which groups are, where that is settled already.
    """
    known = (group >= 0) & ~np.isnan(value)
    value, group, worker = value[known], group[known], worker[known]
    people = _people(group, worker, groups)
    shown = visible(people, least_people) if shown is None else shown
    inside = shown[group]
    value, group, worker = value[inside], group[inside], worker[inside]
    share, low, high = clustered_share(value, group, worker, groups, level=LEVEL)
    difference, apart = _against_others(value, group, worker, shown)
    n = np.bincount(group, minlength=groups)
    return Gap(
        people=np.where(shown, people, -1),
        answers=np.where(shown, n, -1),
        share=np.where(shown, share, np.nan),
        low=np.where(shown, low, np.nan),
        high=np.where(shown, high, np.nan),
        difference=np.where(shown, difference, np.nan),
        apart=shown & apart,
        shown=shown,
    )


@dataclass(frozen=True)
class Leanings:
    """Arrays (G, C): lean = share of answers c less share of truths c among the group's answers,
    with low and high (95%); apart bool: more than luck, Bonferroni over groups × classes, from at
    least 5 people. answers, people (G,). NaN and [−1, 1] for groups without answers.
    """

    lean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    apart: np.ndarray
    answers: np.ndarray
    people: np.ndarray


def leanings(
    value: np.ndarray,
    truth: np.ndarray,
    group: np.ndarray,
    worker: np.ndarray,
    *,
    classes: int,
    groups: int,
) -> Leanings:
    """Arrays int64 (n,): answers and truths as class codes (truth negative: unknown), group
    (negative: in none), worker. The variance counts people, as in `intervals.clustered_share`.
    """
    known = (truth >= 0) & (group >= 0)
    value, truth, group, worker = (array[known] for array in (value, truth, group, worker))
    n = np.bincount(group, minlength=groups).astype(np.float64)
    workers = int(worker.max(initial=-1)) + 1
    keys, pair = np.unique(group * max(workers, 1) + worker, return_inverse=True)
    of_key = keys // max(workers, 1)
    people = np.bincount(of_key, minlength=groups)
    size = np.maximum(n, 1)
    lean, error = np.empty((groups, classes)), np.empty((groups, classes))
    for one in range(classes):
        step = (value == one).astype(np.float64) - (truth == one)
        lean[:, one] = np.bincount(group, weights=step, minlength=groups) / size
        residual = np.bincount(pair, weights=step - lean[group, one], minlength=len(keys))
        squares = np.bincount(of_key, weights=np.square(residual), minlength=groups)
        error[:, one] = np.sqrt(squares * people / np.maximum(people - 1, 1)) / size
    bar = float(ndtri(1 - (1 - LEVEL) / 2 / max(int((n > 0).sum()) * classes, 1)))
    half = float(ndtri((1 + LEVEL) / 2)) * error
    unknown = (people < 2)[:, None]
    return Leanings(
        lean=np.where((n > 0)[:, None], lean, np.nan),
        low=np.where(unknown, -1.0, np.maximum(lean - half, -1)),
        high=np.where(unknown, 1.0, np.minimum(lean + half, 1)),
        apart=(np.abs(lean) > bar * error) & (people >= LEAST_CLUSTERS)[:, None],
        answers=n.astype(np.int64),
        people=people,
    )


def visible(people: np.ndarray, least_people: int) -> np.ndarray:
    """Cells (G,) with enough people, less the smallest ones for as long as those hidden are
    together too few. Cells of equal size go together, so that their order decides nothing; empty
    cells hide nobody.
    """
    return _hidden_enough(people >= max(least_people, 1), people, least_people)


def visible_table(people: np.ndarray, least_people: int) -> np.ndarray:
    """As `visible`, (R, C), along each row and each column, until nothing more has to go."""
    shown = people >= max(least_people, 1)
    while True:
        before = int(shown.sum())
        for row in range(len(people)):
            shown[row] = _hidden_enough(shown[row], people[row], least_people)
        for column in range(people.shape[1]):
            shown[:, column] = _hidden_enough(shown[:, column], people[:, column], least_people)
        if int(shown.sum()) == before:
            return np.asarray(shown)


def _hidden_enough(shown: np.ndarray, people: np.ndarray, least_people: int) -> np.ndarray:
    shown = shown.copy()
    while shown.any() and 0 < int(people[~shown].sum()) < least_people:
        shown &= people > people[shown].min()
    return shown


def crossed(
    value: np.ndarray,
    who: np.ndarray,
    whom: np.ndarray,
    worker: np.ndarray,
    *,
    cells: int,
    groups: int,
    least_people: int = LEAST_PEOPLE,
) -> Gap:
    """Cells of people (who, (n,)) × groups of items (whom, (n,)): arrays (cells · groups,), the
    group running fastest. Each group of items is compared within itself: difference is against the
    other cells of people on the *same* items' group, so that what the items are like cancels out.
    """
    inside = (who >= 0) & (whom >= 0) & ~np.isnan(value)
    key = np.where(inside, who * groups + whom, -1)
    people = _people(key[inside], worker[inside], cells * groups).reshape(cells, groups)
    shown = visible_table(people, least_people)
    parts = [
        gaps(
            value,
            np.where(inside & (whom == group), who, -1),
            worker,
            cells,
            shown=shown[:, group],
        )
        for group in range(groups)
    ]
    names = ("people", "answers", "share", "low", "high", "difference", "apart", "shown")
    whole = {name: np.stack([getattr(part, name) for part in parts], axis=1) for name in names}
    return Gap(**{name: array.ravel() for name, array in whole.items()})


def _people(group: np.ndarray, worker: np.ndarray, groups: int) -> np.ndarray:
    workers = int(worker.max(initial=-1)) + 1
    pairs = np.unique(group * max(workers, 1) + worker)
    return np.bincount(pairs // max(workers, 1), minlength=groups)


def _against_others(
    value: np.ndarray, group: np.ndarray, worker: np.ndarray, shown: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Difference of each group from all others together, and whether it is more than luck.

    The variance of the difference is clustered by worker: a person who answered in both groups
    enters with both residuals, so what is peculiar to them cancels out.
    """
    groups = len(shown)
    n = np.bincount(group, minlength=groups).astype(np.float64)
    total = np.bincount(group, weights=value, minlength=groups)
    rest_n, rest = n.sum() - n, total.sum() - total
    both = (n > 0) & (rest_n > 0)
    mean = np.divide(total, n, out=np.full(groups, np.nan), where=n > 0)
    others = np.divide(rest, rest_n, out=np.full(groups, np.nan), where=rest_n > 0)
    z = np.zeros(groups)
    workers = int(worker.max(initial=-1)) + 1
    for one in np.flatnonzero(both).tolist():
        inside = group == one
        residual = np.where(
            inside, (value - mean[one]) / n[one], -(value - others[one]) / rest_n[one]
        )
        of_worker = np.bincount(worker, weights=residual, minlength=workers)
        met = len(np.unique(worker))
        variance = float(np.square(of_worker).sum()) * met / max(met - 1, 1)
        # The variance between a handful of people is itself a matter of luck.
        sides = len(np.unique(worker[inside])), len(np.unique(worker[~inside]))
        if min(sides) >= LEAST_CLUSTERS:
            gap = mean[one] - others[one]
            z[one] = (
                gap / np.sqrt(variance) if variance > 0 else np.sign(gap) * np.inf if gap else 0
            )
    bar = float(ndtri(1 - (1 - LEVEL) / 2 / max(int(both.sum()), 1)))
    return mean - others, np.abs(z) > bar
