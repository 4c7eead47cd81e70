import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_jobs.agreement import alpha, disagreement
from gpu_jobs.agreement.alpha import alpha_of
from gpu_jobs.answers import LEVELS, cells
from gpu_jobs.contracts import InputError

KRIPPENDORFF_2011 = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]


@pytest.fixture
def paper(crowd):
    return crowd(
        [
            (f"u{unit}", f"w{worker}", answer)
            for worker, line in enumerate(KRIPPENDORFF_2011)
            for unit, answer in enumerate(line.split())
            if answer != "."
        ]
    )


@pytest.mark.parametrize(
    ("level", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_table_of_the_2011_paper(paper, level, published):
    assert alpha_of(paper, level=level).alpha == pytest.approx(published, abs=0.0006)


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from(LEVELS),
    rows=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), min_size=4, max_size=60),
    scale=st.lists(st.integers(0, 1000), min_size=6, max_size=6, unique=True).map(sorted),
)
def test_parity_with_the_package(level, rows, scale):
    unit, value = np.array(rows).T
    dense = np.zeros((8, 6), dtype=int)
    np.add.at(dense, (unit, value), 1)
    pairable = dense[dense.sum(axis=1) >= 2].sum(axis=0)
    found = alpha.alpha_of_counts(
        cells(unit, value, 6), scale=np.array(scale, dtype=float), level=level
    )
    if np.count_nonzero(pairable) < 2:
        assert found.alpha is None
        assert found.reason
        return
    wanted = krippendorff.alpha(
        value_counts=dense, value_domain=np.array(scale, float), level_of_measurement=level
    )
    assert found.alpha == pytest.approx(float(wanted), abs=1e-9)


def test_ratio_in_small_blocks_is_the_same(paper, monkeypatch):
    whole = alpha_of(paper, level="ratio").alpha
    monkeypatch.setattr(disagreement, "_BLOCK", 3)
    assert alpha_of(paper, level="ratio").alpha == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_perfect_agreement_is_one(crowd, level):
    rows = [(f"i{i}", f"w{w}", str(i % 3)) for i in range(9) for w in range(4)]
    assert alpha_of(crowd(rows), level=level).alpha == pytest.approx(1, abs=1e-12)


def test_shuffled_answers_are_near_zero(crowd):
    draw = np.random.default_rng(7).integers(0, 3, size=(2000, 5))
    rows = [(str(i), str(w), str(draw[i, w])) for i in range(2000) for w in range(5)]
    assert abs(alpha_of(crowd(rows), level="nominal").alpha) < 0.02


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no answers"),
        ([("a", "w", "x"), ("b", "w", "y")], "no item has two answers"),
        ([("a", "w", "x"), ("a", "v", "x")], "every answer is the same"),
    ],
)
def test_undefined_says_why(crowd, rows, reason):
    found = alpha_of(crowd(rows), level="nominal")
    assert found.alpha is None
    assert reason in found.reason


def test_ordinal_numbers_are_ordered_as_numbers(crowd):
    rows = [("a", "w", "2"), ("a", "v", "10"), ("b", "w", "9"), ("b", "v", "10"), ("c", "w", "2")]
    rows += [("c", "v", "2"), ("d", "w", "1"), ("d", "v", "2")]
    answers = crowd(rows)
    assert answers.classes == ["1", "2", "9", "10"]
    same = crowd([(i, w, {"1": "a", "2": "b", "9": "c", "10": "d"}[v]) for i, w, v in rows])
    assert alpha_of(answers, level="ordinal").alpha == alpha_of(same, level="ordinal").alpha


def test_equal_numbers_written_differently_agree(crowd):
    rows = [("a", "w", "1"), ("a", "v", "1.0"), ("b", "w", "2"), ("b", "v", "2")]
    assert alpha_of(crowd(rows), level="interval").alpha == pytest.approx(1)
    assert alpha_of(crowd(rows), level="nominal").alpha < 1


def test_interval_needs_numbers(crowd):
    with pytest.raises(InputError, match="'x' is not a number"):
        alpha_of(crowd([("a", "w", "1"), ("a", "v", "x")]), level="interval")
    with pytest.raises(InputError, match="not below zero"):
        alpha_of(crowd([("a", "w", "1"), ("a", "v", "-1")]), level="ratio")
