import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_jobs.answers import GOLD_NEVER_ANSWERED, NO_GOLD, _sorted_by
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


crowds = st.lists(
    st.tuples(
        st.sampled_from(["b", "a", "é", "10", "9"]),
        st.sampled_from(["w", "v", "u"]),
        st.sampled_from(["2", "10", "x", None]),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(rows=crowds, repeats=st.sampled_from(["keep", "last"]), numbers=st.booleans())
def test_codes_by_plain_sorting(crowd, rows, repeats, numbers):
    """Lists and dictionaries instead of codes, with the same rules."""
    if numbers:
        rows = [row for row in rows if row[2] != "x"]
    answers = crowd(rows, repeats=repeats)
    kept = {}
    for number, (item, worker, answer) in enumerate(rows):
        if answer is not None:
            kept[item, worker, number if repeats == "keep" else 0] = (number, answer)
    found = sorted({answer for _, _, answer in rows if answer is not None})
    classes = sorted(found, key=float) if "x" not in found else found
    wanted = sorted(
        (item, worker, classes.index(answer), number)
        for (item, worker, _), (number, answer) in kept.items()
    )
    got = [
        (answers.items[i], answers.workers[w], v, r)
        for i, w, v, r in zip(
            answers.item, answers.worker, answers.value.tolist(), answers.row, strict=True
        )
    ]
    assert got == wanted
    assert answers.classes == classes
    assert answers.items == sorted({item for item, _, answer in rows if answer is not None})
    assert answers.missing == sum(answer is None for _, _, answer in rows)
    given_twice = [(i, w) for i, w, answer in rows if answer is not None]
    assert answers.repeats == len(given_twice) - len(set(given_twice))


def test_sorting_by_digits_is_stable_beyond_sixteen_bits():
    draw = np.random.default_rng(0)
    codes = [draw.integers(0, high, 5000) for high in (200_000, 70_000, 3)]
    assert _sorted_by(*codes).tolist() == np.lexsort(codes[::-1]).tolist()
    wide = [np.array([2**40, 0, 5]), np.array([2**40, 3, 1])]
    assert _sorted_by(*wide).tolist() == [1, 2, 0]


def test_a_right_answer_that_nobody_gave_is_kept_as_text(crowd):
    answers = crowd([("a", "w", "x", "z"), ("b", "w", "y", "y"), ("c", "w", None, "q")])
    assert answers.gold_unseen == {0: "z"}
    assert answers.gold.tolist() == [GOLD_NEVER_ANSWERED, 1]


def test_two_golds_are_found_even_where_nothing_is_answered(crowd):
    with pytest.raises(InputError, match="item 'a' has two right answers"):
        crowd([("a", "w", None, "x"), ("a", "v", None, "y"), ("b", "w", "x")])
