import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_jobs.anomalies.seconds import LEAST_SPREAD, time_anomalies


def _plain(item, seconds):
    """The formula, one submission after the other."""
    x = np.log(np.maximum(seconds, 1))
    away, spread, own = (np.full(len(x), np.nan) for _ in range(3))
    for i in np.flatnonzero(~np.isnan(seconds)):
        timed = ~np.isnan(seconds) & (np.arange(len(x)) != i)
        same = timed & (item == item[i])
        own[i] = same.sum() >= 4
        others = x[same] if own[i] else x[timed]
        if len(others) >= 4:
            median = np.median(others)
            away[i] = x[i] - median
            spread[i] = 1.4826 * np.median(np.abs(others - median))
    near = np.abs(away[own == 1])
    typical = np.where(own == 1, 1.4826 * np.median(near) if len(near) else 0, 0)
    return away / np.maximum(np.maximum(spread, typical), LEAST_SPREAD)


times = st.one_of(st.just(float("nan")), st.integers(0, 90).map(float))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), times), min_size=1, max_size=40))
def test_parity_with_the_formula(rows):
    item = np.array([row[0] for row in rows])
    seconds = np.array([row[1] for row in rows])
    found = time_anomalies(item, seconds).z
    assert found == pytest.approx(_plain(item, seconds), abs=1e-9, nan_ok=True)


def test_fast_and_slow_are_told_apart():
    seconds = np.array([30, 35, 28, 33, 31, 29, 2, 900], dtype=float)
    found = time_anomalies(np.zeros(8, dtype=int), seconds)
    assert np.flatnonzero(found.fast).tolist() == [6]
    assert np.flatnonzero(found.slow).tolist() == [7]


def test_equal_times_are_never_flagged():
    found = time_anomalies(np.repeat(np.arange(50), 10), np.full(500, 30.0))
    assert not found.fast.any()
    assert not found.slow.any()
    assert np.all(found.z == 0)


def test_a_hair_beside_equal_times_is_not_flagged():
    seconds = np.array([30.0] * 9 + [33.0])
    assert not time_anomalies(np.zeros(10, dtype=int), seconds).slow.any()


def test_an_item_with_few_times_is_measured_against_the_project():
    item = np.array([0] * 20 + [1] * 2)
    seconds = np.array([30.0 + n for n in range(20)] + [35.0, 1.0])
    found = time_anomalies(item, seconds)
    assert found.by_project.tolist() == [False] * 20 + [True, True]
    assert np.flatnonzero(found.fast).tolist() == [21]


@pytest.mark.parametrize("seconds", [[], [float("nan")] * 9, [1.0, 99.0, 5.0]])
def test_too_few_times_flag_nothing(seconds):
    found = time_anomalies(np.zeros(len(seconds), dtype=int), np.array(seconds))
    assert not found.fast.any()
    assert np.isnan(found.z).all()


def test_an_item_that_37_000_answered_is_quick():
    seconds = np.random.default_rng(1).lognormal(3, 0.4, 37_000)
    seconds[5] = 1.0
    found = time_anomalies(np.zeros(37_000, dtype=int), seconds)
    assert found.fast[5]
    assert found.fast.mean() < 0.005


@pytest.mark.parametrize("each", [5, 10, 40])
def test_ordinary_times_are_seldom_flagged(each):
    item = np.repeat(np.arange(40_000 // each), each)
    seconds = np.random.default_rng(3).lognormal(3.4, 0.5, len(item))
    found = time_anomalies(item, seconds)
    assert (found.fast | found.slow).mean() < 0.002


def test_an_item_that_simply_takes_longer_is_not_slow():
    draw = np.random.default_rng(4)
    item = np.repeat(np.arange(50), 10)
    seconds = draw.lognormal(3, 0.2, 500) * np.where(item == 7, 20, 1)
    found = time_anomalies(item, seconds)
    assert not found.slow[item == 7].any()
