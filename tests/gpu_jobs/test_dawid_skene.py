from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_jobs.aggregation import dawid_skene
from gpu_jobs.aggregation import methods as aggregate
from gpu_jobs.aggregation.dawid_skene import TooLargeError
from gpu_jobs.aggregation.labels import UNDECIDED, accuracy
from gpu_jobs.contracts import InputError

rows_of_a_crowd = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=60
)


def _named(rows, item="i", worker="w", answer="c"):
    return [(f"{item}{i}", f"{worker}{w}", f"{answer}{v}") for i, w, v in rows]


def _simulated(seed, *, items, workers, classes, each, skill):
    """Rows and truth of a crowd whose workers are right with probability `skill`."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, classes, items)
    item = np.repeat(np.arange(items), each)
    worker = draw.integers(0, workers, items * each)
    right = draw.random(items * each) < skill
    value = np.where(right, truth[item], draw.integers(0, classes, items * each))
    return item, worker, value, truth


def _plain_em(rows, items, workers, classes, rounds):
    """The paper's formulas, with loops and dense arrays, as a second opinion."""
    counts = np.zeros((items, workers, classes))
    for i, w, v in rows:
        counts[i, w, v] += 1
    t = counts.sum(axis=1) / counts.sum(axis=(1, 2))[:, None]
    for _ in range(rounds):
        prior = t.mean(axis=0)
        error = np.einsum("ik,iwv->wkv", t, counts) + 1e-10
        error /= error.sum(axis=2, keepdims=True)
        score = np.log(np.maximum(prior, 1e-10)) + np.einsum("iwv,wkv->ik", counts, np.log(error))
        t = np.exp(score - score.max(axis=1, keepdims=True))
        t /= t.sum(axis=1, keepdims=True)
    return t


def test_parity_with_a_dense_implementation(crowd):
    item, worker, value, _ = _simulated(1, items=30, workers=5, classes=3, each=4, skill=0.6)
    rows = list(zip(item, worker, value, strict=True))
    answers = crowd([(f"{i:02}", str(w), str(v)) for i, w, v in rows])
    found = dawid_skene.dawid_skene(answers, max_iter=6, tol=0, stop="likelihood")
    wanted = _plain_em(rows, 30, 5, 3, found.iterations)
    assert found.iterations == 6
    assert found.posterior == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(rows=rows_of_a_crowd, data=st.data())
def test_nothing_depends_on_names_or_row_order(crowd, rows, data):
    plain = crowd(_named(rows))
    shift = {"i": data.draw(st.permutations(range(10))), "w": data.draw(st.permutations(range(5)))}
    shift["c"] = data.draw(st.permutations(range(3)))
    renamed = [(shift["i"][i], shift["w"][w], shift["c"][v]) for i, w, v in rows]
    other = crowd(_named(data.draw(st.permutations(renamed)), "x", "y", "z"))
    for method in ("dawid-skene", "majority"):
        one = aggregate.aggregate(plain, method=method, max_iter=4, tol=0)
        two = aggregate.aggregate(other, method=method, max_iter=4, tol=0)
        theirs = {name: code for code, name in enumerate(other.items)}
        for code, name in enumerate(plain.items):
            mirror = theirs[f"x{shift['i'][int(name[1:])]}"]
            assert one.labels.probability[code] == pytest.approx(
                two.labels.probability[mirror], abs=1e-6
            )
            label, image = one.labels.label[code], two.labels.label[mirror]
            if label == UNDECIDED:
                assert image == UNDECIDED
            else:
                moved = shift["c"][int(plain.classes[label][1:])]
                assert other.classes[image] == f"z{moved}"


@settings(max_examples=50, deadline=None)
@given(rows=rows_of_a_crowd)
def test_probabilities_sum_to_one(crowd, rows):
    found = dawid_skene.dawid_skene(crowd(_named(rows)))
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(len(found.posterior)), abs=1e-12)
    assert found.priors.sum() == pytest.approx(1, abs=1e-12)
    assert np.all((found.error > 0) & (found.error <= 1 + 1e-12))


@settings(max_examples=30, deadline=None)
@given(rows=rows_of_a_crowd)
def test_the_likelihood_never_falls(crowd, rows):
    answers = crowd(_named(rows))
    seen = [
        dawid_skene.dawid_skene(answers, max_iter=n, tol=0, stop="likelihood").log_likelihood
        for n in (1, 2, 4, 8)
    ]
    assert all(later >= sooner - 1e-6 for sooner, later in pairwise(seen))


def test_a_worker_who_always_lies_is_read_backwards(crowd):
    draw = np.random.default_rng(2)
    truth = draw.integers(0, 2, 200)
    rows = []
    for i, right in enumerate(truth):
        rows += [
            (str(i), f"good{n}", str(right if draw.random() < 0.9 else 1 - right)) for n in range(4)
        ]
        rows.append((str(i), "liar", str(1 - right)))
    answers = crowd(rows)
    found = dawid_skene.dawid_skene(answers, stop="likelihood")
    liar = found.confusion(answers.workers.index("liar"))
    assert np.diag(liar).max() < 0.05
    right = [
        answers.classes[code] == str(truth[int(name)])
        for code, name in zip(found.labels.label, answers.items, strict=True)
    ]
    assert np.mean(right) > 0.97


@pytest.mark.parametrize("rows", [[], [("a", "w", "x")], [("a", "w", "x"), ("b", "w", "x")]])
def test_tiny_crowds_do_not_crash(crowd, rows):
    answers = crowd(rows)
    found = dawid_skene.dawid_skene(answers)
    assert found.converged
    assert found.labels.label.tolist() == [0] * len(answers.items)


def test_no_more_iterations_than_allowed(crowd):
    item, worker, value, _ = _simulated(6, items=60, workers=9, classes=3, each=4, skill=0.5)
    rows = [(str(i), str(w), str(v)) for i, w, v in zip(item, worker, value, strict=True)]
    found = dawid_skene.dawid_skene(crowd(rows), max_iter=3, tol=0, stop="likelihood")
    assert (found.iterations, found.converged) == (3, False)
    for wrong in ({"max_iter": 0}, {"tol": -1.0}, {"tol": float("nan")}, {"stop": "never"}):
        with pytest.raises(InputError):
            dawid_skene.dawid_skene(crowd([("a", "w", "x")]), **wrong)


@pytest.mark.parametrize("classes", [2, 10])
def test_a_sparse_crowd_of_37_000_workers(crowd, classes):
    item, worker, value, truth = _simulated(
        4, items=40_000, workers=37_000, classes=classes, each=5, skill=0.75
    )
    rows = [
        (f"i{i}", f"w{w}", str(v), str(truth[i]))
        for i, w, v in zip(item.tolist(), worker.tolist(), value.tolist(), strict=True)
    ]
    answers = crowd(rows)
    figures = aggregate.aggregate(answers, method="dawid-skene").figures
    assert len(answers.workers) > 36_000
    assert figures["majority_accuracy"] > 0.97
    if classes == 2:
        assert figures["accuracy"] > 0.95
    else:
        # Five answers a worker cannot fill a 10 × 10 matrix: EM overfits, and the figures say so.
        assert figures["accuracy"] < figures["majority_accuracy"] - 0.1
        assert figures["differs_from_majority"] > 4000


def test_what_would_not_fit_is_refused_or_falls_back(crowd, monkeypatch):
    monkeypatch.setattr(dawid_skene, "CELLS", 10)
    answers = crowd(_named([(i, w, i % 3) for i in range(5) for w in range(3)]))
    with pytest.raises(TooLargeError, match="use the majority"):
        aggregate.aggregate(answers, method="dawid-skene")
    found = aggregate.aggregate(answers, method="dawid-skene", fall_back=True)
    assert found.figures["method"] == "majority"
    assert "3 workers" in found.figures["fallback"]
    assert accuracy(found.labels, answers.gold) is None
