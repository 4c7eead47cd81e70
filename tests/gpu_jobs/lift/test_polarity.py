"""The lift reference of ../shared/data/README.md, on real contributors."""

import csv
from collections import defaultdict

import numpy as np
import pytest
from scipy.stats import spearmanr

from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure

pytestmark = pytest.mark.data


def _table(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def polarity(reference):
    """(result of the published protocol, gold accuracy of contributors with at least 200)."""
    items = {row["item_id"]: row for row in _table(reference("polarity.items"))}
    answers = _table(reference("polarity"))
    away = [row for row in items.values() if row["split"] == "test"]
    right = defaultdict(list)
    for row in answers:
        right[row["worker_id"]].append(row["answer"] == row["gold"])
    large = {name: np.mean(each) for name, each in right.items() if len(each) >= 200}
    train = Rows(
        inputs=[items[row["item_id"]]["text"] for row in answers],
        label=[row["answer"] for row in answers],
        group=[row["worker_id"] if row["worker_id"] in large else "others" for row in answers],
        item=[row["item_id"] for row in answers],
    )
    test = Rows(
        inputs=[row["text"] for row in away],
        label=[row["gold"] for row in away],
        item=[row["item_id"] for row in away],
    )
    problem = build(train, test, recipe=RECIPES["text-linear"], metric="accuracy")
    found = measure(
        problem, Settings(method="with-without", seeds=12, base=800, take=300, chance=0)
    )
    return found, large


def test_everybodys_model_is_as_good_as_the_reference(polarity):
    """.752 with all answers as rows, by TF-IDF with all its dimensions."""
    found, _ = polarity
    assert found.everybody > 0.735
    assert found.convergence["models_not_converged"] == 0


def test_lift_follows_gold_accuracy(polarity):
    found, large = polarity
    value = {one.name: one.value for one in found.groups}
    assert len(large) == 29
    order = spearmanr([value[name] for name in large], list(large.values())).statistic
    assert order >= 0.79


@pytest.mark.parametrize("spammer", ["w098", "w093", "w194"])
def test_known_spammers_are_negative_and_significantly_so(polarity, spammer):
    found, _ = polarity
    (one,) = [each for each in found.groups if each.name == spammer]
    assert one.value < 0
    assert one.significant == "negative"


def test_nothing_told_from_nothing(polarity):
    found, _ = polarity
    (control,) = found.controls
    assert control.low < 0 < control.high
