"""Gold that is wrong, gold that is worn, and how much gold somebody should meet."""

import numpy as np
import pytest
from scipy.stats import beta

from bench import simulated
from gpu_jobs.contracts import InputError
from gpu_jobs.gold.exposure import exposure
from gpu_jobs.gold.posterior import choice_scores, gold_scores, score_posterior, scores_by_skill
from gpu_jobs.gold.rate import HIGH, LOW, gold_rate
from gpu_jobs.gold.suspects import (
    GoldState,
    demote,
    intraclass,
    state_of,
    suspect_by_score,
    suspect_gold,
)


def _wronged(seed, share=0.08, **options):
    """A crowd whose gold is turned to the next class on a share of the items."""
    draw = np.random.default_rng(seed)
    made = simulated.crowd(draw, gold=True, **options)
    turned = draw.random(len(made.truth)) < share
    gold = np.where(turned, (made.answers.gold + 1) % 4, made.answers.gold)
    return type(made.answers)(**(vars(made.answers) | {"gold": gold})), turned


def test_wrong_gold_is_found_and_right_gold_is_seldom_called_wrong():
    found, false = [], []
    for seed in range(5):
        answers, turned = _wronged(seed)
        suspect = suspect_gold(answers).suspect
        found.append(suspect[turned].mean())
        false.append(suspect[~turned].mean())
    assert np.mean(found) > 0.5
    assert np.mean(false) < 0.02


def test_the_posterior_is_bayes_rule_written_out(crowd):
    rows = [
        (f"other{i}", w, "x", "x" if i < hits else "y")
        for w, hits in (("u", 9), ("v", 7))
        for i in range(10)
    ]
    rows = [(f"{w}{item}", w, value, gold) for item, w, value, gold in rows]
    rows += [("doubted", "u", "y", "x"), ("doubted", "v", "y", "x"), ("doubted", "u2", "y", "x")]
    rows += [("third", "u2", "z", "z")]
    answers = crowd(rows)
    found = suspect_gold(answers, prior=0.1)
    at = int(np.flatnonzero(found.item == answers.items.index("doubted"))[0])
    accuracy = np.array([(0.5 + 9) / 11, (0.5 + 7) / 11, (0.5 + 1) / 2])
    power = 1 / (1 + 2 * found.correlation)
    likelihood = {
        truth: np.prod(np.where(truth == "y", accuracy, (1 - accuracy) / 2)) ** power
        for truth in "xyz"
    }
    wrong = 0.1 * (likelihood["y"] + likelihood["z"]) / 2
    assert found.wrong[at] == pytest.approx(wrong / (wrong + 0.9 * likelihood["x"]))
    assert answers.classes[found.other[at]] == "y"
    assert found.against[at] == 1


def test_gold_that_nobody_gave_is_doubted_too(crowd):
    rows = [(f"{w}{i}", w, "x", "x") for w in "uvw" for i in range(8)]
    rows += [("odd", w, "x", "never") for w in "uvw"]
    answers = crowd(rows)
    found = suspect_gold(answers)
    odd = found.item == answers.items.index("odd")
    assert found.suspect[odd].all() and not found.suspect[~odd].any()


def test_intraclass_correlation_is_that_of_the_analysis_of_variance():
    group = np.repeat([0, 1, 2], 4)
    value = np.array([9, 8, 9, 10, 2, 3, 2, 1, 5, 6, 5, 4], dtype=float)
    means = value.reshape(3, 4).mean(axis=1)
    between = 4 * np.square(means - value.mean()).sum() / 2
    within = np.square(value.reshape(3, 4) - means[:, None]).sum() / 9
    assert intraclass(group, value) == pytest.approx((between - within) / (between + 3 * within))


@pytest.mark.parametrize(
    ("group", "value"), [([], []), ([0], [1.0]), ([0, 1], [1.0, 0.0]), ([0, 0, 1, 1], [1.0] * 4)]
)
def test_intraclass_correlation_is_zero_where_undefined(group, value):
    assert intraclass(np.array(group, dtype=int), np.array(value)) == 0


def test_any_type_is_suspect_where_people_agree_against_the_gold():
    draw = np.random.default_rng(3)
    items, workers = 60, 8
    item, worker = np.repeat(np.arange(items), workers), np.tile(np.arange(workers), items)
    score = np.clip(draw.normal(0.8, 0.08, len(item)), 0, 1)
    peers = np.full(len(item), 0.8)
    score[item == 7] = 0.2
    score[item == 9] = 0.2
    peers[item == 9] = 0.15
    found = suspect_by_score(item, worker, score, peers)
    assert found.item[found.suspect].tolist() == [7]


def test_states_and_demotion(crowd):
    assert state_of(True) == GoldState.SUSPECT
    assert state_of(True, contested=True) == GoldState.CONTESTED
    assert state_of(False, contested=True, demoted=True) == GoldState.DEMOTED
    answers = crowd([("a", "w", "x", "x"), ("b", "w", "x", "y")])
    assert gold_scores(demote(answers, np.array([1]))).gold.tolist() == [1]


def test_scores_of_any_type_have_the_beta_posterior():
    score = np.array([1.0, 0.5, 0.25, np.nan, 1.0])
    found = score_posterior(np.array([0, 0, 0, 0, 1]), score, 3)
    assert found.gold.tolist() == [3, 1, 0]
    assert found.q == pytest.approx([(0.5 + 1.75) / 4, 1.5 / 2, 0.5])
    assert found.lower[0] == pytest.approx(beta(2.25, 1.75).ppf(0.1))
    with pytest.raises(InputError):
        score_posterior(np.array([0]), np.array([1.5]), 1)


def test_choice_scores_give_the_same_posterior(crowd):
    made = simulated.crowd(np.random.default_rng(1), items=100, gold=True)
    one = gold_scores(made.answers)
    two = score_posterior(made.answers.worker, choice_scores(made.answers), len(one.q))
    for name, array in vars(one).items():
        assert getattr(two, name) == pytest.approx(array), name


def test_intervals_of_fractional_scores_cover_at_least_as_often_as_promised():
    draw = np.random.default_rng(4)
    mean = draw.uniform(0.3, 0.95, 4_000)
    scores = draw.beta(4 * mean[:, None], 4 * (1 - mean[:, None]), (4_000, 15))
    found = score_posterior(np.repeat(np.arange(4_000), 15), scores.ravel(), 4_000)
    assert np.mean((found.low <= mean) & (mean <= found.high)) > 0.9


def test_scores_by_skill():
    found = scores_by_skill(
        np.array([0, 0, 1, 1]), np.array([2, 0, 2, 2]), np.array([1.0, 0.0, 1.0, np.nan])
    )
    assert list(zip(found.worker.tolist(), found.skill.tolist(), strict=True)) == [
        (0, 0),
        (0, 2),
        (1, 2),
    ]
    assert found.scores.q == pytest.approx([0.25, 0.75, 0.75])


def test_exposure_counts_and_sees_a_leak(crowd):
    rows, order = [], []
    for t in range(40):
        rows += [
            ("leak", f"w{t}", "x" if t >= 18 else "y", "x"),
            ("calm", f"w{t}", "x" if t % 2 else "y", "x"),
        ]
    rows.append(("calm", "w0", "x", "x"))
    answers = crowd(rows)
    order = answers.row.astype(float)
    found = exposure(answers, order=order, worn=41)
    by = dict(zip([answers.items[i] for i in found.item], range(2), strict=True))
    assert (found.shown[by["calm"]], found.again[by["calm"]]) == (41, 1)
    assert found.leaking[by["leak"]] and not found.leaking[by["calm"]]
    assert found.worn.tolist() == [i == by["calm"] for i in range(2)]
    assert found.learned[by["leak"]] == pytest.approx(0.9)
    assert np.isnan(exposure(answers).z).all()


def test_gold_rate_falls_with_proof_and_rises_with_doubt():
    n = np.array([0, 7, 40, 40, 400, 40])
    correct = np.array([0, 7, 40, 32, 400, 8])
    rate = gold_rate(correct, n, bar=0.8)
    assert rate[:2] == pytest.approx(HIGH)
    assert rate[4] < rate[2] < rate[3]
    # As sure to be below the bar as others are to be above it.
    assert rate[5] < rate[3]
    assert np.all((rate >= LOW) & (rate <= HIGH))
    with pytest.raises(InputError):
        gold_rate(correct, n, bar=1)


@pytest.mark.parametrize(
    "rows", [[], [("a", "w", "x")], [("a", "w", "x", "x")], [("a", "w", "x", "y")]]
)
def test_tiny_gold(crowd, rows):
    answers = crowd(rows)
    found = suspect_gold(answers)
    assert not found.suspect.any() and not np.isnan(found.wrong).any()
    assert len(exposure(answers, order=np.zeros(len(answers))).item) == len(found.item)
