import numpy as np
import pytest
from scipy.stats import beta

from gpu_jobs.contracts import InputError
from gpu_jobs.gold.posterior import gold_scores


def test_standing_interval_and_lower_bound(crowd):
    rows = [(str(i), "w", "x" if i < 9 else "y", "x") for i in range(10)] + [("n", "w", "x")]
    rows += [("n", "v", "x")]
    answers = crowd(rows)
    found = gold_scores(answers)
    w, v = answers.workers.index("w"), answers.workers.index("v")
    assert (found.correct[w], found.gold[w], found.decisive[w]) == (9, 10, True)
    assert found.q[w] == pytest.approx((0.5 + 9) / (1 + 10))
    posterior = beta(9.5, 1.5)
    assert found.low[w] == pytest.approx(posterior.ppf(0.05))
    assert found.high[w] == pytest.approx(posterior.ppf(0.95))
    assert found.lower[w] == pytest.approx(posterior.ppf(0.10))
    assert (found.gold[v], found.q[v], found.decisive[v]) == (0, 0.5, False)


def test_seven_golds_do_not_decide_and_eight_do(crowd):
    rows = [(str(i), "seven", "x", "x") for i in range(7)]
    rows += [(str(i), "eight", "x", "x") for i in range(8)]
    answers = crowd(rows)
    found = dict(zip(answers.workers, gold_scores(answers).decisive.tolist(), strict=True))
    assert found == {"seven": False, "eight": True}


def test_the_lower_bound_covers_nine_times_in_ten():
    """Frequentist check of what the bound promises, over accuracies drawn from the prior."""
    draw = np.random.default_rng(5)
    truth = draw.beta(0.5, 0.5, 20_000)
    correct = draw.binomial(12, truth)
    lower = beta(0.5 + correct, 0.5 + 12 - correct).ppf(0.10)
    assert np.mean(lower <= truth) == pytest.approx(0.9, abs=0.01)


def test_the_prior_must_be_positive(crowd):
    with pytest.raises(InputError):
        gold_scores(crowd([("a", "w", "x")]), k=0)
