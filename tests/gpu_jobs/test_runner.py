import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpu_jobs import runner
from gpu_jobs.contracts import InputError, Result, Spec

ROOT = Path(__file__).resolve().parents[2]
STAGES = 7


class KilledError(Exception):
    pass


@pytest.fixture
def project(tmp_path):
    """400 submissions of 20 workers, one of them hasty and wrong; gold on every fifth item."""
    draw = np.random.default_rng(11)
    rows = []
    for i in range(80):
        right = "AB"[i % 2]
        for w in draw.choice(20, 5, replace=False):
            hasty = w == 0
            good = draw.random() < (0.3 if hasty else 0.9)
            rows.append(
                {
                    "submission_id": f"s{len(rows)}",
                    "item_id": f"i{i}",
                    "worker_id": f"w{w}",
                    "answer": right if good else "BA"[i % 2],
                    "gold": right if i % 5 == 0 else None,
                    "seconds": 1.0 if hasty else float(draw.lognormal(3.4, 0.2)),
                }
            )
    rows.append(rows[0] | {"submission_id": "again", "answer": "A"})
    rows.append(rows[1] | {"submission_id": "blank", "answer": "", "seconds": None})
    path = tmp_path / "input.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def quiet(done, total, message):
    pass


def quality(path, version=3, **params):
    return Spec(kind="quality", input=str(path), params=params, version=version)


def bytes_of(workdir):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in workdir.iterdir()}


def test_figures_files_and_json(project, tmp_path):
    seen = []
    spec = quality(project, kappa_min_shared=3)
    result = runner.run(spec, workdir=tmp_path / "w", report=lambda *step: seen.append(step))
    assert Result.from_json(result.to_json()) == result
    assert Spec.from_json(spec.to_json()) == spec
    assert [step[:2] for step in seen] == [(n, STAGES) for n in range(1, STAGES + 1)]
    figures = json.loads(result.to_json())["figures"]
    assert set(figures) == {
        "agreement", "labels", "gold", "anomalies", "scores", "matrices", "machines",
    }  # fmt: skip
    assert figures["agreement"]["alpha"] > 0.3
    assert figures["agreement"]["repeats"] == 1
    assert figures["agreement"]["missing"] == 1
    assert figures["agreement"]["kappa"]["pairs"] > 0
    assert figures["labels"]["accuracy"] > 0.9
    assert figures["gold"]["gold_items"] == 16
    assert figures["scores"] == {"submissions": 402, "scored": 400}
    for name, about in result.files.items():
        content = (tmp_path / "w" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == about["sha256"]


def test_scores_of_each_submission(project, tmp_path):
    runner.run(quality(project), workdir=tmp_path / "w", report=quiet)
    given = pq.read_table(project).to_pylist()
    scores = pq.read_table(tmp_path / "w" / "scores.parquet").to_pylist()
    labels = {
        row["item_id"]: row for row in pq.read_table(tmp_path / "w" / "labels.parquet").to_pylist()
    }
    assert [row["submission_id"] for row in scores] == [row["submission_id"] for row in given]
    for row, score in list(zip(given, scores, strict=True))[1:-2]:
        label = labels[row["item_id"]]
        assert score["agrees_with_label"] == (row["answer"] == label["answer"])
        assert score["label_probability"] == label["probability"]
        wanted = None if row["gold"] is None else row["answer"] == row["gold"]
        assert score["gold_correct"] == wanted
        if row["item_id"] != "i0":
            others = [
                each["answer"] == row["answer"]
                for each in given
                if each["item_id"] == row["item_id"] and each is not row
            ]
            assert score["item_agreement"] == pytest.approx(np.mean(others))
    hasty = [s["anomaly"] for r, s in zip(given, scores, strict=True) if r["worker_id"] == "w0"]
    assert hasty.count("fast") >= len(hasty) - 1
    for lost in (scores[0], scores[-1]):
        assert lost["agrees_with_label"] is None
        assert lost["label_probability"] is None
    workers = pq.read_table(tmp_path / "w" / "workers.parquet").to_pylist()
    assert all(row["low"] <= row["lower"] <= row["q"] <= row["high"] for row in workers)
    assert {row["decisive"] for row in workers} == {row["gold"] >= 8 for row in workers}


@pytest.mark.parametrize("stage", range(1, STAGES + 1))
def test_a_killed_run_goes_on_with_the_same_bytes(project, tmp_path, stage, monkeypatch):
    spec = quality(project)
    whole = runner.run(spec, workdir=tmp_path / "whole", report=quiet)

    def kill(done, total, message):
        if done == stage:
            raise KilledError

    with pytest.raises(KilledError):
        runner.run(spec, workdir=tmp_path / "killed", report=kill)
    untouched = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").iterdir()}
    resumed = runner.run(spec, workdir=tmp_path / "killed", report=quiet)
    assert resumed.to_json() == whole.to_json()
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == then for path, then in untouched.items())


DIES_AT_ITS_FOURTH_RENAME = """
import os, sys
from pathlib import Path
from gpu_jobs import runner
from gpu_jobs.contracts import Spec
rename, left = Path.replace, [3]
def replace(path, target):
    if not left[0]:
        os._exit(9)
    left[0] -= 1
    return rename(path, target)
Path.replace = replace
spec = Spec.from_json(sys.argv[1])
print(runner.run(spec, workdir=Path(sys.argv[2]), report=lambda *step: None).to_json())
"""


def test_processes_killed_while_they_write_get_there_in_the_end(project, tmp_path):
    """The files of a stage lie there without its completion file, and half-written ones too."""
    spec = quality(project)
    wanted = runner.run(spec, workdir=tmp_path / "whole", report=quiet).to_json()
    died = 0
    while True:
        done = subprocess.run(
            [sys.executable, "-c", DIES_AT_ITS_FOURTH_RENAME, spec.to_json(), str(tmp_path / "w")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode == 0:
            break
        assert (done.returncode, died < 9) == (9, True), done.stderr
        died += 1
    assert died >= 2
    assert done.stdout.strip() == wanted
    assert bytes_of(tmp_path / "w") == bytes_of(tmp_path / "whole")


def test_a_damaged_file_is_made_again(project, tmp_path):
    spec = quality(project)
    runner.run(spec, workdir=tmp_path / "w", report=quiet)
    before = bytes_of(tmp_path / "w")
    (tmp_path / "w" / "labels.parquet").write_bytes(b"half")
    (tmp_path / "w" / "scores.parquet").unlink()
    runner.run(spec, workdir=tmp_path / "w", report=quiet)
    assert bytes_of(tmp_path / "w") == before


def test_a_workdir_of_another_run_is_refused(project, tmp_path):
    runner.run(quality(project), workdir=tmp_path / "w", report=quiet)
    other = quality(project, method="majority")
    with pytest.raises(InputError, match="another run"):
        runner.run(other, workdir=tmp_path / "w", report=quiet)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": "speed"}, "kind must be one of"),
        ({"version": 9}, "not quality/9"),
        ({"params": {"speed": 1}}, "no parameter 'speed'"),
        ({"params": {"level": "high"}}, "level must be one of"),
        ({"params": {"max_iter": "5"}}, "max_iter must be a whole number"),
        ({"params": {"classes": "AB"}}, "classes must be null or a list"),
        ({"params": {"classes": ["A"]}}, "'B' is not one of the classes"),
        ({"params": {"repeats": "reject"}}, "repeats are rejected"),
        ({"input": "nowhere.parquet"}, "cannot be read"),
    ],
)
def test_wrong_specs_say_what_is_wrong(project, tmp_path, change, sentence):
    fields = {"kind": "quality", "input": str(project), "version": 2} | change
    with pytest.raises(InputError, match=sentence):
        runner.run(Spec(**fields), workdir=tmp_path / "w", report=quiet)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"kind":"quality"}',
        Spec(kind="a", input="b", seed=1).to_json().replace('"seed":1', '"seed":"1"'),
    ],
)
def test_broken_json_is_an_input_error(text):
    with pytest.raises(InputError):
        Spec.from_json(text)


def test_an_empty_project_has_empty_scores(tmp_path):
    names = ("submission_id", "item_id", "worker_id", "answer", "gold")
    table = pa.table({name: pa.array([], pa.string()) for name in names})
    pq.write_table(table.append_column("seconds", pa.array([], pa.float64())), tmp_path / "e.pq")
    spec = quality(tmp_path / "e.pq")
    result = runner.run(spec, workdir=tmp_path / "w", report=quiet)
    assert result.figures["agreement"]["alpha"] is None
    assert result.files["scores.parquet"]["rows"] == 0


def test_suspect_gold_and_signals_of_a_run(project, tmp_path):
    result = runner.run(quality(project), workdir=tmp_path, report=quiet)
    gold = pq.read_table(tmp_path / "gold_items.parquet").to_pylist()
    assert len(gold) == result.figures["gold"]["gold_items"]
    assert sum(row["suspect"] for row in gold) == result.figures["gold"]["suspect_gold"]
    assert all(row["answers"] == 5 or row["item_id"] == "i0" for row in gold)
    signals = {
        row["worker_id"]: row for row in pq.read_table(tmp_path / "signals.parquet").to_pylist()
    }
    assert len(signals) == 20
    assert [who for who, row in signals.items() if "haste" in row["signals"]] == ["w0"]
    assert result.figures["anomalies"]["signals"]["haste"] == 1


# ── Version 2 ───────────────────────────────────────────────────────────────────────────────────


def changed(path, to, change):
    """The same input with other rows."""
    rows = change(pq.read_table(path).to_pylist())
    pq.write_table(pa.Table.from_pylist(rows), to)
    return to


def with_machines(rows):
    """One model that is right on four of five items, one function that always says A."""
    model = [
        {
            "submission_id": f"m{i}",
            "item_id": f"i{i}",
            "worker_id": "model:large",
            "answer": "AB"[i % 2] if i % 5 else "BA"[i % 2],
            "gold": None,
            "seconds": None,
            "annotator": "model",
        }
        for i in range(80)
    ]
    function = [
        row
        | {
            "submission_id": f"f{row['item_id']}",
            "worker_id": "function:first",
            "answer": "A",
            "annotator": "function",
        }
        for row in model[:70]
    ]
    return [row | {"annotator": None} for row in rows] + model + function


def ran(path, workdir, **params):
    return runner.run(quality(path, **params), workdir=workdir, report=quiet)


def test_the_method_is_chosen_and_says_why(project, tmp_path):
    labels = ran(project, tmp_path / "few").figures["labels"]
    assert labels["choice"]["by"] == "held-out likelihood", "16 known answers are too few"
    assert labels["method"] == labels["choice"]["explains_best"]
    assert set(labels["choice"]["held_out_log_likelihood"]) >= {"majority", "dawid-skene"}

    def known(rows):
        return [row | {"gold": "AB"[int(row["item_id"][1:]) % 2]} for row in rows]

    labels = ran(changed(project, tmp_path / "gold.pq", known), tmp_path / "many").figures["labels"]
    assert labels["choice"]["by"] == "gold"
    assert labels["choice"]["gold_accuracy"][labels["method"]] == labels["accuracy"]
    assert labels["helps"] in {True, False} and labels["agrees_against_gold"] is False


def test_people_who_agree_against_the_gold_are_seen(tmp_path):
    """Every second item looks like the other class, to nearly everybody."""
    draw = np.random.default_rng(3)
    rows = []
    for i in range(120):
        right = "AB"[i % 2]
        seen = "BA"[i % 2] if i % 4 < 2 else right
        for w in range(9):
            good = draw.random() < (0.95 if w < 5 else 0.5)
            rows.append(
                {
                    "submission_id": f"s{len(rows)}",
                    "item_id": f"i{i}",
                    "worker_id": f"w{w}",
                    # The four others do not share the belief: the vote is often saved by them.
                    "answer": (seen if w < 5 else right) if good else "BA"["AB".index(seen)],
                    "gold": right,
                }
            )
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "ducks.pq")
    labels = ran(tmp_path / "ducks.pq", tmp_path / "w").figures["labels"]
    assert labels["agrees_against_gold"] is True
    assert labels["helps"] is False


def test_machines_enter_the_labels_and_nothing_of_people(project, tmp_path):
    both = ran(changed(project, tmp_path / "both.pq", with_machines), tmp_path / "both")
    people = ran(project, tmp_path / "people")
    for stage in ("agreement", "gold", "anomalies", "scores"):
        assert both.figures[stage] == people.figures[stage], stage
    for name in ("workers.parquet", "gold_items.parquet", "signals.parquet", "anomalies.parquet"):
        assert both.files[name] == people.files[name]
    assert both.figures["matrices"]["people"] == people.figures["matrices"]["people"]
    assert both.files["scores.parquet"]["rows"] == 402
    matrices = both.figures["labels"]["non_human"]["confusion"]
    assert set(matrices) == {"model:large", "function:first"}
    function = np.array(matrices["function:first"])
    assert function[:, 1].sum() == 0 and function.sum() == 70
    labels = pq.read_table(tmp_path / "both" / "labels.parquet").to_pylist()
    assert {row["n_non_human"] for row in labels} == {1, 2}


def test_each_machine_has_its_own_figures(project, tmp_path):
    path = changed(project, tmp_path / "both.pq", with_machines)
    found = ran(path, tmp_path / "w").figures["machines"]
    model, function = found["model:large"], found["function:first"]
    assert (model["answers"], model["gold"], model["correct"]) == (80, 16, 0)
    assert model["low"] < model["q"] < model["high"] < 0.2
    assert function["labelled"] == 70
    assert function["agreed"] == pytest.approx(35, abs=2)
    assert ran(project, tmp_path / "people").figures["machines"] == {}


def test_a_worker_is_a_person_or_not(project, tmp_path):
    def torn(rows):
        return [rows[0] | {"annotator": "model"}] + [row | {"annotator": None} for row in rows[1:]]

    with pytest.raises(InputError, match="a person in one row and not in another"):
        ran(changed(project, tmp_path / "torn.pq", torn), tmp_path / "w")


def timed(rows):
    """Somebody answers the same for a whole sitting, and somebody falls asleep half-way."""
    rows = [row | {"at": float(n)} for n, row in enumerate(rows) if row["answer"]]
    for n, row in enumerate(rows):
        if row["worker_id"] == "w1":
            row["answer"] = "AB"[n // 130 % 2]
    return rows


def test_times_bring_runs_and_drift(project, tmp_path):
    without = ran(project, tmp_path / "without").figures["anomalies"]
    assert set(without["absent"]) >= {"straight-lining", "drift"}
    path = changed(project, tmp_path / "timed.pq", timed)
    found = ran(path, tmp_path / "timed").figures["anomalies"]
    assert not set(found["absent"]) & {"straight-lining", "drift"}
    assert found["judged"]["drift"]["judged"] > 10
    signals = pq.read_table(tmp_path / "timed" / "signals.parquet").to_pylist()
    (sitting,) = [row for row in signals if row["worker_id"] == "w1"]
    assert "straight-lining" in sitting["signals"]


def test_an_undisclosed_signal_is_not_kept(project, tmp_path):
    path = changed(project, tmp_path / "timed.pq", timed)
    found = ran(path, tmp_path / "w", signals=["haste"]).figures["anomalies"]
    assert set(found["signals"]) == set(found["judged"]) == {"haste"}
    assert found["flagged_workers"] == 0, "one family alone flags nobody"
    names = pq.read_table(tmp_path / "w" / "signals.parquet").column_names
    assert names == ["worker_id", "haste", "signals", "families", "flagged"]
    assert set(found["absent"]) <= {"haste"}


def test_repeats_say_how_far_people_agree_with_themselves(project, tmp_path):
    def again(rows):
        rows = [row for row in rows if row["answer"]]
        twice = [row | {"submission_id": f"{row['submission_id']}-2"} for row in rows[:40]]
        return rows + twice

    path = changed(project, tmp_path / "again.pq", again)
    found = ran(path, tmp_path / "w", repeats="keep").figures["agreement"]["intra"]
    assert found["units"] >= 39 and found["low"] < found["agreement"] <= 1
    assert "intra" not in ran(path, tmp_path / "last").figures["agreement"]


def test_version_1_is_still_computed_as_it_was(project, tmp_path):
    spec = quality(project, version=1)
    seen = []
    old = runner.run(spec, workdir=tmp_path / "old", report=lambda *step: seen.append(step[1]))
    assert set(seen) == {6} and "machines" not in old.figures
    assert old.figures["labels"]["method"] == "dawid-skene"
    assert "choice" not in old.figures["labels"]
    fixed = ran(project, tmp_path / "fixed", method="dawid-skene")
    assert old.files == fixed.files
    for stage in old.figures:
        assert old.figures[stage] == fixed.figures[stage]


def test_a_big_crowd_leaves_out_what_is_slow(project, tmp_path, monkeypatch):
    monkeypatch.setattr("gpu_jobs.aggregation.choice.SLOW_ANSWERS", 100)
    choice = ran(project, tmp_path).figures["labels"]["choice"]
    why = "not tried above 100 answers: it would take too long"
    assert choice["unfit"] == {"mace": why, "mace-em": why}
    assert "mace" not in choice["held_out_log_likelihood"]
