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
    assert "column one holds something that is no number" in capsys.readouterr().err


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
    assert "item 'i999' of the training set is not there" in capsys.readouterr().err


def test_blank_answers_teach_nothing(files, capsys):
    with (files / "train.csv").open("a") as stream:
        stream.write("i1,ann,\n")
    assert main(_arguments(files, "--method", "loo")) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(one["rows"] for one in found["groups"]) == 120


def test_files_that_are_none(tmp_path, files, capsys):
    assert main(["lift", str(tmp_path / "no.csv"), "--test", str(files / "test.csv")]) == 2
    assert "there is no file" in capsys.readouterr().err
