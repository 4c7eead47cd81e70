"""Influence of single rows beside models that were truly trained without them."""

from dataclasses import replace

import numpy as np
import pytest

from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.examples import examples, of_rows
from gpu_jobs.lift.influence import influence
from gpu_jobs.lift.problem import build
from gpu_jobs.lift.recipes import RECIPES


@pytest.mark.parametrize("classes", [2, 3])
def test_influence_is_near_what_leaving_the_row_out_does(problem_of, classes):
    problem = problem_of([0.0, 0.3, 0.8], per_group=60, classes=classes, metric="log-loss")
    utility = Utility(problem)
    found = of_rows(problem, utility.full().weights[0])
    everything = np.arange(len(problem.label))
    without = [np.delete(everything, row) for row in range(0, len(everything), 6)]
    values = utility.of_rows([everything, *without])[:, 0]
    truly = values[0] - values[1:]
    assert np.corrcoef(found[::6], truly)[0, 1] > 0.98
    assert found[::6] == pytest.approx(truly, rel=0.35, abs=2e-4)


@pytest.mark.parametrize("balanced", [False, True])
def test_the_rows_of_a_group_sum_to_its_influence(drawn, balanced):
    recipe = replace(RECIPES["tabular"], balanced=balanced)
    problem = build(*drawn([0.0, 0.3, 0.8]), recipe=recipe, metric="accuracy", resamples=20)
    weights = Utility(problem).full().weights[0]
    sums = np.bincount(problem.group, of_rows(problem, weights))
    assert sums == pytest.approx(influence(problem, weights)[:, 0], rel=1e-3, abs=1e-6)


def test_examples_are_ordered_and_name_rows_as_given(drawn):
    train, test = drawn([0.0, 0.5])
    problem = build(train, test, recipe=RECIPES["tabular"], metric="accuracy", resamples=20)
    found = examples(problem, Utility(problem).full().weights[0], most=3)
    assert [(one.group, one.effect) for one in found] == [
        (group, effect) for group in ("g0", "g1") for effect in ("helped", "hurt") for _ in range(3)
    ]
    assert all(train.group[one.row] == one.group and one.size > 0 for one in found)
    for at in range(0, 12, 3):
        sizes = [one.size for one in found[at : at + 3]]
        assert sizes == sorted(sizes, reverse=True)
    label = np.array(train.label)[[one.row for one in found]]
    inputs = np.array(train.inputs)[[one.row for one in found]]
    right = (inputs[:, 0] < inputs[:, 1]).astype(int).astype(str) == label
    assert right[:3].all() and right[6:9].all() and not right[9:].any()
