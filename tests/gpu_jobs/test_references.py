"""The published figures, on the real crowds they were published for."""

import numpy as np
import pytest

from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.aggregation.labels import accuracy
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.agreement.alpha import alpha_of
from gpu_jobs.agreement.kappa import kappas

pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    ("name", "published"),
    [("bluebird", 0.889), ("rte", 0.9275), ("polarity", 0.915), ("music", 0.769), ("ducks", 0.6)],
)
def test_dawid_skene_accuracy(load, name, published):
    answers = load(name)
    found = dawid_skene(answers)
    assert accuracy(found.labels, answers.gold) == pytest.approx(published, abs=0.0006)
    assert found.converged


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("bluebird", 0.7593),
        ("rte", 0.8969),
        ("polarity", 0.886),
        ("music", 0.704),
        ("ducks", 0.6875),
    ],
)
def test_majority_accuracy_with_ties_split(load, name, published):
    answers = load(name)
    assert accuracy(majority(answers), answers.gold) == pytest.approx(published, abs=0.0006)


@pytest.mark.parametrize(
    ("name", "level", "published"),
    [
        ("bluebird", "nominal", 0.126),
        ("rte", "nominal", 0.241),
        ("polarity", "nominal", 0.428),
        ("music", "nominal", 0.301),
        ("ducks", "nominal", 0.325),
        ("pandalm", "nominal", 0.864),
        ("affect", "interval", 0.357),
        ("anesthesia", "ordinal", 0.799),
    ],
)
def test_alpha(load, name, level, published):
    found = alpha_of(load(name), level=level)
    assert found.alpha == pytest.approx(published, abs=0.0006)
    assert found.package == pytest.approx(found.alpha, abs=1e-9)


def test_cohens_kappa_of_three_annotators(load):
    found = kappas(load("pandalm"))
    assert found.kappa.round(3).tolist() == [0.852, 0.879, 0.862]
    assert found.shared.tolist() == [999, 999, 999]


def test_anesthetists_of_the_1979_paper(load):
    answers = load("anesthesia")
    found = dawid_skene(answers)
    assert answers.repeats == 90
    assert found.priors.round(3).tolist() == [0.4, 0.422, 0.111, 0.067]
    first = np.diag(found.confusion(answers.workers.index("w1")))
    assert first.round(3).tolist() == [0.907, 0.877, 0.665, 0.444]


def test_a_shared_wrong_belief_defeats_dawid_skene(load):
    answers = load("ducks")
    fitted = accuracy(dawid_skene(answers).labels, answers.gold)
    assert fitted < accuracy(majority(answers), answers.gold)
