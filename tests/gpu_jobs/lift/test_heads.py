"""Batched heads against scikit-learn's, fitted one at a time."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from gpu_jobs.lift import heads
from gpu_jobs.lift.coalitions import balanced
from gpu_jobs.lift.features import principal


def _targets(member, label, classes):
    found = np.zeros((len(member), classes, len(label)), dtype=np.float32)
    for code in range(classes):
        found[:, code] = member * (label == code)
    return found


def _data(classes, rows=300, width=12, seed=1):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((rows, width)) @ np.diag(0.7 ** np.arange(width))
    label = (features[:, :classes] + 0.4 * rng.standard_normal((rows, classes))).argmax(axis=1)
    return features, label, rng


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("l2", [0.1, 1.0, 10.0])
def test_chances_are_those_of_single_fits(classes, l2):
    features, label, rng = _data(classes)
    axes = principal(features, features)
    member = rng.random((12, len(label))) < np.linspace(0.2, 1, 12)[:, None]
    found = heads.train(
        axes.train, _targets(member, label, classes), variance=axes.variance, l2=l2, tolerance=1e-6
    )
    assert found.converged.all()
    chances = heads.probabilities(found.weights, axes.test)
    for code, who in enumerate(member):
        single = LogisticRegression(C=1 / l2, tol=1e-9, max_iter=5000).fit(
            features[who], label[who]
        )
        assert np.abs(chances[code].T - single.predict_proba(features)).max() < 2e-3


def test_weights_count_like_repeated_rows():
    features, label, rng = _data(2)
    axes = principal(features, features)
    times = rng.integers(0, 4, size=len(label))
    found = heads.train(
        axes.train,
        _targets(times[None].astype(np.float32), label, 2),
        variance=axes.variance,
        tolerance=1e-6,
    )
    single = LogisticRegression(tol=1e-9, max_iter=5000).fit(features, label, sample_weight=times)
    chances = heads.probabilities(found.weights, axes.test)[0]
    assert np.abs(chances.T - single.predict_proba(features)).max() < 1e-3


def test_neither_start_nor_blocks_nor_company_change_the_solution():
    features, label, rng = _data(2)
    axes = principal(features, features)
    member = np.sort(rng.random((6, len(label))) < 0.5, axis=1)
    targets = _targets(member, label, 2)
    plain = heads.train(axes.train, targets, variance=axes.variance, tolerance=1e-6)
    start = rng.standard_normal(plain.weights.shape[1:]).astype(np.float32)
    other = heads.train(
        axes.train,
        targets,
        variance=axes.variance,
        start=start,
        blocks=[0, 200],
        tolerance=1e-6,
    )
    alone = heads.train(axes.train, targets[2:3], variance=axes.variance, tolerance=1e-6)
    assert np.abs(plain.weights - other.weights).max() < 1e-3
    assert np.abs(plain.weights[2] - alone.weights[0]).max() < 1e-3


def test_nothing_learned_gives_every_class_the_same_chance():
    features, label, _ = _data(3)
    axes = principal(features, features)
    found = heads.train(
        axes.train, np.zeros((1, 3, len(label)), dtype=np.float32), variance=axes.variance
    )
    assert found.converged.all()
    assert heads.probabilities(found.weights, axes.test) == pytest.approx(1 / 3)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_coalition_of_one_class_predicts_it(classes):
    features, label, _ = _data(classes)
    axes = principal(features, features)
    member = (label == 1)[None]
    found = heads.train(
        axes.train, _targets(member, label, classes), variance=axes.variance, tolerance=1e-4
    )
    assert found.converged.all() and np.isfinite(found.weights).all()
    assert heads.probabilities(found.weights, axes.test)[0, 1].min() > 0.9


def test_too_few_steps_are_said():
    features, label, _ = _data(2)
    axes = principal(features, features)
    targets = _targets(np.ones((1, len(label))), label, 2)
    found = heads.train(axes.train, targets, variance=axes.variance, max_steps=1, tolerance=1e-9)
    assert not found.converged.any()


def test_wide_features_are_cut_to_the_axes_that_hold_most():
    rng = np.random.default_rng(3)
    strong = rng.standard_normal((200, 5)) @ rng.standard_normal((5, 80))
    axes = principal(strong + 1e-3 * rng.standard_normal((200, 80)), strong, dims=5, rows=100)
    assert axes.train.shape == (200, 5)
    assert 0.999 < axes.kept < 1
    products = (strong - strong.mean(axis=0)) @ (strong - strong.mean(axis=0)).T
    assert axes.train @ axes.train.T == pytest.approx(products, abs=0.05 * np.abs(products).max())


@pytest.mark.parametrize("wide", [900, 40])
def test_wide_features_of_few_rows_lose_nothing(wide):
    rng = np.random.default_rng(4)
    train, test = rng.standard_normal((60, wide)), rng.standard_normal((30, wide))
    label = (train[:, 0] > 0).astype(np.int64)
    axes = principal(sparse.csr_array(train), sparse.csr_array(test), dims=20)
    assert axes.kept == 1 and axes.train.shape[1] <= 60
    targets = _targets(np.ones((1, 60)), label, 2)
    found = heads.train(axes.train, targets, variance=axes.variance, tolerance=1e-6)
    single = LogisticRegression(tol=1e-9, max_iter=5000).fit(train, label)
    chances = heads.probabilities(found.weights, axes.test)[0]
    assert np.abs(chances.T - single.predict_proba(test)).max() < 1e-3


def test_constant_features_leave_no_axis():
    axes = principal(np.ones((5, 3)), np.ones((2, 3)))
    assert axes.train.shape == (5, 0) and axes.test.shape == (2, 0)


def test_balanced_classes_are_those_of_scikit_learn():
    features, label, rng = _data(3)
    label = np.where((label == 2) & (rng.random(len(label)) < 0.7), 0, label)
    axes = principal(features, features)
    targets = balanced(_targets(np.ones((1, len(label))), label, 3))
    assert targets.sum(axis=2) == pytest.approx(len(label) / 3)
    found = heads.train(axes.train, targets, variance=axes.variance, tolerance=1e-6)
    single = LogisticRegression(tol=1e-9, max_iter=5000, class_weight="balanced")
    chances = heads.probabilities(found.weights, axes.test)[0]
    assert np.abs(chances.T - single.fit(features, label).predict_proba(features)).max() < 1e-3
    nobody = balanced(np.zeros((2, 3, 5), dtype=np.float32))
    assert (nobody == 0).all()
