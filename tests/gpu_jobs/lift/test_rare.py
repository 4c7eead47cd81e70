"""A class of 12%: accuracy does not see what F1 and the losses see.

Polarity, thinned to 12% positives. Three contributors answer as gold has it, one always says
negative, which is right for 88%.
"""

import csv
from dataclasses import replace

import numpy as np
import pytest

from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure, warnings

pytestmark = pytest.mark.data
SHARE = 0.12


@pytest.fixture(scope="module")
def thinned(reference):
    with reference("polarity.items").open(encoding="utf-8", newline="") as stream:
        items = list(csv.DictReader(stream))
    draw = np.random.default_rng(12)

    def some(split, count):
        found = []
        for label in sorted({row["gold"] for row in items}):
            mine = [row for row in items if row["split"] == split and row["gold"] == label]
            share = SHARE if label == "1" else 1 - SHARE
            found += [mine[at] for at in draw.permutation(len(mine))[: round(count * share)]]
        return [found[at] for at in draw.permutation(len(found))]

    train, test = some("train", 2600), some("test", 3000)
    group = [f"g{at % 4}" for at in range(len(train))]
    label = ["0" if name == "g3" else row["gold"] for name, row in zip(group, train, strict=True)]
    return (
        Rows(inputs=[row["text"] for row in train], label=label, group=group),
        Rows(inputs=[row["text"] for row in test], label=[row["gold"] for row in test]),
    )


@pytest.fixture(scope="module")
def lazy(thinned):
    # So little shrinking that some chances of positives pass one half.
    recipe = replace(RECIPES["text-linear"], l2=0.003)
    problem = build(*thinned, recipe=recipe, metric="accuracy", positive="1")
    settings = Settings(method="with-without", seeds=6, base=900, take=650, chance=0)

    def of(metric):
        result = measure(replace(problem, metric=metric), settings)
        return next(one for one in result.groups if one.name == "g3"), result

    return of


def test_accuracy_does_not_move(lazy):
    one, result = lazy("accuracy")
    assert one.low < 0 < one.high and abs(one.value) < 0.002
    assert result.everybody == pytest.approx(0.88, abs=0.02)


@pytest.mark.parametrize("metric", ["f1", "brier", "log-loss", "ece"])
def test_f1_and_calibration_do(lazy, metric):
    one, result = lazy(metric)
    assert one.significant == "negative"
    assert result.warnings == ()


def test_the_command_warns(thinned):
    problem = build(*thinned, recipe=RECIPES["text-linear"], metric="accuracy")
    (sentence,) = warnings(problem)
    assert sentence.startswith("88% of the test rows are '0': a model that always says so")
