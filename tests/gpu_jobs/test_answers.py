import pytest

from gpu_jobs.answers import GOLD_NEVER_ANSWERED, NO_GOLD
from gpu_jobs.contracts import InputError


def test_last_of_a_repeat_wins_in_row_order(crowd):
    rows = [("a", "w", "z"), ("a", "v", "y"), ("a", "w", "x")]
    answers = crowd(rows, repeats="last")
    assert sorted(answers.row.tolist()) == [1, 2]
    assert answers.repeats == 1
    assert crowd(rows, repeats="keep").repeats == 1


def test_a_blank_repeat_does_not_erase_an_answer(crowd):
    answers = crowd([("a", "w", "x"), ("a", "w", None)], repeats="last")
    assert (len(answers), answers.missing, answers.repeats) == (1, 1, 0)


def test_gold_written_as_a_decimal_is_the_same_class(crowd):
    rows = [("a", "w", "0", "1.0"), ("a", "v", "1"), ("b", "w", "1", "7")]
    answers = crowd([*rows, ("c", "w", "1")])
    assert answers.gold.tolist() == [1, GOLD_NEVER_ANSWERED, NO_GOLD]


def test_leading_zeros_stay_distinct_answers(crowd):
    answers = crowd([("a", "w", "01", "01"), ("b", "w", "1", "1")])
    assert answers.classes == ["01", "1"]
    assert answers.gold.tolist() == [0, 1]


def test_two_golds_for_an_item_name_the_item(crowd):
    with pytest.raises(InputError, match="item 'a' has two right answers, 'x' and 'y'"):
        crowd([("a", "w", "x", "y"), ("a", "v", "x", "x")])
