"""`python -m gpu_jobs ocr`, through its main function."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from gpu_jobs.__main__ import main

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--backbone", "test_nfnet", "--samples", "24", "--test", "10", "--validation", "8")


def test_the_whole_way(tmp_path, capsys):
    out, plot, errors = (tmp_path / name for name in ("ocr.json", "ocr.svg", "errors.png"))
    work = ("--workdir", str(tmp_path / "work"), "--shifted", "--epochs", "2")
    written = ("--out", str(out), "--plot", str(plot), "--errors", str(errors))
    assert main(["ocr", *SMALL, *work, *written]) == 0
    said = capsys.readouterr()
    printed = json.loads(said.out)
    assert printed == json.loads(out.read_text(encoding="utf-8"))
    for each in (printed["test"], printed["shifted"]):
        for name, n in (("character", 40), ("sequence", 10)):
            share = each[name]
            assert share["n"] == n
            assert share["value"] == share["right"] / n
            assert share["low"] <= share["value"] <= share["high"]
        assert len(each["by_position"]) == 4
    wrong = printed["test"]["sequence"]["n"] - printed["test"]["sequence"]["right"]
    assert len(printed["mistakes"]) == wrong
    assert (
        sum(each["count"] for each in printed["confusions"])
        == 40 - (printed["test"]["character"]["right"])
    )
    assert [each["epoch"] for each in printed["epochs"]] == [1, 2]
    assert printed["stopped"] == "complete"
    assert said.err.count("gpu_jobs: epoch") == 2
    ET.fromstring(plot.read_text(encoding="utf-8"))  # noqa: S314 - written above
    assert errors.read_bytes().startswith(b"\x89PNG")
    again = main(["ocr", *SMALL, *work, "--resume"])
    assert again == 0
    assert json.loads(capsys.readouterr().out)["test"] == printed["test"]


def test_one_head_over_all_texts(capsys):
    options = ("--whole-strings", "--alphabet", "01ab", "--characters", "3", "--epochs", "1")
    assert main(["ocr", *SMALL, *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["whole_strings"]
    assert len(printed["test"]["by_position"]) == 3
    assert all(
        len(one["read"]) == 3 and set(one["read"]) <= set("01ab") for one in printed["mistakes"]
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--samples", "0"), "must be at least 1"),
        (("--epochs", "0"), "at least one epoch"),
        (("--alphabet", "a-b"), "letters and digits"),
        (("--backbone", "nothing"), "no backbone 'nothing'"),
        (("--device", "tpu"), "auto, cpu or cuda"),
        (("--seed", "-1"), "below zero"),
        (("--whole-strings", "--alphabet", "alphanumeric", "--characters", "5"), "at most 100,000"),
        (("--epochs", "1", "--plot", "x.png"), "end in .svg"),
        (("--epochs", "1", "--errors", "x.svg"), "end in .png"),
    ],
)
def test_wrong_options_are_one_sentence(options, said, capsys):
    assert main(["ocr", *SMALL, *options]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err.splitlines()[-1]


def test_without_torch_one_sentence_says_so():
    program = (
        "import sys\nsys.modules['torch'] = None\nfrom gpu_jobs.__main__ import main\n"
        "sys.exit(main(['ocr', '--samples', '2']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "the package torch, which is not installed" in done.stderr
