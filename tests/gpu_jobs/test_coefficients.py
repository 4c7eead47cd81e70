"""Fleiss, Gwet, percent and Cohen against published tables and dense second opinions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_jobs.agreement import bootstrap
from gpu_jobs.agreement.bootstrap import each_item, kinds_of
from gpu_jobs.agreement.fleiss import fleiss_kappa
from gpu_jobs.agreement.gwet import WEIGHTS, gwet_ac
from gpu_jobs.agreement.kappa import kappas
from gpu_jobs.agreement.percent import (
    agreement_of_each,
    agreement_of_items,
    agreement_with_others,
    percent_agreement,
    percent_of,
)
from gpu_jobs.answers import cells
from gpu_jobs.contracts import InputError
from gpu_jobs.types import typed

FOUR_RATERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
FLEISS = """0 0 0 0 14
0 2 6 4 2
0 0 3 5 6
0 3 9 2 0
2 2 8 1 1
7 7 0 0 0
3 2 6 3 0
2 5 3 2 2
6 5 2 1 0
0 2 2 3 7"""
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]


@pytest.fixture
def four_raters(crowd):
    return crowd(
        [
            (f"u{unit}", f"w{worker}", answer)
            for worker, line in enumerate(FOUR_RATERS)
            for unit, answer in enumerate(line.split())
            if answer != "."
        ]
    )


@pytest.fixture
def abstractors(crowd):
    """100 pregnancies by two abstractors, in Gwet's package irrCAC."""
    rows, item = [], 0
    for i, line in enumerate(ABSTRACTORS):
        for j, count in enumerate(line):
            for _ in range(count):
                rows += [(str(item), "a", str(i)), (str(item), "b", str(j))]
                item += 1
    return crowd(rows)


def test_fleiss_of_the_textbook_table(crowd):
    """Ten subjects, fourteen raters: .210, with p_o .378 and p_e .213."""
    rows = [
        (f"s{subject}", f"r{rater}", str(answer))
        for subject, line in enumerate(FLEISS.splitlines())
        for rater, answer in enumerate(np.repeat(np.arange(5), list(map(int, line.split()))))
    ]
    found = fleiss_kappa(crowd(rows), resamples=0)
    assert found.value == pytest.approx(0.210, abs=0.0005)
    assert found.observed == pytest.approx(0.378, abs=0.0005)
    assert found.expected == pytest.approx(0.213, abs=0.0005)


def test_gwets_table_with_missing_answers(four_raters):
    """As Gwet's irrCAC gives them for cac.raw4raters; one subject has one rating."""
    one, kappa = gwet_ac(four_raters, resamples=0), fleiss_kappa(four_raters, resamples=0)
    assert one.value == pytest.approx(0.77544, abs=0.000005)
    assert kappa.value == pytest.approx(0.76117, abs=0.000005)
    assert one.observed == kappa.observed == pytest.approx(0.81818, abs=0.000005)
    assert (one.items, one.answers) == (11, 40)


def test_two_abstractors(abstractors):
    """irrCAC: AC1 .8493305, Cohen's kappa .7964094 with standard error .0589."""
    assert gwet_ac(abstractors, resamples=0).value == pytest.approx(0.8493305, abs=5e-8)
    assert percent_of(abstractors, resamples=0).value == pytest.approx(0.89)
    found = kappas(abstractors)
    assert found.kappa[0] == pytest.approx(0.7964094, abs=5e-8)
    assert (found.high[0] - found.kappa[0]) / 1.959964 == pytest.approx(0.0589, abs=0.0005)


def _kappa_of(shares):
    chance = shares.sum(axis=1) @ shares.sum(axis=0)
    return (np.trace(shares) - chance) / (1 - chance)


@pytest.mark.parametrize("seed", range(4))
def test_standard_error_of_kappa_by_the_delta_method(crowd, seed):
    """Slopes by small differences, variance of a multinomial: no formula of kappa's own."""
    table = np.random.default_rng(seed).integers(1, 20, (4, 4))
    rows, item = [], 0
    for (i, j), count in np.ndenumerate(table):
        for _ in range(count):
            rows += [(str(item), "a", str(i)), (str(item), "b", str(j))]
            item += 1
    shares = table / table.sum()
    slope = np.zeros(16)
    for k in range(16):
        step = np.zeros(16)
        step[k] = 1e-6
        above, below = (_kappa_of((shares.ravel() + s).reshape(4, 4)) for s in (step, -step))
        slope[k] = (above - below) / 2e-6
    p = shares.ravel()
    wanted = np.sqrt((p @ slope**2 - (p @ slope) ** 2) / table.sum())
    found = kappas(crowd(rows))
    assert (found.high[0] - found.kappa[0]) / 1.959964 == pytest.approx(wanted, rel=1e-4)


def _dense(rows, weights, q):
    """Gwet's handbook, with loops: AC with weights."""
    apart = np.abs(np.subtract.outer(np.arange(q), np.arange(q)))
    far = max(q - 1, 1)
    table = {
        "identity": (apart == 0) * 1.0,
        "linear": 1 - apart / far,
        "quadratic": 1 - (apart / far) ** 2,
        "ordinal": 1 - apart * (apart + 1) / 2 / (q * (q - 1) / 2 if q > 1 else 1),
    }[weights]
    counts = np.zeros((10, q))
    for i, _, v in rows:
        counts[i, v] += 1
    m = counts.sum(axis=1)
    counts, m = counts[m > 0], m[m > 0]
    share = (counts / m[:, None]).mean(axis=0)
    credit = counts @ table
    two = m >= 2
    if not two.any() or q < 2:
        return None
    observed = ((counts * (credit - 1)).sum(axis=1)[two] / (m * (m - 1))[two]).mean()
    expected = table.sum() / (q * (q - 1)) * (share * (1 - share)).sum()
    return (observed - expected) / (1 - expected)


three_classes = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=50
)


@settings(max_examples=50, deadline=None)
@given(rows=three_classes, weights=st.sampled_from(WEIGHTS))
def test_gwet_by_loops(crowd, rows, weights):
    classes = sorted({v for _, _, v in rows})
    ranked = [(i, w, classes.index(v)) for i, w, v in rows]
    answers = crowd([(str(i), str(w), str(v)) for i, w, v in ranked])
    found = gwet_ac(answers, weights=weights, resamples=20)
    wanted = _dense(ranked, weights, len(classes))
    if wanted is None:
        assert found.value is None
        assert found.reason
    else:
        assert found.value == pytest.approx(wanted, abs=1e-9)


def test_classes_that_nobody_gave_may_be_counted(four_raters):
    wider = gwet_ac(four_raters, classes=9, resamples=0)
    assert wider.value > gwet_ac(four_raters, resamples=0).value
    with pytest.raises(InputError, match="more than 2"):
        gwet_ac(four_raters, classes=2)
    with pytest.raises(InputError, match="weights must be one of"):
        gwet_ac(four_raters, weights="cubic")


@settings(max_examples=40, deadline=None)
@given(rows=three_classes, seed=st.integers(0, 99))
def test_coefficients_are_defined_or_say_why(crowd, rows, seed):
    plain = crowd([(f"i{i}", f"w{w}", str(v)) for i, w, v in rows])
    order = np.random.default_rng(seed).permutation(len(rows))
    moved = crowd([(f"x{9 - rows[k][0]}", f"v{rows[k][1]}", str(rows[k][2])) for k in order])
    for method in (percent_of, fleiss_kappa, gwet_ac):
        one, two = method(plain, resamples=30), method(moved, resamples=30)
        for each in (one, two):
            assert (each.value is None) == (each.reason is not None)
        for name in ("value", "low", "high"):
            first, second = getattr(one, name), getattr(two, name)
            assert (first is None) == (second is None)
            if first is not None:
                assert np.isfinite(first)
                assert first == pytest.approx(second, abs=1e-12)


def test_nothing_answered(crowd):
    for method in (percent_of, fleiss_kappa, gwet_ac):
        found = method(crowd([]))
        assert (found.value, found.reason) == (None, "no item has two answers")


def test_a_lopsided_class_lowers_kappa_and_not_ac1(crowd):
    rows = [(str(i), w, "no") for i in range(95) for w in "ab"]
    rows += [(str(i), "a", "yes") for i in range(95, 100)]
    rows += [(str(i), "b", "no" if i < 98 else "yes") for i in range(95, 100)]
    answers = crowd(rows)
    assert fleiss_kappa(answers).value < 0.6
    assert gwet_ac(answers).value > 0.95


def test_percent_is_the_same_by_both_ways(crowd):
    draw = np.random.default_rng(1)
    rows = [(str(i), str(w), str(draw.integers(0, 3))) for i in range(30) for w in range(i % 4 + 1)]
    answers = crowd(rows)
    counts = cells(answers.item, answers.value, 3)
    kind = typed(answers, "choice")
    plain = percent_agreement(counts)
    assert percent_of(answers).value == pytest.approx(plain)
    assert percent_of(answers, kind).value == pytest.approx(plain)
    assert agreement_of_items(answers) == pytest.approx(
        agreement_of_items(answers, kind), nan_ok=True
    )
    assert agreement_with_others(answers, kind) == pytest.approx(
        agreement_of_each(answers, counts), nan_ok=True
    )


def test_items_that_are_alike_are_one_kind(crowd):
    rows = [(f"i{i}", f"w{w}", str((i + w) % 2)) for i in range(400) for w in range(3)]
    answers = crowd(rows)
    counts = cells(answers.item, answers.value, 2)
    kinds = kinds_of(counts, values=2)
    assert kinds.times.tolist() == [200, 200]
    assert sorted(kinds.counts.toarray().tolist()) == [[1, 2], [2, 1]]
    apart = each_item(counts, values=2)
    assert apart.counts.shape == (400, 2)


def test_unlike_items_of_one_hash_are_not_put_together(monkeypatch):
    draw = np.random.default_rng(4)
    item, value = np.repeat(np.arange(400), 3), draw.integers(0, 3, 1200)
    counts = cells(item, value, 3)
    wanted = kinds_of(counts, values=3)
    assert len(wanted.times) < 20
    monkeypatch.setattr(bootstrap, "_keys", lambda items, _: np.zeros(len(items.times), np.uint64))
    kinds = kinds_of(counts, values=3)
    assert kinds.times.tolist() == [1] * 400
    assert kinds.counts.sum(axis=0).tolist() == (wanted.times @ wanted.counts).tolist()


@settings(max_examples=40, deadline=None)
@given(rows=three_classes)
def test_kinds_are_the_distinct_rows_of_the_dense_table(rows):
    item, _, value = np.array(rows).T
    dense = np.zeros((10, 4), dtype=int)
    np.add.at(dense, (item, value), 1)
    dense = dense[dense.any(axis=1)]
    wanted, times = np.unique(dense, axis=0, return_counts=True)
    # Few items are left as they are; here they are not to be.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "_PAIRED", 0)
        kinds = kinds_of(cells(item, value, 4), values=4)
    found = kinds.counts.toarray().astype(int)
    order = np.lexsort(found.T[::-1])
    assert found[order].tolist() == wanted.tolist()
    assert kinds.times[order].tolist() == times.tolist()
