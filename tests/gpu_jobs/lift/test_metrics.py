"""Metrics against scikit-learn's, resample by resample."""

import numpy as np
import pytest
from sklearn import metrics as sk

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.metrics import METRICS, TOKEN_LOSS, draws, metric_of, of_rows


@pytest.fixture
def made():
    rng = np.random.default_rng(5)
    chances = rng.dirichlet(np.ones(3), size=(4, 60)).transpose(0, 2, 1).astype(np.float32)
    return chances, rng.integers(0, 3, 60), draws(60, 25, seed=2)


def _by_hand(name, chance, label):
    best = chance.argmax(axis=0)
    if name == "accuracy":
        return sk.accuracy_score(label, best)
    if name == "f1":
        return sk.f1_score(label == 2, best == 2, zero_division=0)
    if name == "macro-f1":
        return sk.f1_score(label, best, average="macro", labels=[0, 1, 2], zero_division=0)
    if name == "log-loss":
        return -sk.log_loss(label, chance.T, labels=[0, 1, 2])
    if name == "brier":
        return -np.mean(((chance.T - np.eye(3)[label]) ** 2).sum(axis=1))
    sure, gap = chance.max(axis=0), 0.0
    for code in range(10):
        here = (sure >= code / 10) & (sure < (code + 1) / 10)
        if here.any():
            gap += here.mean() * abs((best == label)[here].mean() - sure[here].mean())
    return -gap


# Spans are counted by document: test_spans. What is written has no chances of classes: below.
@pytest.mark.parametrize("name", [name for name in METRICS if name not in ("span-f1", TOKEN_LOSS)])
def test_each_metric_on_the_test_set_and_on_each_resample(made, name):
    chances, label, resamples = made
    found = metric_of(name)(chances, label, resamples, 2)
    assert found.shape == (4, 26)
    for draw, times in enumerate(resamples.astype(int)):
        rows = np.repeat(np.arange(60), times)
        for model in range(4):
            chance = chances[model][:, rows].astype(np.float64)
            wanted = _by_hand(name, chance / chance.sum(axis=0), label[rows])
            assert found[model, draw] == pytest.approx(wanted, abs=2e-6)


def test_a_guess_counts_as_a_guess():
    chances = np.full((1, 4, 8), 0.25, dtype=np.float32)
    label = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    assert metric_of("accuracy")(chances, label, draws(8, 20, 0), 0)[0, 0] == pytest.approx(0.25)


def test_f1_without_a_positive_anywhere_is_zero():
    chances = np.zeros((1, 2, 5), dtype=np.float32)
    chances[:, 0] = 1
    found = metric_of("f1")(chances, np.zeros(5, dtype=np.int64), draws(5, 20, 0), 1)
    assert (found == 0).all()


def test_resamples_have_as_many_rows_as_the_set():
    found = draws(37, 30, seed=4)
    assert (found[0] == 1).all() and (found.sum(axis=1) == 37).all()
    assert (draws(37, 30, seed=4) == found).all() and (draws(37, 30, seed=5) != found).any()


def test_unknown_metric():
    with pytest.raises(InputError, match="metric must be one of"):
        metric_of("auc")


def test_the_loss_of_tokens_is_over_tokens_and_resamples_are_of_rows():
    # Three answers of 2, 1 and 5 tokens, by two models.
    written = np.array([[[4, 1, 5], [2, 1, 5]], [[2, 3, 10], [2, 1, 5]]], dtype=np.float32)
    resamples = np.array([[1, 1, 1], [0, 3, 0], [2, 0, 1]], dtype=np.float32)
    found = metric_of(TOKEN_LOSS)(written, np.zeros(3, dtype=int), resamples, 0)
    assert found == pytest.approx(np.array([[-10 / 8, -1, -13 / 9], [-15 / 8, -3, -14 / 9]]))
    each = of_rows(written, np.zeros(3, dtype=int), writes=True)
    assert each == pytest.approx(np.exp([[-2, -1, -1], [-1, -3, -2]]))


def test_the_chance_of_a_row_is_that_of_its_right_answer(made):
    chances, label, _ = made
    found = of_rows(chances, label, writes=False)
    assert found.shape == (4, 60)
    assert found[2, 7] == pytest.approx(float(chances[2, label[7], 7]))
