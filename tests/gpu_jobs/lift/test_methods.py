"""Each method against brute force."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from sklearn.linear_model import LogisticRegression

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.knn import knn_shapley
from gpu_jobs.lift.methods import METHODS, Settings, exact_shapley
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure


def _by_orders(value, size):
    """Shapley by its definition: the mean over all orders."""
    gains = np.zeros(size)
    orders = list(permutations(range(size)))
    for order in orders:
        for place, who in enumerate(order):
            before = frozenset(order[:place])
            gains[who] += value[before | {who}] - value[before]
    return gains / len(orders)


def _fitted_alone(problem):
    """The worth of every coalition, from scikit-learn's fits, one at a time."""
    size = len(problem.groups)
    axes = problem.axes
    found = {}
    for count in range(size + 1):
        for who in combinations(range(size), count):
            rows = np.isin(problem.group, who)
            if not rows.any():
                found[frozenset(who)] = 1 / len(problem.classes)
                continue
            model = LogisticRegression(C=1 / problem.l2, tol=1e-8, max_iter=5000)
            model.fit(axes.train[problem.feature[rows]], problem.label[rows])
            found[frozenset(who)] = model.score(axes.test, problem.test_label)
    return found


@pytest.mark.parametrize("classes", [2, 3])
def test_exact_shapley_is_that_of_models_fitted_one_at_a_time(problem_of, classes):
    problem = problem_of([0.0, 0.1, 0.5, 0.9], classes=classes)
    wanted = _by_orders(_fitted_alone(problem), 4)
    found = {one.name: one.value for one in measure(problem, Settings()).groups}
    # A test row whose chances are equal to the fourth place may fall either way.
    assert [found[name] for name in problem.groups] == pytest.approx(wanted, abs=1.5 / 200)


@given(values=strategies.lists(strategies.floats(-5, 5, allow_nan=False), min_size=16, max_size=16))
@settings(max_examples=50, deadline=None)
def test_exact_shapley_from_any_values(values):
    table = np.array(values)[:, None]
    by_set = {frozenset(g for g in range(4) if code >> g & 1): values[code] for code in range(16)}
    found = exact_shapley(table, 4)[:, 0]
    assert found == pytest.approx(_by_orders(by_set, 4), abs=1e-9)
    assert found.sum() == pytest.approx(values[15] - values[0], abs=1e-9)


def test_sampled_shapley_comes_to_the_exact_one(problem_of):
    problem = problem_of([0.0, 0.1, 0.2, 0.5, 0.9, 0.0])
    exact = {one.name: one.value for one in measure(problem, Settings()).groups}
    utility = Utility(problem)
    wanted = Settings(truncation=0)
    chunks = [METHODS["shapley"].compute(utility, wanted, number) for number in range(60)]
    estimate = METHODS["shapley"].combine(problem, chunks)
    error = np.sqrt(estimate.drawn)
    true = np.array([exact[name] for name in problem.groups])
    assert (np.abs(estimate.value - true) < 4 * error + 1e-9).all()
    ends = utility.of_groups(np.array([[False] * 6, [True] * 6]))[:, 0]
    assert estimate.value.sum() == pytest.approx(ends[1] - ends[0])


def test_truncation_keeps_the_sum_and_saves_models(problem_of):
    problem = problem_of([0.1] * 150, per_group=4, width=2)
    whole, cut = Utility(problem), Utility(problem)
    one = METHODS["shapley"].compute(whole, Settings(truncation=0), 0)
    two = METHODS["shapley"].compute(cut, Settings(truncation=2.0), 0)
    assert cut.trained < whole.trained
    assert two[:, 0].sum() == pytest.approx(one[:, 0].sum())


def test_leave_one_out_is_the_loss_of_each(problem_of):
    problem = problem_of([0.0, 0.3, 0.9])
    value = _fitted_alone(problem)
    everybody = frozenset(range(3))
    found = {one.name: one.value for one in measure(problem, Settings(method="loo")).groups}
    wanted = [value[everybody] - value[everybody - {code}] for code in range(3)]
    assert [found[name] for name in problem.groups] == pytest.approx(wanted, abs=1.5 / 200)


def test_with_without_tells_spoiled_rows_from_good_ones_and_nothing_from_nothing(problem_of):
    problem = problem_of([0.0, 0.0, 0.0, 0.0, 0.0, 1.0], per_group=40, test=500)
    found = measure(problem, Settings(method="with-without", base=60, take=40, seeds=8))
    worst = found.groups[-1]
    assert worst.name == "g5" and worst.significant == "negative"
    (control,) = found.controls
    assert control.low < 0 < control.high


def test_knn_shapley_is_the_shapley_value_of_the_vote():
    rng = np.random.default_rng(8)
    for rows, neighbours in ((6, 2), (5, 1), (4, 7)):
        train = rng.standard_normal((rows, 2)).astype(np.float32)
        label, group = rng.integers(0, 2, rows), np.arange(rows)
        test = rng.standard_normal((3, 2)).astype(np.float32)
        right = rng.integers(0, 2, 3)
        found = knn_shapley(train, label, group, test, right, groups=rows, neighbours=neighbours)
        for at in range(3):
            order = np.argsort(((train - test[at]) ** 2).sum(axis=1)).tolist()
            value = {
                frozenset(who): sum(
                    label[row] == right[at] for row in [r for r in order if r in who][:neighbours]
                )
                / neighbours
                for count in range(rows + 1)
                for who in combinations(range(rows), count)
            }
            assert found[at] == pytest.approx(_by_orders(value, rows), abs=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_influence_is_the_slope_of_the_loss_in_the_groups_weight(problem_of, classes):
    problem = problem_of([0.0, 0.2, 0.9], classes=classes, metric="log-loss")
    found = {one.name: one.value for one in measure(problem, Settings(method="influence")).groups}
    step = 0.05
    for code, name in enumerate(problem.groups):
        weights = np.ones((2, 3))
        weights[:, code] = [1 + step, 1 - step]
        high, low = Utility(problem).of_groups(weights)[:, 0]
        assert found[name] == pytest.approx((high - low) / (2 * step), rel=0.03, abs=2e-4)


def test_influence_refuses_a_hessian_that_is_too_large(problem_of, monkeypatch):
    monkeypatch.setattr("gpu_jobs.lift.influence._MOST", 3)
    with pytest.raises(InputError, match="Hessian of 6 columns"):
        measure(problem_of([0.0, 0.5]), Settings(method="influence"))


@pytest.mark.parametrize("method", ["knn", "influence", "loo", "shapley"])
def test_every_method_puts_the_spoiled_group_last(problem_of, method):
    problem = problem_of([0.0, 0.1, 0.1, 1.0], test=400)
    found = measure(problem, Settings(method=method))
    assert found.groups[-1].name == "g3"
    assert found.groups[-1].significant == "negative"


@pytest.mark.parametrize("method", METHODS)
def test_one_group(problem_of, method):
    problem = problem_of([0.1])
    if method == "with-without":
        with pytest.raises(InputError, match="only one group"):
            measure(problem, Settings(method=method))
        return
    (only,) = measure(problem, Settings(method=method)).groups
    assert np.isfinite(only.value) and only.rows == 30


def test_equal_groups_get_equal_values(drawn):
    train, test = drawn([0.1, 0.4])
    twice = Rows(
        inputs=[*train.inputs, *train.inputs],
        label=[*train.label, *train.label],
        group=[*train.group, *(f"{name}-again" for name in train.group)],
    )
    problem = build(twice, test, recipe=RECIPES["tabular"], metric="log-loss", resamples=20)
    found = {one.name: one.value for one in measure(problem, Settings()).groups}
    assert found["g0"] == pytest.approx(found["g0-again"], abs=1e-5)
    assert found["g1"] == pytest.approx(found["g1-again"], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "magic"}, "method must be one of"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"seed": -1}, "must not be below zero"),
        ({"truncation": float("nan")}, "must not be below zero"),
    ],
)
def test_wrong_settings(options, said):
    with pytest.raises(InputError, match=said):
        Settings(**options)


def test_exact_shapley_of_too_many_groups(problem_of):
    with pytest.raises(InputError, match="at most 16 groups"):
        measure(problem_of([0.1] * 17, per_group=3), Settings(method="shapley-exact"))


def test_the_batch_is_no_part_of_the_result(problem_of, monkeypatch):
    problem = problem_of([0.0, 0.2, 0.4, 0.6, 0.9], metric="log-loss")
    one = measure(problem, Settings()).groups
    monkeypatch.setattr("gpu_jobs.lift.coalitions._MOST", 8)
    two = measure(problem, Settings()).groups
    assert [a.name for a in one] == [b.name for b in two]
    assert [a.value for a in one] == pytest.approx([b.value for b in two], abs=1e-4)


def test_drawn_rows_widen_the_interval_and_keep_the_value(problem_of):
    problem = problem_of([0.0, 0.1, 0.3, 0.5], per_group=40)
    options = {"method": "with-without", "seeds": 8, "base": 40, "take": 40}
    given_, drawn = (
        {one.name: one for one in measure(problem, Settings(**options, rows=rows)).groups}
        for rows in ("given", "drawn")
    )
    for name, one in given_.items():
        assert drawn[name].value == pytest.approx(one.value, abs=1e-6)
        assert drawn[name].standard_error > one.standard_error
