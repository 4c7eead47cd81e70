"""What an answer is expected to teach, and when enough is enough."""

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from bench import simulated
from gpu_jobs.calibration import expected_calibration_error, fit_temperature, tempered
from gpu_jobs.contracts import InputError
from gpu_jobs.planning.information import entropy, expected_information, next_items
from gpu_jobs.planning.overlap import CAUTION, Rule, replay, stopped, temperature_for


def test_information_is_the_mutual_information_of_truth_and_answer():
    draw = np.random.default_rng(1)
    posterior = draw.dirichlet(np.ones(4), 30)
    error = draw.dirichlet(np.ones(4), 4)
    joint = posterior[:, :, None] * error[None]
    plain = (
        scipy_entropy(posterior, base=2, axis=1)
        + scipy_entropy(joint.sum(axis=1), base=2, axis=1)
        - scipy_entropy(joint.reshape(30, 16), base=2, axis=1)
    )
    assert expected_information(posterior, error) == pytest.approx(plain)


def test_an_oracle_teaches_all_and_a_spammer_nothing():
    posterior = np.array([[0.5, 0.5], [0.9, 0.1], [1, 0]])
    assert expected_information(posterior, np.eye(2)) == pytest.approx(entropy(posterior))
    assert expected_information(posterior, np.full((2, 2), 0.5)) == pytest.approx(0, abs=1e-12)


def test_next_items_are_the_most_bits_per_cent():
    posterior = np.array([[0.5, 0.5], [0.99, 0.01], [0.5, 0.5], [0.6, 0.4], [0.5, 0.5]])
    error = np.array([[0.9, 0.1], [0.1, 0.9]])
    found = next_items(
        posterior,
        error,
        np.array([10.0, 10, 40, 10, 10]),
        open_items=np.array([True, True, True, True, False]),
        answers=np.zeros(5),
    )
    assert found.item.tolist() == [0, 3, 2, 1]
    assert found.gain[0] == pytest.approx(1 - entropy(np.array([0.9, 0.1])))
    equal = next_items(
        posterior[[0, 0]], error, np.ones(2), open_items=np.ones(2, bool), answers=np.array([3, 1])
    )
    assert equal.item.tolist() == [1, 0]
    with pytest.raises(InputError):
        next_items(posterior, error, np.zeros(5), open_items=np.ones(5, bool), answers=np.zeros(5))


def test_the_stop_rule():
    posterior = np.array([[0.96, 0.04], [0.96, 0.04], [0.9, 0.1], [0.9, 0.1]])
    rule = Rule(error=0.05, least=2, most=5)
    assert stopped(posterior, np.array([1, 2, 4, 5]), rule).tolist() == [False, True, False, True]
    with pytest.raises(InputError):
        Rule(error=0)


def test_a_replay_saves_answers_and_keeps_its_stated_error():
    made = simulated.crowd(np.random.default_rng(6), gold=True)
    found = replay(made.answers, Rule(error=0.05), np.random.default_rng(2))
    wrong = made.truth != found.label
    assert found.used.mean() < 6
    assert found.sure.mean() > 0.8
    assert wrong[found.sure].mean() < 0.05
    assert found.stated < 0.05
    again = replay(made.answers, Rule(error=0.05), np.random.default_rng(2))
    assert np.array_equal(found.used, again.used)


def test_temperature_comes_from_gold_where_there_is_enough():
    draw = np.random.default_rng(3)
    true = tempered(draw.dirichlet(np.ones(3), 4_000), 1.0)
    truth = np.array([draw.choice(3, p=row) for row in true])
    too_sure = tempered(true, 0.5)
    found = temperature_for(too_sure, truth, np.ones(4_000))
    assert found == pytest.approx(2, abs=0.15)
    assert temperature_for(too_sure[:20], truth[:20], np.ones(20)) == CAUTION


def test_calibration_error_by_hand():
    """Two bins: four of 0.95 of which three are right, two of 0.55 of which one is right."""
    p = np.array([[0.95, 0.05]] * 4 + [[0.55, 0.45]] * 2)
    truth = np.array([0, 0, 0, 1, 0, 1])
    assert expected_calibration_error(p, truth) == pytest.approx((4 * 0.2 + 2 * 0.05) / 6)
    assert expected_calibration_error(np.empty((0, 2)), np.empty(0, dtype=int)) is None


def test_temperature_keeps_labels_and_is_one_without_data():
    p = np.random.default_rng(1).dirichlet(np.ones(5), 50)
    assert np.array_equal(tempered(p, 3).argmax(axis=1), p.argmax(axis=1))
    assert tempered(p, 3).sum(axis=1) == pytest.approx(1)
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=int)) == 1


def test_a_truth_that_is_itself_a_probability_asks_for_no_more_than_it():
    sure = np.array([[0.99, 0.01], [0.01, 0.99]] * 20)
    soft = np.array([[0.8, 0.2], [0.2, 0.8]] * 20)
    calm = tempered(sure, fit_temperature(sure, soft))
    assert calm == pytest.approx(soft, abs=1e-3)
    assert expected_calibration_error(sure, soft) == pytest.approx(0.19)
    assert expected_calibration_error(calm, soft) == pytest.approx(0, abs=1e-3)
