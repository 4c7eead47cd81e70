"""How far it is to the bar: checked against the quantile itself, one answer at a time."""

import numpy as np
import pytest
from scipy.special import betaincinv

from gpu_jobs.contracts import InputError
from gpu_jobs.gold.bar import more_right


def lower(correct, gold):
    return betaincinv(0.5 + correct, 0.5 + gold - correct, 0.10)


@pytest.mark.parametrize("bar", [0.5, 0.8, 0.95])
def test_it_is_the_first_number_that_reaches_the_bar(bar):
    gold = np.repeat(np.arange(0, 31), 4)
    correct = np.maximum(gold - np.tile([0, 1, 2, 5], 31), 0)
    found = more_right(correct, gold, bar=bar, minimum=8, most=300)
    for right, known, extra in zip(correct, gold, found, strict=True):
        wanted = next(
            (
                m
                for m in range(301)
                if known + m >= 8 and lower(right + m, known + m) >= bar - 1e-12
            ),
            -1,
        )
        assert extra == wanted


def test_a_bar_too_far_away_is_said():
    assert more_right(np.array([0]), np.array([500]), bar=0.9, minimum=8, most=100).tolist() == [-1]


def test_a_bar_of_everything_is_never_reached():
    right = np.array([0, 10, 500])
    assert more_right(right, right, bar=1.0, minimum=0).tolist() == [-1, -1, -1]
    assert more_right(right, right, bar=0.0, minimum=8).tolist() == [8, 0, 0]


def test_nobody_is_an_empty_answer():
    none = np.empty(0, dtype=np.int64)
    assert more_right(none, none, bar=0.8, minimum=8).tolist() == []


@pytest.mark.parametrize("bar", [-0.1, 1.01, float("nan")])
def test_a_bar_that_is_no_share_is_refused(bar):
    with pytest.raises(InputError, match="bar"):
        more_right(np.array([1]), np.array([1]), bar=bar, minimum=8)
