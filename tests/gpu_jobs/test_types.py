import numpy as np
import pytest

from gpu_jobs.contracts import InputError, RowError
from gpu_jobs.types import TYPES, typed


def test_texts_that_mean_the_same_are_one_value(crowd):
    answers = crowd([("a", "w", "[[0,2]]"), ("a", "v", "[[0, 2]]"), ("b", "w", "[[0, 1]]")])
    found = typed(answers, "spans")
    assert len(found.values) == 2
    assert len(set(found.code[answers.value[answers.item == 0]])) == 1


def test_a_wrong_answer_names_its_first_row(crowd):
    answers = crowd([("a", "w", "[[0, 2]]"), ("a", "v", "[[3, 1]]"), ("b", "w", "[[3, 1]]")])
    with pytest.raises(RowError, match=r"ends at 1.*type is spans \(row 2") as caught:
        typed(answers, "spans")
    assert caught.value.row == 1


def test_a_right_answer_that_nobody_gave_has_a_distance(crowd):
    answers = crowd([("a", "w", "1|2", "1|2|3"), ("b", "w", "4", "4"), ("c", "w", "4")])
    found = typed(answers, "set")
    assert found.gold[2] == -1
    near = found.distance.between(found.code[answers.value[:1]], found.gold[:1])
    assert near.tolist() == pytest.approx([1 / 3])
    assert found.gold[1] == found.code[answers.value[1]]


def test_a_wrong_right_answer_is_told_from_an_answer(crowd):
    with pytest.raises(InputError, match="the right answer 'x' is not a number"):
        typed(crowd([("a", "w", "1", "x")]), "number")


def test_order_given_and_a_right_answer_outside_it(crowd):
    rows = [("a", "w", "low", "none"), ("a", "v", "high"), ("b", "w", "mid", "high")]
    found = typed(crowd(rows, classes=["low", "mid", "high"]), "ordinal")
    one = np.zeros(3, dtype=np.int64)
    assert found.distance.between(one, np.array([1, 2, 3])).tolist() == [0.5, 1, 1]
    assert found.gold.tolist() == [3, 2]


def test_equal_numbers_are_one_place_of_an_order(crowd):
    found = typed(crowd([("a", "w", "1"), ("a", "v", "1.0"), ("b", "w", "2")]), "ordinal")
    assert found.code.tolist() == [0, 0, 1]


def test_unknown_types_are_refused(crowd):
    with pytest.raises(InputError, match="type must be one of choice"):
        typed(crowd([]), "colour")


def test_every_type_takes_no_answers(crowd):
    for name in TYPES:
        assert typed(crowd([]), name).values == []


def test_options_reach_the_distance(crowd):
    answers = crowd([("a", "w", "ab"), ("a", "v", "ac")])
    pair = np.array([0]), np.array([1])
    assert typed(answers, "transcript").distance.between(*pair).tolist() == [1]
    by_letter = typed(answers, "transcript", unit="character")
    assert by_letter.distance.between(*pair).tolist() == [0.5]
