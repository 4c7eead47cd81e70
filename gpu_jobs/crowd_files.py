"""What every command reads in the same way: the file of answers and its options."""

import argparse
from pathlib import Path
from typing import Any

from gpu_jobs import tables
from gpu_jobs.answers import REPEATS, Answers, encode


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet")
    parser.add_argument("--repeats", choices=REPEATS, default="keep")
    parser.add_argument("--classes", metavar="A,B,C", help="the allowed answers in their order")


def read(options: argparse.Namespace) -> Answers:
    classes = options.classes.split(",") if options.classes else None
    return encode(tables.read_crowd(options.file), repeats=options.repeats, classes=classes)


def counted(answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "missing": answers.missing,
        "repeats": answers.repeats,
        "repeats_rule": options.repeats,
    }
