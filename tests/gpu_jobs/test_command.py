"""The command line as a person meets it: a process, its stdout, stderr and exit code."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from gpu_jobs.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
TABLE = """item_id,worker_id,answer,gold
a,w1,cat,cat
a,w2,cat,cat
a,w3,dog,
b,w1,dog,dog
b,w2,dog,
b,w3,,
c,w1,dog,
c,w2,dog,
c,w3,cat,
"""


def call(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "gpu_jobs", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def printed(*arguments):
    done = call(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def inside(capsys):
    """The same call without a new process: exit code, stdout, stderr."""

    def run(*arguments):
        try:
            code = main([str(each) for each in arguments])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "crowd.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_agree(file):
    found = printed("agree", file)
    assert {"alpha", "level", "items", "workers", "answers", "percent_agreement"} <= set(found)
    assert (found["items"], found["workers"], found["answers"], found["missing"]) == (3, 3, 8, 1)
    assert found["alpha"] == pytest.approx(found["alpha_package"], abs=1e-9)
    assert found["percent_agreement"] == pytest.approx(6 / 14)


def test_aggregate_writes_labels_with_probabilities(file, tmp_path):
    for out in (tmp_path / "labels.csv", tmp_path / "labels.parquet"):
        found = printed("aggregate", file, "--method", "majority", "--out", out)
        assert found["method"] == "majority"
        assert found["accuracy"] == 1.0
        assert found["converged"] is True
        assert found["seconds_compute"] >= 0
    with (tmp_path / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["item_id"], row["answer"], row["n"]) for row in rows] == [
        ("a", "cat", "3"),
        ("b", "dog", "2"),
        ("c", "dog", "3"),
    ]
    assert float(rows[0]["probability"]) == pytest.approx(2 / 3)
    assert pyarrow.parquet.read_table(tmp_path / "labels.parquet").num_rows == 3


def test_accuracy_is_null_without_gold(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("item_id,worker_id,answer\n1,w,x\n1,v,x\n", encoding="utf-8")
    assert printed("aggregate", path)["accuracy"] is None


@pytest.mark.data
def test_reference_through_the_command_line(reference):
    found = printed("aggregate", reference("rte"))
    assert found["accuracy"] == pytest.approx(0.9275)
    assert (found["method"], found["answers"]) == ("dawid-skene", 8000)
    affect = printed("agree", reference("affect"), "--level", "interval")
    assert affect["alpha"] == pytest.approx(0.357, abs=0.0006)
    ordinal = printed("agree", reference("anesthesia"), "--level", "ordinal")
    assert ordinal["alpha"] == pytest.approx(0.799, abs=0.0006)
    assert ordinal["repeats"] == 90


def test_parquet_with_numbers_reads_like_csv(tmp_path):
    table = pa.table(
        {
            "item_id": [1, 1, 2, 2],
            "worker_id": [1, 2, 1, 2],
            "answer": [0, 1, 1, None],
            "gold": [1.0, 1.0, None, float("nan")],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "crowd.parquet")
    found = printed("aggregate", tmp_path / "crowd.parquet", "--method", "majority")
    assert (found["answers"], found["missing"], found["gold_items"]) == (3, 1, 1)
    assert found["accuracy"] == 0.5


def test_repeats(tmp_path):
    path = tmp_path / "crowd.csv"
    path.write_text("item_id,worker_id,answer\na,w,x\na,w,y\na,v,y\n", encoding="utf-8")
    kept, last = printed("agree", path), printed("agree", path, "--repeats", "last")
    assert (kept["answers"], kept["repeats"], kept["repeats_rule"]) == (3, 1, "keep")
    assert (last["answers"], last["repeats"], last["percent_agreement"]) == (2, 1, 1.0)
    refused = call("agree", path, "--repeats", "reject")
    assert refused.returncode == 2
    assert "'w' answered item 'a' more than once" in refused.stderr


@pytest.mark.parametrize("command", ["agree", "aggregate"])
@pytest.mark.parametrize(
    "body", ["", "a,w,x\n", "a,w,x\nb,w,x\n", "a,w,x\na,v,x\n", "a,w,\n", 'a,w,"x,\ny"\n']
)
def test_tiny_files_do_not_crash(tmp_path, inside, command, body):
    path = tmp_path / "crowd.csv"
    path.write_text("item_id,worker_id,answer\n" + body, encoding="utf-8")
    code, out, _ = inside(command, path)
    assert code == 0
    found = json.loads(out)
    if command == "agree":
        assert found["alpha"] is None
        assert found["reason"]


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        (b"", (), "is empty"),
        (b"item_id,answer\n1,2\n", (), "column worker_id is missing"),
        (b"item_id,worker_id,answer,answer\n1,2,3,4\n", (), "column answer is there twice"),
        (b"item_id,worker_id,answer\na,w,x\n\na,v\n", (), "line 4 has 2 columns"),
        (b'item_id,worker_id,answer\n"a\nb",w,x\n,v,x\n', (), "item_id is blank in line 4"),
        (b"item_id,worker_id,answer\na,w,x\na,v,\xff\n", (), "line 3 is not UTF-8"),
        (b"item_id,worker_id,answer,gold\na,w,x,x\na,v,x,y\n", (), "item 'a' has two right"),
        (b"item_id,worker_id,answer\na,w,x\n", ("--level", "interval"), "'x' is not a number"),
        (b"item_id,worker_id,answer\na,w,x\n", ("--classes", "y,z"), "not one of the classes"),
        (b"item_id,worker_id,answer\na,w,x\n", ("--level", "none"), "invalid choice"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, inside, content, arguments, sentence):
    path = tmp_path / "crowd.csv"
    path.write_bytes(content)
    code, out, error = inside("agree", path, *arguments)
    assert (code, out) == (2, "")
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_files_that_are_not_there_or_not_what_they_say(tmp_path, inside, file):
    fake = tmp_path / "fake.parquet"
    fake.write_text("no parquet")
    cases = [
        (("agree", tmp_path / "nowhere.csv"), "there is no file"),
        (("agree", tmp_path / "nowhere.parquet"), "there is no file"),
        (("agree", tmp_path), "cannot be read"),
        (("agree", fake), "not a readable Parquet"),
        (("aggregate", file, "--out", tmp_path / "labels.txt"), "--out must end in"),
        (("aggregate", file, "--out", tmp_path / "no" / "labels.csv"), "cannot be written"),
        (("aggregate", file, "--max-iter", "0"), "max_iter"),
    ]
    for arguments, sentence in cases:
        code, _, error = inside(*arguments)
        assert (code, sentence in error) == (2, True), error
        assert len(error.strip().splitlines()) == 1


def test_bom_and_windows_lines_are_read(tmp_path):
    path = tmp_path / "crowd.csv"
    path.write_bytes(b"\xef\xbb\xbfitem_id,worker_id,answer\r\na,w,x\r\na,v,x\r\n")
    assert printed("aggregate", path)["answers"] == 2
