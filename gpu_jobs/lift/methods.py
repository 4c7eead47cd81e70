"""Ways to say what a group's rows are worth, each as numbered chunks that anyone can compute.

A chunk is a pure function of (problem, settings, number): its random numbers come from a
generator seeded by settings and number. So workers share a run by taking numbers, a killed run
loses at most a chunk, and a run by many gives the bytes of a run by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.lift import moves
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.influence import influence
from gpu_jobs.lift.knn import knn_shapley
from gpu_jobs.lift.problem import Problem, with_counts
from gpu_jobs.lift.results import Estimate, of_exact, of_replicates

EXACT_UP_TO = 12
ROWS = ("given", "drawn")
_SLICE = 128
_ALONE = 4
"""Coalitions of a chunk, or of a step, where each is a training of its own."""
_TEST_ROWS = 512


@dataclass(frozen=True)
class Settings:
    """method: key of METHODS. seeds: replicates that a sampling method makes at least (for
    with-without: exactly). seed: the first of them. rounds: permutation pairs at most. base,
    take: rows of others, and rows of the group at most, in with-without. truncation: a
    permutation ends where the model is within this many test standard errors of everybody's.
    rows: of with-without and shapley; "given": the interval is about the rows that were handed in;
    "drawn": about other rows by the same hand. chance: replicates of the control of chance, or 0
    for none. neighbours: K of KNN-Shapley.
    """

    method: str = "shapley"
    seeds: int = 5
    seed: int = 0
    rounds: int = 500
    base: int = 800
    take: int = 300
    rows: str = "given"
    chance: int = 16
    truncation: float = 0.25
    neighbours: int = 5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")
        if self.rows not in ROWS:
            raise InputError(f"rows must be one of {', '.join(ROWS)}, not {self.rows!r}")
        for name in ("seeds", "rounds", "base", "take", "neighbours"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1")
        if self.chance < 0 or self.chance == 1:
            raise InputError("chance must be 0, for no control, or at least 2")
        if self.seed < 0 or not self.truncation >= 0:
            raise InputError("seed and truncation must not be below zero")


@dataclass(frozen=True)
class Method:
    """chunks: how many there can be. compute: one chunk's array. combine: chunks 0, 1, … as far
    as there are, to an estimate. least: chunks before which nothing can be said. sampled: may
    end before all chunks, when more of them would no longer narrow the intervals. controls: how
    many of the estimate's last rows are no groups but controls. pays: a gain by this method is
    held against chance; the others are screens. moved: arrays of a recipe without a linear head to
    what each group did to each test item; None for screens, which take none.
    """

    chunks: Callable[[Problem, Settings], int]
    compute: Callable[[Utility, Settings, int], np.ndarray]
    combine: Callable[[Problem, Sequence[np.ndarray]], Estimate]
    says: tuple[str, ...]
    least: Callable[[Settings], int] = lambda _settings: 1
    sampled: bool = False
    controls: tuple[str, ...] = ()
    pays: bool = True
    moved: moves.Combine | None = None


# --- with and without -------------------------------------------------------------------------


def _with_without(utility: Utility, settings: Settings, number: int) -> np.ndarray:
    """(G + 1, 2 + R): v(base of others + rows of the group) − v(base), and the A/A control. The
    last column is the same with as many rows drawn with replacement from the group's (if rows are
    "drawn"), on the test set itself.

    One shuffle of all rows gives every base of the seed: the first rows that are not the group's.
    So groups meet nearly the same base, and comparing them is not blurred by it.
    """
    problem = utility.problem
    rng = np.random.default_rng([settings.seed + number, 2])
    shuffled = rng.permutation(len(problem.group))
    of = problem.group[shuffled]
    by_group = shuffled[np.argsort(of, kind="stable")]
    ends = np.cumsum(problem.sizes)
    without, together, redrawn = [], [], []
    for code, size in enumerate(problem.sizes.tolist()):
        mine = by_group[ends[code] - size : ends[code]]
        base = min(settings.base, _half(len(shuffled) - size))
        # Among this many rows there are `base` of others.
        near = base + size
        others = shuffled[:near][of[:near] != code][:base]
        without.append(others)
        together.append(np.concatenate([others, mine[: settings.take]]))
        if settings.rows == "drawn":
            again = rng.choice(mine, min(settings.take, size))
            redrawn.append(np.concatenate([others, again]))
    # A/A: two bases of the same size, drawn alike. Nothing distinguishes them.
    base = min(settings.base, _half(len(shuffled)))
    without.append(shuffled[:base])
    together.append(shuffled[base : 2 * base])
    values = utility.of_rows(without + together + redrawn)
    count = len(without)
    gain = values[count : 2 * count] - values[:count]
    again = gain[:, :1].copy()
    again[: len(redrawn)] = values[2 * count :, :1] - values[: len(redrawn), :1]
    return np.hstack([gain, again])


def _half(rows: int) -> int:
    return max(rows // 2, 1)


# --- leave one out ----------------------------------------------------------------------------


def _leave_one_out(utility: Utility, _settings: Settings, number: int) -> np.ndarray:
    """(groups of the slice, 1 + R): v(everybody) − v(everybody but the group)."""
    size = len(utility.problem.groups)
    step = _step(utility.problem)
    codes = np.arange(number * step, min((number + 1) * step, size))
    members = np.ones((len(codes) + 1, size), dtype=bool)
    members[np.arange(len(codes)), codes] = False
    values = utility.of_groups(members)
    return values[-1] - values[:-1]


def _joined(problem: Problem, arrays: Sequence[np.ndarray]) -> Estimate:
    """Slices of groups in their order; those not reached are NaN inside."""
    found = np.full((len(problem.groups), len(problem.resamples)), np.nan)
    done = np.concatenate(arrays)
    found[: len(done)] = done
    return of_exact(found)


# --- Shapley ----------------------------------------------------------------------------------


def _masks(utility: Utility, _settings: Settings, number: int) -> np.ndarray:
    """(coalitions of the slice, 1 + R): v of the coalitions numbered by their bits."""
    size = len(utility.problem.groups)
    step = _step(utility.problem)
    codes = np.arange(number * step, min((number + 1) * step, 2**size))
    return utility.of_groups((codes[:, None] >> np.arange(size) & 1).astype(bool))


def exact_shapley(values: np.ndarray, size: int) -> np.ndarray:
    """float64 (size, S) from v of all 2^size coalitions, (2^size, S), bit g for group g."""
    codes = np.arange(2**size)
    count = np.array([code.bit_count() for code in codes.tolist()])
    weight = _pair_weights(size)
    found = []
    for group in range(size):
        without = codes[codes >> group & 1 == 0]
        gain = values[without | 1 << group] - values[without]
        found.append(weight[count[without]] @ gain)
    return np.array(found)


def _pair_weights(size: int) -> np.ndarray:
    """(size,): of a coalition with and without a group, by how many others are in it."""
    return np.array([1 / (size * comb(size - 1, k)) for k in range(size)])


def _moved_exact(problem: Problem, arrays: Sequence[np.ndarray]) -> moves.Moves:
    return moves.of_pairs(problem, arrays, _pair_weights(len(problem.groups)))


def _exact(problem: Problem, arrays: Sequence[np.ndarray]) -> Estimate:
    size = len(problem.groups)
    values = np.concatenate(arrays)
    if len(values) < 2**size:
        return of_exact(np.full((size, len(problem.resamples)), np.nan))
    return of_exact(exact_shapley(values, size))


def _permutations(utility: Utility, settings: Settings, number: int) -> np.ndarray:
    """(G, 2 + R): mean marginal values along one permutation and its reverse. The last column is
    the same, on the test set itself, when every group's rows are drawn anew with replacement from
    its own (if rows are "drawn").
    """
    rng = np.random.default_rng([settings.seed, 3, number])
    order = rng.permutation(len(utility.problem.groups))
    values = _both_ways(utility, order, settings.truncation)
    if settings.rows == "given":
        return np.hstack([values, values[:, :1]])
    drawn = Utility(_redrawn(utility.problem, rng))
    again = _both_ways(drawn, order, settings.truncation)
    utility.trained += drawn.trained
    utility.unsolved += drawn.unsolved
    return np.hstack([values, again[:, :1]])


def _both_ways(utility: Utility, order: np.ndarray, truncation: float) -> np.ndarray:
    ends = utility.ends()
    near = truncation * float(ends[1, 1 : len(utility.problem.resamples)].std(ddof=1))
    both = [_along(utility, way, ends, near) for way in (order, order[::-1])]
    return (both[0] + both[1]) / 2


def _redrawn(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with as many rows of each group, drawn with replacement."""
    sizes = problem.sizes
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    drawn = first + (rng.random(len(first)) * np.repeat(sizes, sizes)).astype(np.int64)
    return with_counts(problem, np.bincount(drawn, minlength=len(first)))


def _along(utility: Utility, order: np.ndarray, ends: np.ndarray, near: float) -> np.ndarray:
    """Marginal values (G, 1 + R) along one permutation, cut where nothing is left to gain.

    Coalitions are trained a batch at a time. When all of a batch lie within `near` of
    everybody's model, the rest shares what is left evenly, so that the values still add up to
    v(everybody) − v(nobody).
    """
    size = len(order)
    values = [ends[:1]]
    reached = 0
    step = min(_step(utility.problem), _SLICE // 2)
    while reached < size - 1:
        lengths = np.arange(reached + 1, min(reached + step, size - 1) + 1)
        place = np.empty(size, dtype=np.int64)
        place[order] = np.arange(size)
        values.append(utility.of_groups(place[None, :] < lengths[:, None]))
        reached = int(lengths[-1])
        if len(lengths) > 1 and np.abs(values[-1][:, 0] - ends[1, 0]).max() < near:
            break
    walked = np.diff(np.concatenate(values), axis=0)
    rest = size - len(walked)
    last = ends[1] - np.concatenate(values)[-1]
    found = np.empty((size, ends.shape[1]))
    found[order] = np.concatenate([walked, np.broadcast_to(last / rest, (rest, len(last)))])
    return found


# --- screens ----------------------------------------------------------------------------------


def _knn(utility: Utility, settings: Settings, number: int) -> np.ndarray:
    """(G + 1, 1 + R): summed values on a slice of the test rows; last, the rows' weights."""
    problem = utility.problem
    train, test = problem.axes.train, problem.axes.test
    if not (isinstance(train, np.ndarray) and isinstance(test, np.ndarray)):
        raise InputError(
            f"knn compares {train.shape[0]:,} inputs by all of {train.shape[1]:,} features;"
            " it needs them cut, with dims 512 for instance"
        )
    order = np.random.default_rng([settings.seed, 4]).permutation(len(problem.test_label))
    rows = order[number * _TEST_ROWS : (number + 1) * _TEST_ROWS]
    values = knn_shapley(
        train[problem.feature],
        problem.label,
        problem.group,
        test[rows],
        problem.test_label[rows],
        groups=len(problem.groups),
        neighbours=settings.neighbours,
    )
    weight = problem.resamples[:, rows].astype(np.float64)
    return np.vstack([values.T @ weight.T, weight.sum(axis=1)])


def _of_sums(_problem: Problem, arrays: Sequence[np.ndarray]) -> Estimate:
    total = np.sum(arrays, axis=0)
    weight = total[-1]
    # A resample that holds none of the rows reached so far says nothing; it takes the value.
    some = np.where(weight > 0, weight, 1.0)
    values = np.where(weight > 0, total[:-1] / some, total[:-1, :1] / some[0])
    return of_exact(values)


def _influence(utility: Utility, _settings: Settings, _number: int) -> np.ndarray:
    return influence(utility.problem, utility.full().weights[0])


def _whole(_problem: Problem, arrays: Sequence[np.ndarray]) -> Estimate:
    return of_exact(arrays[0])


def _with_rows(_problem: Problem, arrays: Sequence[np.ndarray]) -> Estimate:
    """The bootstrap's variance of a value by the rows at hand is its variance around the value of
    the rows as they are, on the same base; more seeds do not make it less.
    """
    whole = np.stack(arrays)
    found = of_replicates(whole[:, :, :-1])
    moved = whole[:, :, -1] - whole[:, :, 0]
    handed = moved.var(axis=0, ddof=1) if len(arrays) > 1 else np.zeros(whole.shape[1])
    return replace(found, handed=handed)


_ROWS = (
    "With rows given, the interval is about these rows; with rows drawn, it also covers which rows"
    " the group happened to hand in (a bootstrap of its rows)."
)
_GIVEN = "The value is of the rows handed in, as they are, not of other rows by the same hand."

METHODS: Mapping[str, Method] = {
    "shapley": Method(
        chunks=lambda _problem, settings: settings.rounds,
        compute=_permutations,
        combine=_with_rows,
        least=lambda settings: max(settings.seeds, 2),
        sampled=True,
        moved=moves.of_replicates,
        says=(
            (
                "A group's value is its mean gain over random orders in which groups join"
                " (Shapley), drawn in pairs of an order and its reverse; all values add up to"
                " the gain of everybody over nobody."
            ),
            (
                "An order is cut where the model is as good as everybody's within a quarter of the"
                " test's standard error (truncation); what is left to gain is shared evenly."
            ),
            _ROWS,
        ),
    ),
    "shapley-exact": Method(
        chunks=lambda problem, _settings: -(-(2 ** len(problem.groups)) // _step(problem)),
        compute=_masks,
        combine=_exact,
        moved=_moved_exact,
        says=(
            (
                "A group's value is its mean gain over all orders in which groups could join"
                " (Shapley), from a model for every coalition; only the test rows are sampled."
            ),
            _GIVEN,
        ),
    ),
    "loo": Method(
        chunks=lambda problem, _settings: -(-len(problem.groups) // _step(problem)),
        compute=_leave_one_out,
        combine=_joined,
        moved=moves.of_single,
        says=(
            (
                "A group's value is what is lost when it alone is left out. Groups that could stand"
                " in for each other all get little."
            ),
            _GIVEN,
        ),
    ),
    "with-without": Method(
        chunks=lambda _problem, settings: settings.seeds,
        compute=_with_without,
        combine=_with_rows,
        least=lambda settings: min(settings.seeds, 2),
        controls=("a/a",),
        moved=moves.of_replicates,
        says=(
            (
                "A group's value is the gain when some of its rows join a random base of others'"
                " rows; each seed draws both anew, so the interval covers other draws of them."
            ),
            _ROWS,
            "It holds for a training set of that size: with more rows, each is worth less.",
            "a/a compares two bases drawn alike; its interval must contain zero.",
        ),
    ),
    "knn": Method(
        chunks=lambda problem, _settings: -(-len(problem.test_label) // _TEST_ROWS),
        compute=_knn,
        pays=False,
        combine=_of_sums,
        says=(
            (
                "A screen: exact Shapley values of single rows for a nearest-neighbour vote (Jia et"
                " al. 2019), summed by group. The metric is that vote's share for the right class,"
                " whatever metric was named, and the model is not the recipe's."
            ),
            _GIVEN,
        ),
    ),
    "influence": Method(
        chunks=lambda _problem, _settings: 1,
        compute=_influence,
        pays=False,
        combine=_whole,
        says=(
            (
                "A second opinion: how much the test's log loss would rise, to first order, if the"
                " group's rows weighed a little less in everybody's model (Koh & Liang 2017). The"
                " metric is log loss, whatever metric was named. Large groups are no small changes."
            ),
            _GIVEN,
        ),
    ),
}


def _step(problem: Problem) -> int:
    return _SLICE if problem.recipe.fit is None else _ALONE


def chosen(problem: Problem, settings: Settings) -> str:
    """The method that is run: shapley is exact where all coalitions can be trained, and rows are
    not drawn.
    """
    few = len(problem.groups) <= EXACT_UP_TO
    exact = settings.method == "shapley" and few and settings.rows == "given"
    name = "shapley-exact" if exact else settings.method
    if name == "shapley-exact" and len(problem.groups) > 16:
        raise InputError("shapley-exact trains 2^groups models; it takes at most 16 groups")
    if name in ("knn", "influence") and problem.recipe.fit is not None:
        raise InputError(f"{name} needs a recipe with a linear head, not {problem.recipe.name}")
    if name == "shapley" and settings.rows == "drawn" and problem.recipe.fit is not None:
        raise InputError(
            f"the recipe {problem.recipe.name} takes rows as given with shapley; with-without also"
            " takes them drawn"
        )
    if name == "with-without" and len(problem.groups) < 2:
        raise InputError("with-without compares a group with the others; there is only one group")
    return name
