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
STAGES = 6


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


def bytes_of(workdir):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in workdir.iterdir()}


def test_figures_files_and_json(project, tmp_path):
    seen = []
    spec = Spec(kind="quality", input=str(project), params={"kappa_min_shared": 3})
    result = runner.run(spec, workdir=tmp_path / "w", report=lambda *step: seen.append(step))
    assert Result.from_json(result.to_json()) == result
    assert Spec.from_json(spec.to_json()) == spec
    assert [step[:2] for step in seen] == [(n, STAGES) for n in range(1, STAGES + 1)]
    figures = json.loads(result.to_json())["figures"]
    assert set(figures) == {"agreement", "labels", "gold", "anomalies", "scores", "matrices"}
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
    runner.run(Spec(kind="quality", input=str(project)), workdir=tmp_path / "w", report=quiet)
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
    spec = Spec(kind="quality", input=str(project))
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
    spec = Spec(kind="quality", input=str(project))
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
    spec = Spec(kind="quality", input=str(project))
    runner.run(spec, workdir=tmp_path / "w", report=quiet)
    before = bytes_of(tmp_path / "w")
    (tmp_path / "w" / "labels.parquet").write_bytes(b"half")
    (tmp_path / "w" / "scores.parquet").unlink()
    runner.run(spec, workdir=tmp_path / "w", report=quiet)
    assert bytes_of(tmp_path / "w") == before


def test_a_workdir_of_another_run_is_refused(project, tmp_path):
    runner.run(Spec(kind="quality", input=str(project)), workdir=tmp_path / "w", report=quiet)
    other = Spec(kind="quality", input=str(project), params={"method": "majority"})
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
    fields = {"kind": "quality", "input": str(project)} | change
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
    spec = Spec(kind="quality", input=str(tmp_path / "e.pq"))
    result = runner.run(spec, workdir=tmp_path / "w", report=quiet)
    assert result.figures["agreement"]["alpha"] is None
    assert result.files["scores.parquet"]["rows"] == 0


def test_suspect_gold_and_signals_of_a_run(project, tmp_path):
    result = runner.run(Spec(kind="quality", input=str(project)), workdir=tmp_path, report=quiet)
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
