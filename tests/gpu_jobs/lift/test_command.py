"""`python -m gpu_jobs lift`, through its main function."""

import json
import random
from xml.etree import ElementTree as ET

import pytest

from gpu_jobs.__main__ import main

GOOD, BAD = ("lovely", "fine", "warm"), ("awful", "dull", "cold")


@pytest.fixture
def files(tmp_path):
    """Six contributors of 20 texts each, of whom `spam` answers the opposite."""
    draw = random.Random(5)  # noqa: S311 - made-up texts

    def text(label):
        words = [draw.choice(GOOD if label == "p" else BAD), *draw.choices("kqvxz", k=3)]
        return f"{draw.choice(words[:1])} {draw.randrange(10**9)} {words[0]}"

    lines, tests, items = ["item_id,worker_id,answer"], ["item_id,text,gold"], ["item_id,text"]
    for row in range(120):
        label = draw.choice("pn")
        worker = ("ann", "bob", "cem", "dan", "eva", "spam")[row % 6]
        answer = label if worker != "spam" else {"p": "n", "n": "p"}[label]
        lines.append(f"i{row},{worker},{answer}")
        items.append(f"i{row},{text(label)}")
    for row in range(80):
        label = draw.choice("pn")
        tests.append(f"t{row},{text(label)},{label}")
    for name, content in (("train", lines), ("test", tests), ("items", items)):
        (tmp_path / f"{name}.csv").write_text("\n".join(content) + "\n", encoding="utf-8")
    return tmp_path


def _arguments(files, *more):
    return [
        "lift",
        str(files / "train.csv"),
        "--test",
        str(files / "test.csv"),
        "--items",
        str(files / "items.csv"),
        *more,
    ]


def test_the_whole_way(files, capsys):
    out, plot = files / "lift.json", files / "lift.svg"
    options = ("--method", "shapley", "--seeds", "3", "--budget", "300s")
    written = ("--out", str(out), "--plot", str(plot), "--workdir", str(files / "work"))
    assert main(_arguments(files, *options, *written)) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    assert printed["method"] == "shapley-exact"
    last = printed["groups"][-1]
    assert (last["name"], last["significant"], last["rows"]) == ("spam", "negative", 20)
    assert sum(one["value"] for one in printed["groups"]) == pytest.approx(
        printed["everybody"] - printed["nobody"]
    )
    picture = ET.fromstring(plot.read_text())  # noqa: S314 - our own file
    titles = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith("spam: -") and "95% interval" in title for title in titles)
    assert "<script" not in plot.read_text() and "style=" not in plot.read_text()


@pytest.mark.parametrize("method", ["loo", "knn", "with-without", "influence"])
def test_every_method(files, capsys, method):
    assert main(_arguments(files, "--method", method, "--seeds", "2", "--base", "40")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["groups"][-1]["name"] == "spam"


def test_examples_can_be_read(files, capsys):
    assert main(_arguments(files, "--examples", "2", "--method", "loo")) == 0
    found = json.loads(capsys.readouterr().out)["examples"]
    lines = (files / "train.csv").read_text().splitlines()
    right = {"helped": [], "hurt": []}
    for one in found:
        row = lines[int(one["where"].removeprefix("line ")) - 1]
        assert row == f"{one['item_id']},{one['group']},{one['answer']}"
        words = GOOD if one["answer"] == "p" else BAD
        right[one["effect"]].append(any(word in one["input"] for word in words))
    assert sum(right["helped"]) > 0.8 * len(right["helped"])
    assert sum(right["hurt"]) < len(right["hurt"])
    assert {one["group"] for one in found if one["effect"] == "hurt"} >= {"spam"}
    assert main(_arguments(files, "--examples", "-1")) == 2
    assert "examples must not be below 0" in capsys.readouterr().err


def test_small_groups_can_be_joined(files, capsys):
    assert main(_arguments(files, "--min-rows", "21", "--method", "loo")) == 0
    (only,) = json.loads(capsys.readouterr().out)["groups"]
    assert (only["name"], only["rows"]) == ("others", 120)


def test_tabular(tmp_path, capsys):
    draw = random.Random(2)  # noqa: S311 - made-up numbers

    def rows(count, start):
        for row in range(start, start + count):
            one, two = draw.gauss(0, 1), draw.gauss(0, 1)
            yield f"{one},{two},{int(one > 0)},{'ab'[row % 2]}"

    head = "one,two,answer,worker_id\n"
    (tmp_path / "train.csv").write_text(head + "\n".join(rows(60, 0)) + "\n")
    (tmp_path / "test.csv").write_text(head + "\n".join(rows(60, 60)) + "\n")
    arguments = ["lift", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    options = ["--recipe", "tabular", "--columns", "one,two", "--metric", "f1", "--positive", "1"]
    assert main([*arguments, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["everybody"] > 0.8 and found["metric"] == "f1"
    assert main([*arguments, "--recipe", "tabular"]) == 2
    assert "needs --columns" in capsys.readouterr().err
    (tmp_path / "train.csv").write_text(head + "x,1,1,a\n2,1,0,b\n")
    assert main([*arguments, *options]) == 2
    assert "column one holds 'x', which is no number, in line 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--budget", "soon"), "--budget must be a time above zero"),
        (("--budget", "0s"), "--budget must be a time above zero"),
        (("--text", "words"), "column words is missing"),
        (("--group", "batch"), "column batch is missing"),
        (("--l2", "0"), "l2 must be above 0"),
        (("--threads", "0"), "threads must be at least 1"),
        (("--test-split", "test"), "column split is missing"),
        (("--out", "/nowhere/lift.json"), "cannot be written"),
    ],
)
def test_wrong_options(files, capsys, more, said):
    assert main(_arguments(files, *more)) == 2
    assert said in capsys.readouterr().err


def test_leaking_test_items_are_named(files, capsys):
    shared = (files / "items.csv").read_text().splitlines()[5].split(",")
    with (files / "test.csv").open("a") as stream:
        stream.write(f"t80,{shared[1]},p\n")
    assert main(_arguments(files)) == 2
    assert "content of test item 't80' is in the training set" in capsys.readouterr().err


def test_an_item_without_text(files, capsys):
    with (files / "train.csv").open("a") as stream:
        stream.write("i999,ann,p\n")
    assert main(_arguments(files)) == 2
    assert "items.csv lacks item 'i999', of " in capsys.readouterr().err


def test_blank_answers_teach_nothing(files, capsys):
    with (files / "train.csv").open("a") as stream:
        stream.write("i1,ann,\n")
    assert main(_arguments(files, "--method", "loo")) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(one["rows"] for one in found["groups"]) == 120


def test_files_that_are_none(tmp_path, files, capsys):
    assert main(["lift", str(tmp_path / "no.csv"), "--test", str(files / "test.csv")]) == 2
    assert "there is no file" in capsys.readouterr().err


def _write(path, *lines):
    path.write_bytes("\n".join(lines).encode("utf-8") + b"\n")


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (["text,answer", "a b,1"], None, "train.csv: column worker_id is missing"),
        (
            ["worker_id,text,answer", "ann,good one,1", "bob,good two,1"],
            ["text,answer", "one x,1", "two x,1"],
            "all labels are '1': there is nothing to learn",
        ),
        (
            ["worker_id,text,answer", "ann,one,1", 'bob,"two\nlines",0', "cem, ,1"],
            None,
            "train.csv: column text is blank in line 5",
        ),
        (
            ["worker_id,text,answer", "ann,one,1", ",two,0"],
            None,
            "train.csv: column worker_id is blank in line 3",
        ),
        (["worker_id,text,answer", "ann,one,1,5"], None, "train.csv: line 2 has 4 columns"),
        (["worker_id,text,answer"], None, "the training set is empty"),
        ([""], None, "train.csv is empty"),
        (
            ["worker_id,text,answer", "ann,one,1", "bob,two,0"],
            ["text,answer", "three,1", "four,"],
            "test.csv: column answer is blank in line 3",
        ),
        (
            ["worker_id,text,answer", "ann,one,1", "bob,two,0"],
            ["text,answer", "three,1", "TWO ,0"],
            "test.csv: the content of a test row is in the training set, too: 'TWO ' in line 3",
        ),
        (
            ["worker_id,item_id,text,answer", "ann,i1,one,1", "bob,i2,two,0"],
            ["item_id,text,answer", "i9,three,1", "i2,four,0"],
            "test.csv: test item 'i2' is in the training set, too in line 3",
        ),
        (
            ["worker_id,item_id,text,answer", "ann,i1,one,1", "bob,,two,0"],
            None,
            "train.csv: column item_id is blank in line 3",
        ),
        (
            ["worker_id,text,answer", "ann,?,1", "bob,!!,0"],
            ["text,answer", "...,1", "-,0"],
            "no text holds a word of two letters",
        ),
    ],
)
def test_odd_files_say_in_one_sentence_what_is_wrong(tmp_path, capsys, train, test, said):
    _write(tmp_path / "train.csv", *train)
    _write(tmp_path / "test.csv", *(test or ["text,answer", "good day,1", "bad day,0"]))
    arguments = ["lift", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_lines_are_those_of_the_file_after_rows_were_left_out(tmp_path, capsys):
    _write(tmp_path / "train.csv", "worker_id,x,answer", "ann,1,", "ann,2,1", "bob,nan,0")
    _write(tmp_path / "test.csv", "x,answer,split", "1,1,dev", "2,1,test", "9,0,test")
    arguments = ["lift", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    options = ["--recipe", "tabular", "--columns", "x", "--test-split", "test"]
    assert main([*arguments, *options]) == 2
    assert "train.csv: a number is not finite in line 4" in capsys.readouterr().err
    _write(tmp_path / "train.csv", "worker_id,x,answer", "ann,1,", "ann,2,1", "bob,3,0")
    assert main([*arguments, *options]) == 2
    assert "test.csv: the content of a test row is" in capsys.readouterr().err


def test_bytes_that_are_no_text(tmp_path, files, capsys):
    (tmp_path / "odd.csv").write_bytes(b"worker_id,text,answer\nann,caf\xe9,1\n")
    assert main(["lift", str(tmp_path / "odd.csv"), "--test", str(files / "test.csv")]) == 2
    assert "odd.csv: line 2 is not UTF-8 text" in capsys.readouterr().err


def test_words_of_any_script_and_names_of_any_kind(tmp_path, capsys):
    rows = [f"\u00e9va {at % 3},\u0434\u043e\u0431\u0440\u043e {at},\u043d" for at in range(12)]
    rows += [f"\u00e9va {at % 3},\u7cdf\u7cd5 {at},\u043b" for at in range(12)]
    _write(tmp_path / "train.csv", "worker_id,text,answer", *rows)
    _write(
        tmp_path / "test.csv",
        "text,answer",
        "\u0434\u043e\u0431\u0440\u043e x,\u043d",
        "\u7cdf\u7cd5 y,\u043b",
    )
    arguments = ["lift", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["everybody"] == 1.0
    assert {one["name"] for one in found["groups"]} == {"\u00e9va 0", "\u00e9va 1", "\u00e9va 2"}


def test_one_group(files, capsys):
    assert main(_arguments(files, "--min-rows", "500", "--method", "with-without")) == 2
    assert "there is only one group" in capsys.readouterr().err
    assert main(_arguments(files, "--min-rows", "500")) == 0
