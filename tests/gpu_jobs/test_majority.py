import pytest

from gpu_jobs.aggregation.labels import UNDECIDED, accuracy
from gpu_jobs.aggregation.majority import majority


def test_shares_are_probabilities(crowd):
    answers = crowd([("a", "1", "x"), ("a", "2", "x"), ("a", "3", "y")])
    found = majority(answers)
    assert answers.classes[found.label[0]] == "x"
    assert found.probability[0] == pytest.approx(2 / 3)


def test_a_tie_goes_to_the_class_given_most_often(crowd):
    rows = [("a", "1", "x"), ("a", "2", "y"), ("b", "1", "y"), ("c", "1", "x"), ("d", "1", "y")]
    answers = crowd(rows)
    assert answers.classes[majority(answers).label[0]] == "y"
    swapped = crowd([(i, w, {"x": "y", "y": "x"}[v]) for i, w, v in rows])
    assert swapped.classes[majority(swapped).label[0]] == "x"


def test_a_tie_without_any_difference_stays_undecided(crowd):
    found = majority(crowd([("a", "1", "x"), ("a", "2", "y")]))
    assert found.label.tolist() == [UNDECIDED]
    assert found.probability.tolist() == [0.5]


def test_a_given_order_of_classes_settles_what_counts_do_not(crowd):
    answers = crowd([("a", "1", "x"), ("a", "2", "y")], classes=["y", "z", "x"])
    assert answers.classes[majority(answers).label[0]] == "y"


def test_accuracy_splits_ties_evenly(crowd):
    rows = [("a", "1", "x", "x"), ("a", "2", "y", "x"), ("b", "1", "x", "x"), ("c", "1", "z")]
    answers = crowd(rows)
    assert accuracy(majority(answers), answers.gold) == pytest.approx(0.75)


def test_a_gold_that_nobody_gave_counts_as_wrong(crowd):
    answers = crowd([("a", "1", "x", "x"), ("b", "1", "x", "q")])
    assert accuracy(majority(answers), answers.gold) == 0.5
