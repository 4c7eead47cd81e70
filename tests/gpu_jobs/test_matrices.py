"""The tables for the pages, against scikit-learn's kappa and counts made by hand."""

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from gpu_jobs import matrices
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.agreement.kappa import kappas, summary
from gpu_jobs.answers import NO_GOLD, encode

CLASSES = ["a", "b", "c"]


def crowd(rows, **more):
    """Answers of (item, worker, answer) rows."""
    items, workers, given = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"item_id": items, "worker_id": workers, "answer": given} | more
    return encode(
        pa.table({key: pa.array(list(value), pa.string()) for key, value in columns.items()}),
        repeats="last",
    )


def made(seed=3, items=60, workers=6):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, items)
    rows = []
    for worker in range(workers):
        for item in range(items):
            if rng.random() < 0.7:
                value = truth[item] if rng.random() < 0.6 else rng.integers(0, 3)
                rows.append((f"i{item}", f"w{worker}", CLASSES[value]))
    return rows


def test_kappas_equal_those_of_scikit_learn():
    rows = made()
    found = matrices.kappa_matrix(crowd(rows), min_shared=5)
    by_worker = {}
    for item, worker, given in rows:
        by_worker.setdefault(worker, {})[item] = given
    names = sorted(by_worker)
    for a, first in enumerate(names):
        for b, second in enumerate(names):
            if a == b:
                assert np.isnan(found.kappa[a, b])
                continue
            both = sorted(by_worker[first].keys() & by_worker[second].keys())
            wanted = cohen_kappa_score(
                [by_worker[first][i] for i in both], [by_worker[second][i] for i in both]
            )
            assert found.shared[a, b] == len(both)
            assert found.kappa[a, b] == pytest.approx(wanted, abs=1e-12)
            assert found.low[a, b] < found.kappa[a, b] < found.high[a, b]


def test_of_equally_busy_workers_no_name_decides_who_stands_in_the_table():
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 3, 30)
    value = np.where(rng.random((9, 30)) < 0.6, truth, rng.integers(0, 3, (9, 30)))
    shown = []
    for names in (list(range(9)), list(reversed(range(9))), rng.permutation(9).tolist()):
        rows = [
            (f"i{item}", f"w{names[worker]}", CLASSES[value[worker, item]])
            for worker in range(9)
            for item in range(30)
        ]
        answers = crowd(rows)
        found = matrices.kappa_matrix(answers, min_shared=5, people=4)
        back = {f"w{name}": worker for worker, name in enumerate(names)}
        shown.append({back[answers.workers[code]] for code in found.workers})
    assert len(shown[0]) == 4
    assert shown[0] == shown[1] == shown[2]


def test_only_the_busiest_stand_in_the_table():
    rows = [*made(), ("i0", "zz", "a")]
    found = matrices.kappa_matrix(crowd(rows), min_shared=5, people=4)
    assert len(found.workers) == 4
    assert found.kappa.shape == (4, 4)
    whole = matrices.kappa_matrix(crowd(rows), min_shared=5)
    at = [list(whole.workers).index(code) for code in found.workers]
    assert found.kappa[0, 1] == whole.kappa[at[0], at[1]]


def test_complete_agreement_on_few_items_still_has_a_width():
    rows = [(f"i{n}", worker, "ab"[n % 2]) for n in range(10) for worker in "xy"]
    found = matrices.kappa_matrix(crowd(rows), min_shared=10)
    assert found.kappa[0, 1] == 1
    assert found.low[0, 1] < 0.6
    assert found.high[0, 1] == pytest.approx(1)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("i1", "x", "a")],
        [("i1", "x", "a"), ("i1", "y", "a")],
        [(f"i{n}", worker, "a") for n in range(12) for worker in "xy"],
    ],
    ids=["nothing", "one answer", "one item", "all equal"],
)
def test_degenerate_crowds_have_no_pairs_and_no_fault(rows):
    answers = crowd(rows)
    found = matrices.kappa_matrix(answers, min_shared=1)
    assert matrices.kappa_figures(found, answers.workers)["pairs"] == []
    counts = matrices.confusion(answers, np.full(len(answers.items), NO_GOLD)).counts
    assert counts.sum() == 0
    figures = matrices.reliable(majority(answers), answers.gold)
    assert figures["gold"] == 0 <= figures["items"] <= figures["of"]


def test_confusion_counts_equal_those_of_scikit_learn():
    rows = made()
    answers = crowd(rows)
    label = majority(answers).label
    found = matrices.confusion(answers, label)
    decided = label[answers.item] >= 0
    wanted = confusion_matrix(
        label[answers.item][decided], answers.value[decided], labels=[0, 1, 2]
    )
    assert found.counts[:3, :3].tolist() == wanted.tolist()
    assert found.counts[3].sum() == found.counts[:, 3].sum() == 0


def test_rare_classes_are_counted_together():
    rows = [*made(), ("i0", "v", "rare"), ("i1", "v", "rarer")]
    answers = crowd(rows)
    found = matrices.confusion(answers, majority(answers).label, classes=2)
    assert found.counts.shape == (3, 3)
    decided = majority(answers).label[answers.item] >= 0
    assert found.counts.sum() == decided.sum()
    assert found.counts[:, 2].sum() > 2


def test_sure_labels_are_counted_with_their_gold():
    rows = [("i1", w, "a") for w in "xyz"] + [("i2", w, "b") for w in "xyz"]
    rows += [("i3", "x", "a"), ("i3", "y", "b")]
    gold = ["a"] * 3 + ["a"] * 3 + [None] * 2
    answers = crowd(rows, gold=gold)
    found = matrices.reliable(majority(answers), answers.gold)
    assert found == {"bar": 0.95, "items": 2, "of": 3, "gold": 2, "right": 1}


def test_shuffling_changes_nothing():
    rows = made()
    shuffled = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    one, two = (matrices.kappa_matrix(crowd(each), min_shared=5) for each in (rows, shuffled))
    assert np.array_equal(one.kappa, two.kappa, equal_nan=True)
    assert np.array_equal(one.low, two.low, equal_nan=True)


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 6)), min_size=8, max_size=40
)


@hypothesis.settings(max_examples=80, deadline=None)
@hypothesis.given(rows=ROWS, seed=st.integers(0, 1000))
def test_no_name_decides_what_is_told(rows, seed):
    """Other names of classes, workers and items, and another order of rows: the same figures."""
    draw = np.random.default_rng(seed)
    once = list({(item, worker): value for item, worker, value in rows}.items())
    told = []
    for shuffled in (False, True):
        items, workers, classes = (
            draw.permutation(n) if shuffled else np.arange(n) for n in (6, 5, 7)
        )
        renamed = [
            (f"i{items[item]}", f"w{workers[worker]}", f"c{classes[value]}")
            for (item, worker), value in once
        ]
        if shuffled:
            renamed = [renamed[place] for place in draw.permutation(len(renamed))]
        answers = crowd(renamed)
        right = majority(answers).label
        found = matrices.confusion(answers, right, classes=3)
        size = len(found.classes)
        of_classes = [
            (found.counts[k, k], found.counts[k].sum(), found.counts[:, k].sum())
            for k in range(size)
        ]
        pairs = summary(kappas(answers, min_shared=1), answers.workers, top=3)
        told.append(
            (
                sorted(of_classes),
                found.counts[size, size],
                *(
                    [
                        (round(row["kappa"], 9), row["shared"], round(row["low"], 9))
                        for row in pairs[end]
                    ]
                    for end in ("highest", "lowest")
                ),
            )
        )
    assert told[0] == told[1]


def test_of_equally_frequent_classes_the_names_in_the_table_are_the_same_ones():
    rng = np.random.default_rng(1)
    value = rng.permutation(np.repeat(np.arange(12), 10))
    rows = [(f"i{n // 4}", f"w{n % 4}") for n in range(len(value))]
    shown = []
    for names in (np.arange(12), rng.permutation(12)):
        answers = crowd([(*row, f"c{names[v]:02}") for row, v in zip(rows, value, strict=True)])
        found = matrices.confusion(answers, majority(answers).label, classes=5)
        back = {f"c{name:02}": v for v, name in enumerate(names)}
        shown.append({back[answers.classes[code]] for code in found.classes})
    assert len(shown[0]) == 5
    assert shown[0] == shown[1]
