"""The tables for the pages, against scikit-learn's kappa and counts made by hand."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from gpu_jobs import matrices
from gpu_jobs.aggregation.majority import majority
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
