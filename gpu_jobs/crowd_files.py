"""What every command reads in the same way: the file of answers and its options."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.answers import REPEATS, Answers, encode


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet")
    parser.add_argument("--repeats", choices=REPEATS, default="keep")
    parser.add_argument("--classes", metavar="A,B,C", help="the allowed answers in their order")


def read(options: argparse.Namespace) -> Answers:
    classes = options.classes.split(",") if options.classes else None
    return encode(tables.read_crowd(options.file), repeats=options.repeats, classes=classes)


def read_beside(
    options: argparse.Namespace, columns: Sequence[str]
) -> tuple[Answers, dict[str, list[str | None]]]:
    """Answers, and the texts (n,) of those of `columns` that the file has, in their order."""
    classes = options.classes.split(",") if options.classes else None
    table = tables.read_crowd(options.file, beside=columns)
    answers = encode(table, repeats=options.repeats, classes=classes)
    there = [name for name in columns if name in table.column_names]
    rows = pa.array(answers.row)
    return answers, {name: table[name].take(rows).to_pylist() for name in there}


def counted(answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "missing": answers.missing,
        "repeats": answers.repeats,
        "repeats_rule": options.repeats,
    }
