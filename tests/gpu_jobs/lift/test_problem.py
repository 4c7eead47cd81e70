"""What enters a run, and what may not change it."""

import random
import warnings
from dataclasses import replace

import numpy as np
import pytest

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.methods import METHODS, Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES, recipe_of
from gpu_jobs.lift.run import measure

TEXTS = Rows(
    inputs=["good film", "bad film", "very good", "very bad", "good", "bad end"],
    label=["p", "n", "p", "n", "p", "n"],
    group=["a", "a", "b", "b", "c", "c"],
    item=["1", "2", "3", "4", "5", "6"],
)
TEST = Rows(inputs=["good end", "bad one", "so good"], label=["p", "n", "p"], item=["7", "8", "9"])


def _build(train=TEXTS, test=TEST, **options):
    given = {"recipe": RECIPES["text-linear"], "metric": "accuracy", "resamples": 20} | options
    return build(train, test, **given)


def test_a_test_item_in_training_is_named():
    with pytest.raises(InputError, match="test item '3' is in the training set, too"):
        _build(test=replace(TEST, item=["7", "3", "9"]))


@pytest.mark.parametrize("text", ["very good", "Very  GOOD "])
def test_a_test_text_in_training_is_named(text):
    with pytest.raises(InputError, match="content of test item '8' is in the training set"):
        _build(test=replace(TEST, inputs=["good end", text, "so good"]))
    with pytest.raises(InputError, match=r"content of a test row is .* \(test row 2\)"):
        _build(test=replace(TEST, inputs=["good end", text, "so good"], item=()))


def test_test_rows_may_repeat_among_themselves():
    assert len(_build(test=replace(TEST, inputs=["so good"] * 3)).test_label) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": Rows([], [], [])}, "the training set is empty"),
        ({"test": Rows(["good end"], ["p"])}, "at least two rows"),
        ({"train": replace(TEXTS, group=["a"])}, "each training row needs a group"),
        ({"train": replace(TEXTS, label=["p"])}, "6 rows and 1 labels"),
        (
            {"train": replace(TEXTS, label=["p"] * 6), "test": replace(TEST, label=["p"] * 3)},
            "all labels are 'p'",
        ),
        ({"metric": "auc"}, "metric must be one of"),
        ({"resamples": 3}, "at least 20 resamples"),
        ({"positive": "x"}, "positive class 'x' is none of n, p"),
        (
            {"metric": "f1", "test": replace(TEST, label=["p", "n", "q"])},
            "needs the positive class",
        ),
    ],
)
def test_wrong_problems(change, said):
    with pytest.raises(InputError, match=said):
        _build(**change)


def test_unknown_recipe():
    with pytest.raises(InputError, match="recipe must be one of"):
        recipe_of("magic")


def test_numbers_that_are_none():
    train = Rows([(1.0, 2.0), (float("nan"), 1.0)], ["a", "b"], ["g", "g"])
    test = Rows([(0.0, 0.0), (3.0, 1.0)], ["a", "b"])
    with pytest.raises(InputError, match=r"a number is not finite \(training row 2\)"):
        _build(train, test, recipe=RECIPES["tabular"])


def test_rows_of_different_lengths():
    train = Rows([(1.0, 2.0), (1.0,)], ["a", "b"], ["g", "g"])
    test = Rows([(0.0, 0.0), (3.0, 1.0)], ["a", "b"])
    with pytest.raises(InputError, match="training rows are no table of numbers"):
        _build(train, test, recipe=RECIPES["tabular"])
    with pytest.raises(InputError, match="same number of feature columns"):
        _build(Rows([(1.0,), (2.0,)], ["a", "b"], ["g", "g"]), test, recipe=RECIPES["tabular"])


def _values(problem, method, **names):
    settings = Settings(method=method, seeds=3, base=40, take=20, rounds=3)
    return {names.get(one.name, one.name): one.value for one in measure(problem, settings).groups}


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_and_names_of_groups_change_nothing(drawn, method):
    train, test = drawn([0.0, 0.1, 0.3, 0.6, 0.9], per_group=20)
    names = {"g0": "zoe", "g1": "eve", "g2": "bob", "g3": "ann", "g4": "mo"}
    order = random.Random(3).sample(range(100), 100)  # noqa: S311 - a shuffle
    shuffled = Rows(
        inputs=[train.inputs[row] for row in order],
        label=[train.label[row] for row in order],
        group=[names[train.group[row]] for row in order],
    )
    flipped = Rows(inputs=test.inputs[::-1], label=test.label[::-1])
    options = {"recipe": RECIPES["tabular"], "metric": "accuracy"}
    one = _values(_build(train, test, **options), method)
    back = {new: old for old, new in names.items()}
    assert _values(_build(shuffled, flipped, **options), method, **back) == one


def test_the_digest_tells_problems_apart(drawn):
    train, test = drawn([0.0, 0.5])
    plain = _build(train, test, recipe=RECIPES["tabular"])
    assert plain.digest == _build(train, test, recipe=RECIPES["tabular"]).digest
    others = [
        _build(train, test, recipe=RECIPES["tabular"], metric="f1"),
        _build(train, test, recipe=RECIPES["tabular"], seed=1),
        _build(train, test, recipe=replace(RECIPES["tabular"], l2=2.0)),
        _build(*drawn([0.0, 0.6]), recipe=RECIPES["tabular"]),
    ]
    assert len({plain.digest, *(other.digest for other in others)}) == 5


@pytest.mark.parametrize("metric", ["accuracy", "macro-f1", "f1", "log-loss", "brier", "ece"])
@pytest.mark.parametrize("method", METHODS)
def test_degenerate_sets_have_finite_answers_and_warn_of_nothing(metric, method):
    sets = [
        # Every training row of one class, a test set of both; features without any spread.
        Rows([(1.0,), (2.0,), (3.0,)], ["a"] * 3, ["g", "h", "h"]),
        Rows([(1.0,)] * 3, ["a", "b", "a"], ["g", "h", "h"]),
        Rows([(1.0,), (2.0,)], ["a", "b"], ["g", "h"]),
    ]
    test = Rows([(0.5,), (7.0,), (9.0,)], ["a", "b", "b"])
    for train in sets:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            problem = _build(train, test, recipe=RECIPES["tabular"], metric=metric)
            found = measure(problem, Settings(method=method, seeds=2, rounds=3))
        for one in (*found.groups, *found.controls):
            assert np.isfinite([one.value, one.standard_error, one.low, one.high]).all()


def test_a_class_that_only_the_test_knows_is_a_class():
    problem = _build(test=replace(TEST, label=["p", "n", "q"]))
    assert problem.classes == ("n", "p", "q")
    assert np.isfinite(measure(problem, Settings()).everybody)
