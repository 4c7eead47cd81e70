"""Runs of kind `repeats`: the figures of `intra.py`, over all and by person."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Spec
from gpu_jobs.shares import wilson


def ran(rows, folder, **params):
    """rows: (item, worker, answer)."""
    path = folder / "in.parquet"
    names = ("item_id", "worker_id", "answer")
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    table = {
        name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)
    }
    pq.write_table(pa.table(table), path)
    spec = Spec(kind="repeats", version=1, input=str(path), params=params)
    return runner.run(spec, workdir=folder / "work", report=lambda *_: None)


TWICE = [
    ("i1", "ann", "a"), ("i1", "ann", "a"), ("i2", "ann", "a"), ("i2", "ann", "b"),
    ("i1", "ben", "b"), ("i1", "ben", "b"), ("i3", "ben", "a"), ("i3", "ben", "a"),
]  # fmt: skip


def test_each_person_and_all_together(tmp_path):
    found = ran(TWICE, tmp_path)
    overall = found.figures["agreement"]
    assert (overall["agreement"], overall["units"], overall["workers"]) == (0.75, 4, 2)
    low, high = wilson(np.array([3.0]), np.array([4]))
    assert (overall["low"], overall["high"]) == (pytest.approx(low[0]), pytest.approx(high[0]))
    ann, ben = found.figures["people"]["workers"]
    assert (ann["worker"], ann["items"], ann["agreement"]) == ("ann", 2, 0.5)
    assert (ben["worker"], ben["items"], ben["agreement"]) == ("ben", 2, 1.0)
    assert found.files == {}


def test_answers_of_two_people_to_an_item_are_no_pair(tmp_path):
    found = ran([("i1", "ann", "a"), ("i1", "ben", "a")], tmp_path)
    assert found.figures["agreement"]["agreement"] is None
    assert found.figures["people"]["workers"] == []


def test_steps_of_an_order_count_by_their_distance(tmp_path):
    rows = [("i1", "ann", "1"), ("i1", "ann", "2"), ("i2", "ann", "1"), ("i2", "ann", "3")]
    (tmp_path / "one").mkdir()
    ordinal = ran(rows, tmp_path / "one", level="ordinal", classes=["1", "2", "3"])
    nominal = ran(rows, tmp_path)
    assert nominal.figures["agreement"]["agreement"] == 0
    assert 0 < ordinal.figures["agreement"]["agreement"] < 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"nonsense": 1}, "no parameter 'nonsense'"),
        ({"level": "loud"}, "level must be one of"),
        ({"classes": "a"}, "classes must be null or a list"),
        ({"resamples": -1}, "resamples must be a whole number"),
        ({"classes": ["a"]}, "b"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, params, words):
    with pytest.raises(InputError, match=words):
        ran(TWICE, tmp_path, **params)
