"""After a run: which labels are sure enough, and which items are worth another answer."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import simulated
from gpu_jobs.contracts import InputError
from gpu_jobs.planning.overlap import Rule, thinned
from gpu_jobs.planning.plan import WORTH, plan, plan_of_input


def simulate(overlap: int, seed: int = 6):
    made = simulated.crowd(np.random.default_rng(seed), gold=True)
    return made, thinned(made.answers, overlap, np.random.default_rng(1))


def test_sure_labels_are_wrong_no_more_often_than_stated():
    _, answers = simulate(5)
    found = plan(answers, Rule(error=0.05, least=2, most=10))
    assert found.sure.mean() > 0.5
    # Every item of this crowd has gold, so the promise can be looked at.
    assert found.from_gold and found.checked == found.sure.sum()
    assert found.wrong / found.checked <= 0.05
    assert np.all(found.error[found.sure] <= 0.05)
    # What is known needs no further answer.
    assert found.stated is None and not found.worth.any()


def without_gold(answers):
    return type(answers)(**{**vars(answers), "gold": np.full(len(answers.items), -1)})


def test_unsure_items_are_worth_an_answer_until_they_have_the_most():
    _, answers = simulate(3)
    rule = Rule(error=0.05, least=2, most=5)
    found = plan(without_gold(answers), rule)
    assert not found.from_gold and found.checked == 0
    assert found.stated is not None and found.stated <= 0.05
    assert not np.any(found.worth & found.sure)
    assert np.array_equal(found.worth, ~found.sure & (found.gain >= WORTH))
    assert found.worth.any() and found.sure.any()
    # What is less sure teaches more.
    assert found.gain[found.worth].mean() > found.gain[found.sure].mean()
    most = plan(without_gold(answers), Rule(error=0.05, least=2, most=3))
    assert not most.worth.any()


def test_a_crowd_that_guesses_is_asked_for_nothing_more(crowd):
    draw = np.random.default_rng(4)
    rows = [
        (f"i{item}", f"w{worker}", "ab"[int(draw.integers(2))])
        for item in range(200)
        for worker in range(20)
    ]
    found = plan(crowd(rows), Rule(error=0.01, least=2, most=30))
    # More answers of this crowd would not make the labels sure.
    assert found.worth.mean() < 0.2


def test_renaming_changes_nothing(crowd):
    rows = [("x", "a", "1"), ("x", "b", "1"), ("x", "c", "2"), ("y", "a", "2"), ("y", "b", "2")]
    one = plan(crowd(rows), Rule())
    two = plan(crowd([(item, worker + "!", value) for item, worker, value in rows]), Rule())
    assert one.items == two.items == ["x", "y"]
    assert np.allclose(one.error, two.error) and np.allclose(one.gain, two.gain)


def test_from_the_file_of_a_run(tmp_path):
    rows = [
        ("x", "a", "1", None),
        ("x", "b", "1", None),
        ("y", "a", "2", "2"),
        ("y", "b", "1", "2"),
    ]
    columns = dict(zip(("item_id", "worker_id", "answer", "gold"), zip(*rows, strict=True),
                       strict=True))  # fmt: skip
    table = pa.table({name: pa.array(list(cells), pa.string()) for name, cells in columns.items()})
    path = tmp_path / "answers.parquet"
    pq.write_table(table, path)
    found = plan_of_input(path, {"level": "nominal", "repeats": "keep"}, Rule())
    assert found.items == ["x", "y"]
    assert found.known.tolist() == [False, True]
    assert not np.isnan(found.error).any() and not np.isnan(found.gain).any()


def test_one_class_and_nothing_at_all_give_a_defined_answer(crowd):
    found = plan(crowd([("x", "a", "1"), ("y", "b", "1")]), Rule(least=1))
    assert found.error == pytest.approx(0) and not found.worth.any()
    nothing = plan(crowd([]), Rule())
    assert nothing.items == [] and nothing.stated is None


def test_too_many_classes_are_refused_with_a_sentence(crowd):
    rows = [(f"i{n}", f"w{n % 60}", f"text {n}") for n in range(4_000)]
    with pytest.raises(InputError, match="confusion matrices"):
        plan(crowd(rows), Rule())
