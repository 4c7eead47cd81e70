"""The control of chance: shuffled answers beside those given."""

import numpy as np
import pytest
from scipy import stats

from gpu_jobs.lift import chance
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.results import Estimate, lifts
from gpu_jobs.lift.run import measure


def test_p_is_that_of_one_more_draw():
    rng = np.random.default_rng(0)
    gains = rng.standard_normal((8, 3)) + np.array([0.0, 1.0, 4.0])
    found = chance.chances(gains)
    for column, p in zip(gains.T, found, strict=True):
        t = column.mean() / (column.std(ddof=1) * np.sqrt(1 + 1 / 8))
        assert p == pytest.approx(stats.t.sf(t, 7))
    assert chance.chances(np.zeros((4, 2))).tolist() == [1.0, 1.0]


def test_coin_flips_look_like_their_shuffles_and_answers_do_not(problem_of):
    """Six groups whose answers are right for 85%, thirty of coin flips, in four projects."""
    flips, right = [], []
    for seed in range(4):
        problem = problem_of([0.15] * 6 + [0.5] * 30, per_group=40, seed=seed, test=400)
        utility = Utility(problem)
        gains = [
            chance.compute(utility, seed=0, number=number, base=200, take=300)
            for number in range(8)
        ]
        p = dict(zip(problem.groups, chance.chances(np.stack(gains)), strict=True))
        right += [p[f"g{code}"] for code in range(6)]
        flips += [p[f"g{code}"] for code in range(6, 36)]
    # Of 120 draws at 2.5%, seven or more would happen in one of a hundred tests.
    assert sum(each <= 0.025 for each in flips) <= 7
    assert 0.35 < np.mean(flips) < 0.65
    assert np.mean([each <= 0.025 for each in right]) > 0.6


def test_who_always_says_the_same_is_never_paid(drawn):
    train, test = drawn([0.1, 0.1, 0.1, 0.1])
    label = ["1" if name == "g0" else each for each, name in zip(*_of(train), strict=True)]
    problem = build(
        Rows(train.inputs, label, train.group), test, recipe=RECIPES["tabular"], metric="accuracy"
    )
    found = {one.name: one for one in measure(problem, Settings()).groups}
    assert found["g0"].chance == 1.0
    assert found["g0"].significant != "positive"


def _of(rows):
    return rows.label, rows.group


def test_a_gain_needs_both():
    estimate = Estimate(np.array([1.0, 1.0, 0.1, -1.0]), np.zeros(4), np.full(4, 0.01), 0)
    told = {"resamples": 200, "seconds": 0.0, "controlled": True}
    names, rows = ("a", "b", "c", "d"), np.ones(4, int)

    def signs(p, **more):
        found = lifts(names, rows, estimate, **told, chance=p, **more)
        return {one.name: one.significant for one in found}

    wanted = {"a": "positive", "b": None, "c": None, "d": "negative"}
    assert signs(np.array([0.024, 0.026, 0.001, 0.001])) == wanted
    assert signs(None) == {"a": None, "b": None, "c": None, "d": "negative"}
    assert signs(np.array([0.024, 0.001, 0.001, 0.001]), level=0.99)["a"] is None


def test_screens_are_not_held_against_chance(problem_of):
    problem = problem_of([0.0, 0.3, 0.6])
    for method in ("knn", "influence"):
        assert {one.chance for one in measure(problem, Settings(method=method)).groups} == {None}
    without = measure(problem, Settings(chance=0))
    assert {one.chance for one in without.groups} == {None}
    assert not any("shuffled" in sentence for sentence in without.assumptions)
    assert any("shuffled" in sentence for sentence in measure(problem, Settings()).assumptions)
