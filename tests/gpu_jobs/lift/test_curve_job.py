"""Kind `curve`, for one worker and for many."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Result, Spec
from gpu_jobs.lift import curve_job as job
from gpu_jobs.lift import table as sets
from gpu_jobs.lift.curve import curves
from gpu_jobs.lift.problem import build
from gpu_jobs.lift.recipes import recipe_of
from tests.gpu_jobs.lift.test_job import KilledError, quiet, written

PARAMS = {"recipe": "tabular", "further": 200, "replicates": 4, "resamples": 50}


def rows(sizes=(120, 90, 12), test=150):
    draw = np.random.default_rng(3)
    groups = [f"kind {number}" for number, size in enumerate(sizes) for _ in range(size)]
    made = []
    for number, group in enumerate([*groups, *[None] * test]):
        features = draw.standard_normal(8)
        label = features[0] + features[1] + 0.3 * draw.standard_normal() > 0
        made.append(
            {
                "split": "test" if group is None else "train",
                "row_id": f"r{number}",
                "item_id": f"i{number}",
                "group": group,
                "answer": "yes" if label else "no",
                "features": features.tolist(),
            }
        )
    return made


@pytest.fixture
def spec(tmp_path):
    return Spec(kind="curve", input=str(written(rows(), tmp_path / "in.parquet")), params=PARAMS)


def test_figures_are_those_of_the_library_without_prices(spec, tmp_path):
    seen = []
    result = runner.run(spec, workdir=tmp_path / "w", report=lambda *step: seen.append(step[:2]))
    assert Result.from_json(result.to_json()) == result
    assert seen[-1] == (4, 4)
    found = result.figures["curve"]
    assert found["stopped"] == "complete" and found["rows"] == 222 and found["test_rows"] == 150
    by_group = {one["group"]: one for one in found["curves"]}
    assert [one["whole"] for one in found["curves"]].count(True) == 1
    assert by_group["everything"]["whole"] and by_group["everything"]["rows"] == 222
    assert by_group["kind 2"]["says"] == "too few rows" and by_group["kind 2"]["gain"] is None
    assert not any("cents" in name for one in found["curves"] for name in one)
    recipe = recipe_of("tabular")
    given = sets.read_sets(tmp_path / "in.parquet", recipe, min_rows=1)
    problem = build(given.train, given.test, recipe=recipe, metric="accuracy", resamples=50)
    for one in curves(problem, further=200, replicates=4):
        mine = by_group[one.group]
        assert (mine["gain"], mine["low"], mine["high"]) == (one.gain, one.low, one.high)
        assert (mine["says"], mine["held"], mine["far"]) == (one.says, one.held, one.far)
    table = pq.read_table(tmp_path / "w" / "points.parquet").to_pylist()
    assert table == [
        {"group": one["group"], **point} for one in found["curves"] for point in one["points"]
    ]
    for one in found["curves"]:
        sizes = [point["rows"] for point in one["points"]]
        assert all(a < b for a, b in itertools.pairwise(sizes))
        assert all(p["low"] <= p["value"] <= p["high"] for p in one["points"])
        assert one["gain"] is None or (one["low"] <= one["high"] and one["gain"] >= 0)


def test_workers_in_any_order_make_the_bytes_of_one(spec, tmp_path):
    alone = runner.run(spec, workdir=tmp_path / "one", report=quiet)
    shared = tmp_path / "two"
    assert job.plan(spec, shared) == 4
    for number in (3, 1, 0, 1):
        job._read.cache_clear()
        assert job.compute(spec, shared, number) >= 0
    assert not job.enough(spec, shared)
    job.compute(spec, shared, 2)
    assert job.enough(spec, shared)
    assert job.finish(spec, shared).to_json() == alone.to_json()
    one, two = ((tmp_path / name / "points.parquet").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_killed_run_goes_on(spec, tmp_path):
    whole = runner.run(spec, workdir=tmp_path / "whole", report=quiet)

    def kill(done, total, message):
        if done == 2:
            raise KilledError

    with pytest.raises(KilledError):
        runner.run(spec, workdir=tmp_path / "w", report=kill)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "w").rglob("*.npz")}
    assert len(before) == 2
    assert runner.run(spec, workdir=tmp_path / "w", report=quiet).to_json() == whole.to_json()
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())


def test_a_budget_leaves_curves_out_and_says_so(spec, tmp_path):
    workdir = tmp_path / "w"
    job.plan(spec, workdir)
    with pytest.raises(InputError, match="no chunk"):
        job.finish(spec, workdir)
    job.compute(spec, workdir, 0)
    found = job.finish(spec, workdir).figures["curve"]
    assert found["stopped"] == "budget"
    says = {one["group"]: one["says"] for one in found["curves"]}
    assert says.pop("everything") != "not reached"
    assert set(says.values()) == {"not reached"}


def test_order_and_names_change_no_figure_of_everything(spec, tmp_path):
    one = runner.run(spec, workdir=tmp_path / "one", report=quiet).figures["curve"]
    given = rows()
    given.reverse()
    data = written(given, tmp_path / "other.parquet")
    other = Spec(kind="curve", input=str(data), params=PARAMS)
    assert runner.run(other, workdir=tmp_path / "two", report=quiet).figures["curve"] == one


def test_without_everything_each_group_is_as_it_was(spec, tmp_path):
    whole = runner.run(spec, workdir=tmp_path / "one", report=quiet).figures["curve"]
    part = Spec(kind="curve", input=spec.input, params=PARAMS | {"everything": False})
    found = runner.run(part, workdir=tmp_path / "two", report=quiet).figures["curve"]
    assert found["curves"] == [one for one in whole["curves"] if not one["whole"]]
    alone = written(rows(sizes=(90,)), tmp_path / "alone.parquet")
    one = Spec(kind="curve", input=str(alone), params=PARAMS | {"everything": False})
    found = runner.run(one, workdir=tmp_path / "three", report=quiet).figures["curve"]
    assert [each["group"] for each in found["curves"]] == ["everything"]


def one_class(given):
    return [row | {"answer": "yes"} for row in given]


def no_test(given):
    return [row for row in given if row["split"] == "train"]


def few(given):
    return given[:30] + given[-100:]


def leak(given):
    return [*given[:-1], given[-1] | {"features": given[0]["features"]}]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (one_class, "all labels are 'yes'"),
        (no_test, "at least two rows"),
        (few, "needs at least 40 answers to train on; there are 30"),
        (leak, "test item 'i371' is in the training set"),
    ],
)
def test_what_is_wrong_is_one_sentence(change, sentence, tmp_path):
    data = written(change(rows()), tmp_path / "in.parquet")
    spec = Spec(kind="curve", input=str(data), params=PARAMS)
    with pytest.raises(InputError, match=sentence):
        runner.run(spec, workdir=tmp_path / "w", report=quiet)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"seeds": 3}, "curve has no parameter 'seeds'"),
        ({"further": 0}, "at least one answer ahead"),
        ({"further": 2.5}, "must be a whole number"),
        ({"replicates": 2}, "three replicates"),
        ({"min_rows": 0}, "min_rows"),
        ({"least_gain": -1.0}, "least_gain"),
    ],
)
def test_parameters(params, sentence):
    with pytest.raises(InputError, match=sentence):
        job.Params.of(PARAMS | params)


def test_a_chunk_that_is_not_there(spec, tmp_path):
    with pytest.raises(InputError, match="chunks 0 to 3, not 4"):
        job.compute(spec, tmp_path / "w", 4)


def test_rows_without_an_answer_are_left_out(tmp_path):
    given = [*rows(), rows()[0] | {"row_id": "x", "answer": None}]
    pq.write_table(pa.Table.from_pylist(given), tmp_path / "in.parquet")
    spec = Spec(kind="curve", input=str(tmp_path / "in.parquet"), params=PARAMS)
    found = runner.run(spec, workdir=tmp_path / "w", report=quiet).figures["curve"]
    assert found["rows"] == 222
