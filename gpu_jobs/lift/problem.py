"""The question of a lift run as arrays: training rows by group, a test set, a metric.

Everything is brought into an order that follows from the content alone, so that neither the
order of the rows nor the names of groups change a result.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.features import Axes, principal
from gpu_jobs.lift.metrics import OUTSIDE, TOKEN_LOSS, draws, metric_of
from gpu_jobs.lift.recipe import Recipe

RESAMPLES = 200
OTHERS = "others"


class SetError(InputError):
    """One row of a set is wrong. name: "training" or "test"; row: from 0, among the rows given."""

    def __init__(self, sentence: str, *, name: str, row: int) -> None:
        super().__init__(f"{sentence} ({name} row {row + 1})")
        self.sentence, self.name, self.row = sentence, name, row


@dataclass(frozen=True)
class Rows:
    """Labelled rows. inputs: what the recipe encodes, texts, or numbers (rows, columns). item:
    their ids, where known. group: of each row; not needed for a test set.
    """

    inputs: Sequence[object] | np.ndarray
    label: Sequence[str]
    group: Sequence[str] = ()
    item: Sequence[str] = ()


@dataclass(frozen=True)
class Problem:
    """axes: features of u distinct training inputs and of t test rows. feature, label, group:
    int64 (n,), of each training row; sorted by group. row: int64 (n,), its place among the rows
    given. counts: for each class how often each group gave it to each distinct input, float32
    (u, G); none for a recipe that trains on the rows themselves. starts: int64, the first distinct
    input of each block. test_label: int64 (t,). test_row: int64 (t,), as `row`. resamples: float32
    (1 + R, t), see `metrics.draws`.
    digest: of all that enters, in hex. inputs: of training and test, by the rows of the
    axes, for a recipe that trains on them. document: int64 (t,), test rows that were one and
    are drawn together.
    """

    axes: Axes
    feature: np.ndarray
    label: np.ndarray
    group: np.ndarray
    row: np.ndarray
    counts: tuple[sparse.csr_array, ...]
    starts: np.ndarray
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    test_label: np.ndarray
    test_row: np.ndarray
    resamples: np.ndarray
    metric: str
    positive: int
    l2: float
    recipe: Recipe
    digest: str
    inputs: tuple[Sequence[object], Sequence[object]] = ((), ())
    document: np.ndarray | None = None

    @property
    def sizes(self) -> np.ndarray:
        """int64 (G,): rows of each group."""
        return np.bincount(self.group, minlength=len(self.groups))


def build(
    train: Rows,
    test: Rows,
    *,
    recipe: Recipe,
    metric: str,
    positive: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Problem:
    """Raises InputError for empty sets, fewer than two classes or two test rows, a metric that is
    not for the recipe, and for test items (by id, or by equal input) in training.
    """
    metric_of(metric)
    _check_metric(recipe, metric)
    _check_sizes(train, test)
    keys_of = recipe.keys
    train_keys = keys_of(train.inputs) if keys_of else _keys(train.inputs, "training")
    test_keys = keys_of(test.inputs) if keys_of else _keys(test.inputs, "test")
    _check_leakage(train, test, train_keys, test_keys)
    taught = [i for i, label in enumerate(train.label) if label not in recipe.skips]
    tested = [i for i, label in enumerate(test.label) if label not in recipe.skips]
    train_keys, test_keys = [train_keys[i] for i in taught], [test_keys[i] for i in tested]
    train, test = _only(train, taught), _only(test, tested)
    _check_sizes(train, test)
    whole = list(range(len(tested)))
    if recipe.expand is not None:
        if len(set(test_keys)) < len(test_keys):
            raise InputError("a test text stands there more than once")
        train, source, train_keys = recipe.expand(train, train_keys)
        taught = [taught[i] for i in source]
        test, whole, test_keys = recipe.expand(test, test_keys)
        _check_sizes(train, test)
    if resamples < 20:
        raise InputError("at least 20 resamples of the test set are needed for an interval")
    classes = sorted({str(each) for each in (*train.label, *test.label)})
    if len(classes) < 2:
        raise InputError(f"all labels are {classes[0]!r}: there is nothing to learn")
    if not recipe.intercept and len(classes) != 2:
        raise InputError(f"a comparison has two answers, not {', '.join(classes)}")
    if metric == "span-f1":
        positive = OUTSIDE
    if metric == "f1" and positive is None:
        if len(classes) != 2:
            raise InputError("metric f1 needs the positive class when there are more than two")
        positive = classes[1]
    if positive is not None and positive not in classes:
        raise InputError(f"the positive class {positive!r} is none of {', '.join(classes)}")
    keys, label, group, row, groups = _ordered(train, train_keys, classes)
    place = {name: code for code, name in enumerate(classes)}
    order = sorted(range(len(test_keys)), key=lambda i: (test_keys[i], test.label[i]))
    test_label = np.array([place[test.label[i]] for i in order], dtype=np.int64)
    # Numbered as they come, so that draws do not depend on the order of the rows given.
    met: dict[int, int] = {}
    document = np.array([met.setdefault(whole[i], len(met)) for i in order], dtype=np.int64)
    # Distinct inputs in the order in which groups bring them: blocks of rows follow groups.
    first: dict[str, int] = {}
    feature = np.array([first.setdefault(key, len(first)) for key in keys], dtype=np.int64)
    row_of = {key: place for place, key in enumerate(train_keys)}
    inputs = [train.inputs[row_of[key]] for key in first], [test.inputs[i] for i in order]
    encoded = recipe.encode(*inputs)
    starts = np.sort(np.unique(np.minimum.reduceat(feature, _starts(group))))
    return Problem(
        axes=principal(*encoded, dims=recipe.dims, centred=recipe.intercept),
        feature=feature,
        label=label,
        group=group,
        row=np.array(taught, dtype=np.int64)[row],
        counts=()
        if recipe.fit
        else _counts(
            feature,
            label,
            group,
            np.ones(len(label)),
            shape=(len(classes), len(first), len(groups)),
        ),
        starts=starts,
        groups=tuple(groups),
        classes=tuple(classes),
        test_label=test_label,
        test_row=np.array([tested[whole[i]] for i in order], dtype=np.int64),
        resamples=draws(int(document.max()) + 1, resamples, seed)[:, document],
        document=document,
        metric=metric,
        positive=classes.index(positive) if positive is not None else 1,
        l2=recipe.l2,
        recipe=recipe,
        inputs=inputs if recipe.fit else ((), ()),
        digest=_digest(
            [
                recipe.name,
                repr(recipe.l2),
                repr(recipe.dims),
                str(recipe.balanced),
                metric,
                str(positive),
            ],
            [str(resamples), str(seed)],
            *([[recipe.mark()]] if recipe.mark else []),
            *([[str(recipe.epochs)]] if recipe.fit else []),
            [f"{key}\x1f{code}\x1f{which}" for key, code, which in zip(keys, label, group)],  # noqa: B905
            [f"{test_keys[i]}\x1f{test.label[i]}" for i in order],
        ),
    )


def _check_metric(recipe: Recipe, metric: str) -> None:
    if metric == "span-f1" and recipe.expand is None:
        raise InputError(f"metric span-f1 is for spans, not for the recipe {recipe.name}")
    if metric == TOKEN_LOSS and not recipe.writes:
        raise InputError(
            f"metric {TOKEN_LOSS} is for recipes that write their answers, such as sft, not for the"
            f" recipe {recipe.name}"
        )
    if metric != TOKEN_LOSS and recipe.writes:
        raise InputError(
            f"the recipe {recipe.name} writes its answers: its metric is {TOKEN_LOSS}, not {metric}"
        )


def with_counts(problem: Problem, times: np.ndarray) -> Problem:
    """The problem in which training row i stands times[i] times, (n,)."""
    shape = (len(problem.classes), problem.axes.train.shape[0], len(problem.groups))
    found = _counts(problem.feature, problem.label, problem.group, times, shape=shape)
    return replace(problem, counts=found)


def _counts(
    feature: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    times: np.ndarray,
    *,
    shape: tuple[int, int, int],
) -> tuple[sparse.csr_array, ...]:
    """For each of shape[0] classes, float32 (shape[1], shape[2]): how often each group gave it to
    each input.
    """
    found = []
    for code in range(shape[0]):
        which = (label == code) & (times > 0)
        cells = (feature[which], group[which])
        weight = times[which].astype(np.float32)
        found.append(sparse.coo_array((weight, cells), shape=shape[1:]).tocsr())
    return tuple(found)


def merged(groups: Sequence[str], least: int) -> list[str]:
    """Groups with fewer rows than `least` as one, OTHERS."""
    count: dict[str, int] = {}
    for name in groups:
        count[name] = count.get(name, 0) + 1
    return [name if count[name] >= least else OTHERS for name in groups]


def _only(rows: Rows, kept: list[int]) -> Rows:
    if len(kept) == len(rows.label):
        return rows
    parts = {
        name: [getattr(rows, name)[i] for i in kept] if len(getattr(rows, name)) else ()
        for name in ("inputs", "label", "group", "item")
    }
    return replace(rows, **parts)


def check_leakage(train: Rows, test: Rows) -> None:
    """Raises InputError that names the first test row which stands in training, too.

    By item id where both sets have ids; by input, texts compared without case and runs of blanks.
    """
    _check_leakage(train, test, _keys(train.inputs, "training"), _keys(test.inputs, "test"))


def _check_leakage(
    train: Rows, test: Rows, train_keys: Sequence[str], test_keys: Sequence[str]
) -> None:
    if train.item and test.item:
        known = set(train.item)
        for row, name in enumerate(test.item):
            if name in known:
                raise SetError(
                    f"test item {name!r} is in the training set, too", name="test", row=row
                )
    seen = {_alike(key) for key in train_keys}
    for row, key in enumerate(test_keys):
        if _alike(key) in seen:
            which = f"test item {test.item[row]!r}" if test.item else "a test row"
            raise SetError(
                f"the content of {which} is in the training set, too:"
                f" {str(test.inputs[row])[:60]!r}",
                name="test",
                row=row,
            )


def _alike(key: str) -> str:
    """Equal for texts that differ in case and blanks, and for a pair in either order."""
    return "\x1e".join(sorted(" ".join(part.split()).casefold() for part in key.split("\x1e")))


def _check_sizes(train: Rows, test: Rows) -> None:
    if not len(train.inputs):
        raise InputError("the training set is empty")
    if len(test.inputs) < 2:
        raise InputError("the test set needs at least two rows")
    for name, rows in (("training", train), ("test", test)):
        if len(rows.label) != len(rows.inputs):
            raise InputError(
                f"the {name} set has {len(rows.inputs)} rows and {len(rows.label)} labels"
            )
    if len(train.group) != len(train.inputs):
        raise InputError("each training row needs a group")


def _ordered(
    train: Rows, train_keys: Sequence[str], classes: list[str]
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Keys, labels, groups and places of the rows, groups in the order of what they hold."""
    place = {name: code for code, name in enumerate(classes)}
    held: dict[str, list[tuple[str, int, int]]] = {}
    given = zip(train_keys, train.label, train.group, strict=True)
    for at, (key, name, group) in enumerate(given):
        held.setdefault(str(group), []).append((key, place[name], at))
    for rows in held.values():
        rows.sort()
    content = {name: _digest([f"{k}\x1f{c}" for k, c, _ in held[name]]) for name in held}
    ranked = sorted(held, key=lambda name: (content[name], name))
    keys = [key for name in ranked for key, _, _ in held[name]]
    code = np.array([code for name in ranked for _, code, _ in held[name]], dtype=np.int64)
    row = np.array([row for name in ranked for _, _, row in held[name]], dtype=np.int64)
    sizes = [len(held[name]) for name in ranked]
    return keys, code, np.repeat(np.arange(len(ranked)), sizes), row, ranked


def _starts(group: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(group, prepend=-1))


def _keys(inputs: Sequence[object] | np.ndarray, name: str) -> list[str]:
    """One text a row, equal for equal inputs: texts themselves, several texts with a mark between
    them, digests of numbers.
    """
    if len(inputs) and isinstance(inputs[0], str):
        return [str(each) for each in inputs]
    first = inputs[0] if len(inputs) else None
    if isinstance(first, tuple) and isinstance(first[0], str):
        several: Any = inputs
        return ["\x1e".join(map(str, each)) for each in several]
    # Adding zero makes one of the two zeros that numbers have.
    try:
        rows = np.asarray(inputs, dtype=np.float64) + 0.0
    except (TypeError, ValueError) as error:
        raise InputError(f"the {name} rows are no table of numbers") from error
    if not np.isfinite(rows).all():
        wrong = int(np.argwhere(~np.isfinite(rows))[0][0])
        raise SetError("a number is not finite", name=name, row=wrong)
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in rows]


def _digest(*parts: list[str]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update("\x1e".join(part).encode())
        found.update(b"\x1d")
    return found.hexdigest()
