"""The command line as a person meets it: a process, its stdout, stderr and exit code."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from gpu_jobs import tables
from gpu_jobs.__main__ import main
from gpu_jobs.contracts import InputError

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


def _jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_json_lines_read_like_csv(tmp_path, inside, file):
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    texts = _jsonl(tmp_path / "texts.jsonl", rows)
    for row in rows:
        row["seconds"] = 3.5
        row["note"] = {"any": ["thing"]}
    mixed = _jsonl(tmp_path / "mixed.ndjson", rows)
    wanted = json.loads(inside("agree", file)[1])
    assert json.loads(inside("agree", texts)[1]) == wanted
    assert json.loads(inside("agree", mixed)[1]) == wanted


def test_structured_answers_in_json_lines(tmp_path, inside):
    rows = [
        {
            "item_id": i,
            "worker_id": w,
            "answer": [{"start": i, "end": i + 4 + (w == "b"), "label": "P"}],
        }
        for i in range(5)
        for w in "ab"
    ]
    path = _jsonl(tmp_path / "spans.jsonl", rows)
    code, out, _ = inside("agree", path, "--type", "spans")
    found = json.loads(out)
    assert (code, found["type"], found["answers"]) == (0, "spans", 10)
    assert found["percent_agreement"] == pytest.approx(8 / 9)


LINE = '{"item_id": "1", "worker_id": "w", "answer": "4"}\n'


@pytest.mark.parametrize(
    ("lines", "arguments", "sentence"),
    [
        ("", (), "is empty"),
        ('{"item_id": "1"}\n', (), "column worker_id is missing"),
        ('{"item_id": "1"\n', (), "line 1 is not JSON"),
        (f"\n{LINE}[1]\n", (), "line 3 is not a JSON object"),
        (LINE + "\n" + LINE.replace('"1"', "null"), (), "item_id is blank in line 3"),
        (
            LINE + "\n" + LINE.replace('"4"', '"x"'),
            ("--type", "number"),
            "'x' is not a number; type is number (line 3 of bad.jsonl)",
        ),
    ],
)
def test_bad_json_lines_name_the_line(tmp_path, inside, lines, arguments, sentence):
    path = tmp_path / "bad.jsonl"
    path.write_text(lines, encoding="utf-8")
    code, out, error = inside("agree", path, *arguments)
    assert (code, out) == (2, "")
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_a_wrong_answer_of_a_csv_names_its_line(tmp_path, inside):
    path = tmp_path / "crowd.csv"
    path.write_text('item_id,worker_id,answer\n"a\nb",w,[]\na,w,"[[3,1]]"\n', encoding="utf-8")
    code, _, error = inside("agree", path, "--type", "spans")
    assert (code, "(line 4 of crowd.csv)" in error) == (2, True), error


def test_gold_of_a_file_of_its_own(tmp_path, inside, file):
    gold = tmp_path / "gold.csv"
    gold.write_text("item_id,gold\na,dog\nc,dog\nelsewhere,cat\nb,\n", encoding="utf-8")
    found = json.loads(inside("aggregate", file, "--gold", gold, "--method", "majority")[1])
    assert (found["gold_items"], found["accuracy"]) == (2, 0.5)
    gold.write_text("item_id,gold\na,dog\na,cat\n", encoding="utf-8")
    code, _, error = inside("aggregate", file, "--gold", gold)
    assert (code, "item 'a' has two right answers" in error) == (2, True)
    gold.write_text("item_id,right\na,dog\n", encoding="utf-8")
    assert "column gold is missing" in inside("aggregate", file, "--gold", gold)[2]


def test_texts_of_the_items_stand_beside_the_worst(tmp_path, inside, file):
    items = tmp_path / "items.csv"
    items.write_text("item_id,text,gold\na,a cat?,\nc,what is it,\n", encoding="utf-8")
    found = json.loads(inside("agree", file, "--items", items)[1])
    assert found["lowest_items"] == [
        {"item": "a", "agreement": pytest.approx(1 / 3), "texts": {"text": "a cat?"}},
        {"item": "c", "agreement": pytest.approx(1 / 3), "texts": {"text": "what is it"}},
    ]
    items.write_text("item_id,text\na,x\na,y\n", encoding="utf-8")
    assert "item 'a' is there more than once" in inside("agree", file, "--items", items)[2]


def test_what_agree_writes(tmp_path, inside, file):
    outs = [tmp_path / name for name in ("all.json", "each.csv", "each.parquet", "seen.svg")]
    for out in outs[:3]:
        code, out_text, _ = inside("agree", file, "--out", out, "--plot", outs[3])
        assert code == 0
    assert json.loads(outs[0].read_text(encoding="utf-8")) == json.loads(out_text)
    with outs[1].open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["item_id"], row["n"]) for row in rows] == [("a", "3"), ("b", "2"), ("c", "3")]
    assert float(rows[0]["agreement"]) == pytest.approx(1 / 3)
    assert pyarrow.parquet.read_table(outs[2]).num_rows == 3
    assert outs[3].read_text(encoding="utf-8").startswith("<svg")
    for wrong in (("--out", "x.txt"), ("--plot", "x.png"), ("--seed", "-1")):
        assert inside("agree", file, *wrong)[0] == 2


def test_intervals_repeat_with_their_seed(inside, file):
    one, same, other = (json.loads(inside("agree", file, "--seed", seed)[1]) for seed in (1, 1, 2))
    assert one == same
    assert one["seed"] == 1
    assert other["alpha"] == one["alpha"]
    assert one["alpha_low"] <= one["alpha"] <= one["alpha_high"]


def test_progress_goes_to_stderr_when_asked(inside, file):
    code, out, error = inside("agree", file, "--progress")
    assert code == 0
    assert "reading" in error
    json.loads(out)
    assert inside("agree", file)[2] == ""


@pytest.mark.parametrize("times", [["1", "2.5", "1e3"], ["2026-01-01", "2026-01-02 10:00", ""]])
def test_times_may_be_numbers_or_dates(tmp_path, inside, times):
    path = tmp_path / "crowd.csv"
    rows = [f"i{i % 2},w{i},x{i % 3},{times[i % 3]}" for i in range(6)]
    path.write_text("item_id,worker_id,answer,at\n" + "\n".join(rows), encoding="utf-8")
    code, out, error = inside("agree", path)
    assert code == 0, error
    assert len(json.loads(out)["drift"]["windows"]) == 1


def test_dates_are_seconds_in_utc():
    column = pa.array(["1970-01-01T01:00:00+01:00", "1970-01-01T00:01:00Z", "1970-01-02", None])
    found = tables.times(pa.table({"at": column}))
    assert found[:3].tolist() == [0, 60, 86400]
    assert np.isnan(found[3])
    with pytest.raises(InputError, match="neither numbers nor times"):
        tables.times(pa.table({"at": ["soon"]}))
    assert tables.times(pa.table({"x": [1]})) is None


@pytest.mark.data
def test_every_class_figure_of_a_published_crowd(reference, inside):
    found = json.loads(inside("agree", reference("pandalm"), "--type", "pairwise")[1])
    assert found["alpha"] == pytest.approx(0.864, abs=0.0006)
    assert found["alpha_low"] < 0.864 < found["alpha_high"]
    assert set(found["coefficients"]) == {"percent_agreement", "fleiss_kappa", "gwet_ac1"}
    stability = json.loads(inside("agree", reference("anesthesia"), "--type", "ordinal")[1])
    assert [each["worker"] for each in stability["intra"]["workers"]] == ["w1"]
    assert stability["intra"]["workers"][0]["items"] == 45
