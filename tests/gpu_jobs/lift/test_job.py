"""Kind `lift`, for one worker and for many."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Result, Spec
from gpu_jobs.lift import job

WRONG = [0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.1, 0.2, 0.0, 0.1, 0.0, 0.1, 0.2, 1.0]
PARAMS = {
    "recipe": "tabular",
    "method": "shapley",
    "seeds": 3,
    "rounds": 6,
    "resamples": 50,
    "chance": 4,
}


class KilledError(Exception):
    pass


def quiet(done, total, message):
    pass


def rows(per_group=12, test=120):
    draw = np.random.default_rng(3)
    made = []
    for number in range(len(WRONG) * per_group + test):
        group = number // per_group if number < len(WRONG) * per_group else None
        features = draw.standard_normal(4)
        label = bool(features[0] + 0.3 * draw.standard_normal() > 0)
        if group is not None:
            label ^= bool(draw.random() < WRONG[group])
        made.append(
            {
                "split": "test" if group is None else "train",
                "row_id": f"r{number}",
                "item_id": f"i{number}",
                "group": None if group is None else f"g{group:02d}",
                "answer": "yes" if label else "no",
                "features": features.tolist(),
            }
        )
    return made


def written(made, path):
    pq.write_table(pa.Table.from_pylist(made), path)
    return path


@pytest.fixture
def spec(tmp_path):
    return Spec(kind="lift", input=str(written(rows(), tmp_path / "in.parquet")), params=PARAMS)


def files_of(workdir):
    made = sorted(workdir.rglob("*.parquet")) + sorted(workdir.rglob("*.npz"))
    return {path.name: path.read_bytes() for path in made}


def test_figures_and_files(spec, tmp_path):
    seen = []
    result = runner.run(spec, workdir=tmp_path / "w", report=lambda *step: seen.append(step[:2]))
    assert Result.from_json(result.to_json()) == result
    found = result.figures["lift"]
    assert set(found) >= {"groups", "everybody", "nobody", "assumptions", "stopped"}
    by_group = {one["group"]: one for one in found["groups"]}
    assert len(by_group) == 14 and all(one["n"] == 12 for one in by_group.values())
    assert by_group["g13"]["significant"] == "negative" and by_group["g13"]["high"] < 0
    assert found["everybody"] > 0.8 and found["nobody"] == pytest.approx(0.5, abs=0.1)
    table = pq.read_table(tmp_path / "w" / "groups.parquet").to_pylist()
    assert table == found["groups"]
    assert seen[-1][0] == found["convergence"]["chunks"]
    cost = json.loads((tmp_path / "w" / "cost.json").read_text())
    assert cost["seconds"] == pytest.approx(sum(cost["chunks"])) and cost["seconds"] > 0
    assert sum(cost["groups"].values()) == pytest.approx(cost["seconds"])


def test_examples_are_the_groups_own_rows(spec, tmp_path):
    runner.run(spec, workdir=tmp_path / "w", report=quiet)
    given = {row["row_id"]: row for row in rows()}
    found = pq.read_table(tmp_path / "w" / "examples.parquet").to_pylist()
    assert found
    for one in found:
        row = given[one["row_id"]]
        assert (row["group"], row["item_id"]) == (one["group"], one["item_id"])
        assert one["size"] > 0
    spam = [one for one in found if one["group"] == "g13"]
    assert [one["effect"] for one in spam].count("hurt") >= 6
    for group in {one["group"] for one in found}:
        sizes = [one["size"] for one in found if (one["group"], one["effect"]) == (group, "helped")]
        assert len(sizes) <= 10 and sizes == sorted(sizes, reverse=True)


def test_workers_that_share_chunks_make_the_bytes_of_one(spec, tmp_path):
    alone = runner.run(spec, workdir=tmp_path / "one", report=quiet)
    shared = tmp_path / "two"
    most = job.plan(spec, shared)
    assert most == 10
    # One takes the odd ones from the end, the other the even ones; one is made twice.
    for number in (9, 7, 5, 3, 1, 0, 2, 4, 6, 8, 3):
        job._read.cache_clear()
        assert job.compute(spec, shared, number) > 0
    assert job.enough(spec, shared)
    together = job.finish(spec, shared)
    assert together.to_json() == alone.to_json()
    mine, theirs = files_of(shared), files_of(tmp_path / "one")
    assert all(mine[name] == content for name, content in theirs.items())


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
    assert files_of(tmp_path / "w") == files_of(tmp_path / "whole")


def test_a_budget_ends_it_with_wider_intervals(tmp_path):
    data = written(rows(), tmp_path / "in.parquet")
    wanted = PARAMS | {"method": "with-without", "seeds": 40, "base": 60, "take": 12}
    small = Spec(kind="lift", input=str(data), params=wanted | {"budget": 1e-9})
    result = runner.run(small, workdir=tmp_path / "small", report=quiet)
    assert result.figures["lift"]["stopped"] == "budget"
    assert result.figures["lift"]["convergence"]["chunks"] == 1
    assert {one["significant"] for one in result.figures["lift"]["groups"]} == {None}


def test_what_is_there_can_be_finished_early(tmp_path):
    data = written(rows(), tmp_path / "in.parquet")
    wanted = PARAMS | {"method": "with-without", "seeds": 9, "base": 60, "take": 12, "chance": 0}
    spec = Spec(kind="lift", input=str(data), params=wanted)
    assert job.plan(spec, tmp_path / "w") == 9
    with pytest.raises(InputError, match="no chunk of this run"):
        job.finish(spec, tmp_path / "w")
    for number in (0, 1, 2, 5):
        job.compute(spec, tmp_path / "w", number)
    assert not job.enough(spec, tmp_path / "w")
    found = job.finish(spec, tmp_path / "w").figures["lift"]
    assert (found["stopped"], found["convergence"]["chunks"]) == ("budget", 3)
    with pytest.raises(InputError, match="chunks 0 to 8, not 9"):
        job.compute(spec, tmp_path / "w", 9)


def test_row_order_changes_nothing(spec, tmp_path):
    made = rows()
    np.random.default_rng(8).shuffle(made)
    other = Spec(kind="lift", input=str(written(made, tmp_path / "b.parquet")), params=PARAMS)
    one = runner.run(spec, workdir=tmp_path / "a", report=quiet)
    two = runner.run(other, workdir=tmp_path / "b", report=quiet)
    assert one.figures == two.figures
    assert one.files == two.files


def test_another_runs_workdir_is_refused(spec, tmp_path):
    job.plan(spec, tmp_path / "w")
    other = Spec(kind="lift", input=spec.input, params=PARAMS, seed=1)
    with pytest.raises(InputError, match="chunks of another run"):
        job.plan(other, tmp_path / "w")


def test_texts(tmp_path):
    made = [
        {name: value for name, value in row.items() if name != "features"}
        | {"text": f"{'good' if row['answer'] == 'yes' else 'bad'} number {row['row_id']}"}
        for row in rows()
    ]
    data = written(made, tmp_path / "in.parquet")
    result = runner.run(
        Spec(kind="lift", input=str(data), params={"method": "loo"}),
        workdir=tmp_path / "w",
        report=quiet,
    )
    assert result.figures["lift"]["everybody"] > 0.95


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"row_id": "r1"}, "row_id 'r1' is there more than once"),
        ({"split": "dev"}, "split must be train or test, not 'dev'"),
        ({"group": None}, "row 'r0' has no group"),
        ({"item_id": "i170"}, "test item 'i170' is in the training set, too"),
        ({"features": [1.0]}, "a list of the same length in every row"),
        ({"features": [1.0, None, 2.0, 3.0]}, "a list with a null in it"),
        ({"features": [1.0, float("nan"), 2.0, 3.0]}, "a number is not finite"),
        ({"split": "test", "group": None, "answer": " "}, "row 'r0' has no answer"),
    ],
)
def test_wrong_rows_say_what_is_wrong(tmp_path, change, sentence):
    made = rows()
    made[0] |= change
    data = written(made, tmp_path / "in.parquet")
    spec = Spec(kind="lift", input=str(data), params=PARAMS)
    with pytest.raises(InputError, match=sentence):
        runner.run(spec, workdir=tmp_path / "w", report=quiet)


def test_leaking_content_is_named(tmp_path):
    made = rows()
    made[0]["features"] = made[-1]["features"]
    spec = Spec(kind="lift", input=str(written(made, tmp_path / "in.parquet")), params=PARAMS)
    with pytest.raises(InputError, match=f"content of test item '{made[-1]['item_id']}'"):
        job.plan(spec, tmp_path / "w")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"speed": 1}, "lift has no parameter 'speed'"),
        ({"seeds": "5"}, "seeds must be a whole number, not '5'"),
        ({"seeds": True}, "seeds must be a whole number"),
        ({"budget": 0}, "budget must be above 0"),
        ({"budget": "1"}, "budget must be a number or null"),
        ({"balanced": 1}, "balanced must be true or false or null"),
        ({"min_rows": 0}, "min_rows must be at least 1"),
        ({"confidence": 1.0}, "confidence must be from 0.5"),
        ({"recipe": "magic"}, "recipe must be one of"),
        ({"recipe": "text-linear"}, "column text is missing"),
        ({"method": "magic"}, "method must be one of"),
        ({"metric": "magic"}, "metric must be one of"),
        ({"l2": -1.0}, "l2 must be above 0"),
        ({"dims": 0}, "dims must be at least 1"),
        ({"chance": 1}, "chance must be 0, for no control, or at least 2"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(spec, tmp_path, params, sentence):
    other = Spec(kind="lift", input=spec.input, params=PARAMS | params)
    with pytest.raises(InputError, match=sentence):
        job.plan(other, tmp_path / "w")


def test_confidence_widens_the_interval(spec, tmp_path):
    def width(confidence):
        params = PARAMS | {"method": "loo", "confidence": confidence}
        wanted = Spec(kind="lift", input=spec.input, params=params)
        found = runner.run(wanted, workdir=tmp_path / str(confidence), report=quiet)
        one = found.figures["lift"]["groups"][0]
        return one["high"] - one["low"]

    assert width(0.99) > 1.2 * width(0.95)
