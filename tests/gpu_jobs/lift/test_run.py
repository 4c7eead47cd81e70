"""Chunks, checkpoints, budget, convergence and intervals."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench import lift_calibration as calibration
from gpu_jobs.contracts import InputError
from gpu_jobs.lift.methods import METHODS, Settings, chosen
from gpu_jobs.lift.results import Estimate, interval, lifts
from gpu_jobs.lift.run import _halves, compute_chunk, measure

WRONG = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.0, 0.1, 0.2, 0.5]


class _Stop(Exception):
    pass


def _without_time(result):
    return replace(
        result,
        seconds=0.0,
        groups=tuple(replace(one, seconds=0.0) for one in result.groups),
    )


def _chunks(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("chunk-*.npz"))}


@pytest.mark.parametrize("method", ["shapley", "with-without", "loo", "knn"])
def test_a_run_stopped_after_each_chunk_ends_in_the_same_bytes(problem_of, tmp_path, method):
    problem = problem_of(WRONG, per_group=8, test=600 if method == "knn" else 100)
    wanted = Settings(method=method, seeds=4, rounds=4, base=30, take=8)
    whole = measure(problem, wanted, workdir=tmp_path / "whole")

    def stop(_done, _total, _message):
        raise _Stop

    broken = tmp_path / "broken"
    for _ in range(whole.convergence["chunks"]):
        # Each time one more chunk is there, as what is there is only read.
        before = len(_chunks(broken)) if broken.exists() else 0

        def after(done, total, message, before=before):
            if done > before:
                stop(done, total, message)

        with pytest.raises(_Stop):
            measure(problem, wanted, workdir=broken, report=after)
    again = measure(problem, wanted, workdir=broken)
    assert _chunks(broken) == _chunks(tmp_path / "whole")
    assert _without_time(again) == _without_time(whole)


def test_workers_in_any_order_make_the_chunks_of_one(problem_of):
    problem = problem_of(WRONG, per_group=8, test=100)
    wanted = Settings(seeds=2, chance=2)
    forwards = [compute_chunk(problem, wanted, number).values for number in range(5)]
    backwards = [compute_chunk(problem, wanted, number).values for number in (4, 3, 2, 1, 0)]
    pairs = zip(forwards, backwards[::-1], strict=True)
    assert all((one == other).all() for one, other in pairs)
    assert (forwards[0] != forwards[3]).any() and (forwards[1] != forwards[2]).any()


def test_threads_change_nothing(problem_of):
    problem = problem_of([0.0, 0.3, 0.5, 0.9, 0.2, 0.1, 0.7, 0.0])
    one, two = (measure(problem, Settings(), threads=threads) for threads in (1, 2))
    assert _without_time(one) == _without_time(two)


def test_a_workdir_belongs_to_one_run(problem_of, tmp_path):
    problem = problem_of([0.0, 0.5])
    measure(problem, Settings(), workdir=tmp_path)
    with pytest.raises(InputError, match="holds the chunks of another run"):
        measure(problem, Settings(seed=1), workdir=tmp_path)


def test_a_budget_ends_the_run_with_what_is_there(problem_of):
    problem = problem_of(WRONG, per_group=8, test=100)
    ticks = itertools.count()
    wanted = Settings(method="with-without", seeds=50, base=30, take=8, chance=0)
    short = measure(problem, wanted, budget=3.5, clock=lambda: float(next(ticks)))
    assert short.convergence["stopped"] == "budget"
    assert short.convergence["chunks"] == 4
    assert all(one.low < one.value < one.high for one in short.groups)
    whole = measure(problem, wanted)
    assert whole.convergence["stopped"] == "complete"

    def width(result):
        return np.median([one.high - one.low for one in result.groups])

    assert width(short) > width(whole)


def test_groups_that_the_budget_did_not_reach_have_no_value(problem_of):
    problem = problem_of([0.2] * 140, per_group=2, test=60)
    ticks = itertools.count()
    found = measure(problem, Settings(method="loo"), budget=0.5, clock=lambda: float(next(ticks)))
    reached = [one for one in found.groups if one.value is not None]
    assert len(reached) == 128 and len(found.groups) == 140
    assert "ended before every group" in found.convergence["advice"]
    assert found.groups[-1].low is None and found.groups[-1].significant is None


def test_one_replicate_gives_no_interval(problem_of):
    found = measure(problem_of([0.0, 0.9]), Settings(method="with-without", seeds=1))
    assert {one.low for one in found.groups} == {None}
    assert {one.significant for one in found.groups} == {None}


def test_sampling_ends_when_the_test_set_is_the_larger_error(problem_of):
    problem = problem_of(WRONG, per_group=8, test=60)
    found = measure(problem, Settings())
    assert found.convergence["stopped"] == "converged"
    assert found.convergence["chunks"] < found.convergence["chunks_at_most"]
    assert found.convergence["models_not_converged"] == 0
    assert chosen(problem, Settings()) == "shapley"


def test_wrong_budget(problem_of):
    with pytest.raises(InputError, match="budget must be above 0"):
        measure(problem_of([0.0, 0.5]), Settings(), budget=0)


def test_intervals_of_draws_alone_are_students():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((6, 3))
    estimate = Estimate(values.mean(0), values.var(0, ddof=1) / 6, np.zeros(3), 6)
    _, half = interval(estimate, 200)
    wanted = stats.t.interval(0.95, 5, values.mean(0), values.std(0, ddof=1) / np.sqrt(6))
    assert estimate.value + half == pytest.approx(wanted[1])


def test_intervals_cover_what_they_should():
    """True value 0, six draws with spread 1, a test error of .3: 95% of them hold it."""
    rng = np.random.default_rng(1)
    runs = 4000
    draws = rng.standard_normal((runs, 6)) + 0.3 * rng.standard_normal((runs, 1))
    estimate = Estimate(
        draws.mean(1), draws.var(1, ddof=1) / 6, np.full(runs, 0.3**2), replicates=6
    )
    _, half = interval(estimate, 200)
    covered = (np.abs(estimate.value) < half).mean()
    assert 0.94 < covered < 0.965


def test_signs_follow_the_interval():
    estimate = Estimate(
        np.array([1.0, -1.0, 0.1, 0.0]), np.zeros(4), np.array([0.01, 0.01, 0.01, 0.0]), 0
    )
    found = lifts(("a", "b", "c", "d"), np.ones(4, int), estimate, resamples=200, seconds=4.0)
    assert {one.name: one.significant for one in found} == {
        "a": "positive",
        "b": "negative",
        "c": None,
        "d": None,
    }
    assert [one.name for one in found] == ["a", "c", "d", "b"]
    assert all(one.seconds == 1.0 for one in found)


def test_every_method_says_what_it_assumes(problem_of):
    problem = problem_of([0.0, 0.5])
    for method in METHODS:
        said = measure(problem, Settings(method=method)).assumptions
        assert len(said) >= 3 and all(sentence.endswith(".") for sentence in said)


def test_halves_agree_by_spearman():
    rng = np.random.default_rng(4)
    arrays = [rng.integers(0, 4, size=(9, 3)).astype(float) for _ in range(4)]
    even = (arrays[0][:, 0] + arrays[2][:, 0]) / 2
    odd = (arrays[1][:, 0] + arrays[3][:, 0]) / 2
    assert _halves(arrays) == pytest.approx(stats.spearmanr(even, odd).statistic)
    assert _halves(arrays[:1]) is None
    assert _halves([np.zeros((5, 2))] * 2) is None


def test_a_budget_that_ends_soon_still_gives_values(problem_of):
    problem = problem_of(WRONG, per_group=8, test=100)
    ticks = itertools.count()
    short = measure(problem, Settings(), budget=0.5, clock=lambda: float(next(ticks)))
    assert (short.convergence["stopped"], short.convergence["chunks"]) == ("budget", 1)
    assert all(one.value is not None and one.significant is None for one in short.groups)


def test_noise_is_seldom_paid_and_a_real_gain_is():
    shapley = {"shapley": Settings(method="shapley", chance=8)}
    found = {rate.who: rate for rate in calibration.rates(calibration.LARGE, 8, shapley)}
    assert found[calibration.NOISE].paid == 0
    assert found["20% turned"].paid >= 6
