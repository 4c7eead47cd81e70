"""What an answer is expected to teach, and when enough is enough."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import entropy as scipy_entropy

from bench import simulated
from gpu_jobs.calibration import expected_calibration_error, fit_temperature, tempered
from gpu_jobs.contracts import InputError
from gpu_jobs.online.standing import standing
from gpu_jobs.planning.information import entropy, expected_information, next_items
from gpu_jobs.planning.overlap import CAUTION, Rule, replay, statement, stopped, temperature_for


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


def _believers(items):
    """On a third of the items eight of ten people share one wrong belief and hold it firmly."""
    draw = np.random.default_rng(9)
    truth = draw.integers(0, 2, items)
    fooled = np.arange(items) % 3 == 0
    rows = []
    for i in range(items):
        for w in range(10):
            right = draw.random() < (0.1 if fooled[i] and w < 8 else 0.9)
            said = truth[i] if right else 1 - truth[i]
            rows.append((f"i{i:03}", f"w{w}", str(said), str(truth[i])))
    return rows


def test_a_shared_error_is_in_what_gold_says_and_in_nothing_else(crowd):
    answers = crowd(_believers(300))
    rule, draw = Rule(error=0.05), np.random.default_rng(1)
    blind = replay(answers, rule, np.random.default_rng(4))
    wrong = (blind.label != answers.gold)[blind.sure].mean()
    assert wrong > 0.25
    assert blind.stated < 0.05
    assert (blind.statement.basis, blind.statement.kept) == ("people", None)
    assert blind.statement.low is None
    assert "as far as people disagree" in blind.statement.sentence()
    posterior = tempered(standing(answers).posterior, CAUTION)
    sure = stopped(posterior, np.full(300, 5), rule)
    true = (posterior.argmax(axis=1) != answers.gold)[sure].mean()
    held = 0
    for _ in range(100):
        known = np.zeros(300, dtype=bool)
        known[draw.permutation(300)[:100]] = True
        seen = statement(posterior, sure, np.where(known, answers.gold, -1), rule)
        assert (seen.basis, seen.kept) == ("gold", False)
        held += seen.low <= true <= seen.high
    assert held >= 90
    assert "more than the rule promises" in seen.sentence()
    # A rule that may use the gold is made so unsure by it that it stops next to nothing.
    warned = replay(answers, rule, np.random.default_rng(4), known=known)
    assert warned.statement.kept is not True
    assert warned.sure.mean() < 0.1


def test_a_statement_from_gold_is_wilsons_interval():
    posterior = np.tile([0.97, 0.03], (50, 1))
    gold = np.r_[np.zeros(38, dtype=int), np.ones(2, dtype=int), np.full(10, -1)]
    found = statement(posterior, np.ones(50, dtype=bool), gold, Rule(error=0.05))
    assert (found.basis, found.n, found.error) == ("gold", 40, 0.05)
    ends = stats.binomtest(2, 40).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.kept is None
    few = statement(posterior, np.arange(50) < 29, gold, Rule(error=0.05))
    assert (few.basis, few.n, few.low) == ("people", 29, None)
    none = statement(posterior, np.zeros(50, dtype=bool), gold, Rule(error=0.05))
    assert (none.error, none.sentence()) == (None, "No item has stopped yet.")
    sure = statement(posterior, np.ones(50, dtype=bool), np.zeros(50, dtype=int), Rule(error=0.1))
    assert sure.kept is True


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
