"""What every command reads in the same way: the file of answers, its options, and progress.

`read` gives the answers, `task` the type that they are of, `items` the texts of the items;
`progress` says on stderr what goes on. A command that writes a file names it with --out itself.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_jobs import tables
from gpu_jobs.answers import REPEATS, Answers, encode
from gpu_jobs.contracts import InputError, RowError
from gpu_jobs.types import TYPES, Typed, typed

PATIENCE = 2.0
"""Seconds after which a terminal is told what goes on."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV, Parquet or JSON Lines")
    parser.add_argument("--repeats", choices=REPEATS, default="keep")
    parser.add_argument("--classes", metavar="A,B,C", help="the allowed answers in their order")
    parser.add_argument("--type", choices=tuple(TYPES), default="choice", help="of the task")
    parser.add_argument("--gold", type=Path, metavar="GOLD", help="file with item_id, gold")
    parser.add_argument("--items", type=Path, metavar="ITEMS", help="file with item_id and texts")
    parser.add_argument(
        "--non-human",
        metavar="ID,ID",
        help="workers that are no people (models, functions); a column kind says it, too",
    )
    parser.add_argument("--json", action="store_true", help="JSON also on a terminal")
    parser.add_argument("--progress", action="store_true", help="say on stderr what goes on")


def read(options: argparse.Namespace) -> Answers:
    """Raises InputError, with the line where there is one."""
    return read_with_times(options)[0]


def read_with_times(
    options: argparse.Namespace, *, people: bool = False
) -> tuple[Answers, np.ndarray | None]:
    """The answers and the times of their column `at`, float64 (n,), if it is there.

    people: without the answers of workers that are no people. Either way options.machines are
    their ids and options.machine_answers counts what was left out.
    """
    answers, at, _ = _read(options, (), people=people)
    return answers, at


def _of_people(table: pa.Table, machines: set[str]) -> tuple[pa.Table, int]:
    """The table with the answers of machines blank, so that rows keep their lines, and how many
    these were.
    """
    if not machines:
        return table, 0
    theirs = pc.is_in(table["worker_id"], value_set=pa.array(sorted(machines), pa.string()))
    given = pc.and_(theirs, pc.is_valid(table["answer"]))
    blank = pc.if_else(theirs, pa.scalar(None, pa.string()), table["answer"])
    place = table.column_names.index("answer")
    return table.set_column(place, "answer", blank), int(pc.sum(given).as_py() or 0)


def task(answers: Answers, options: argparse.Namespace, **distance: Any) -> Typed:
    """The answers as --type reads them. Raises InputError that names the line of a wrong one."""
    try:
        return typed(answers, options.type, **distance)
    except RowError as error:
        raise tables.located(options.file, error) from error


def items(options: argparse.Namespace) -> pa.Table | None:
    """The file of --items: strings item_id and other columns; None where none is named."""
    return None if options.items is None else tables.read_items(options.items)


def texts_of(options: argparse.Namespace, names: list[str]) -> dict[str, dict[str, str]]:
    """What --items says about some items: item → column → text."""
    table = items(options)
    if table is None:
        return {}
    wanted = table.filter(pc.is_in(table["item_id"], value_set=pa.array(names, pa.string())))
    return {
        row["item_id"]: {k: v for k, v in row.items() if k != "item_id" and v is not None}
        for row in wanted.to_pylist()
    }


def read_beside(
    options: argparse.Namespace, columns: Sequence[str]
) -> tuple[Answers, np.ndarray | None, dict[str, list[str | None]]]:
    """As `read_with_times`, and the texts (n,) of those of `columns` that the file has."""
    answers, at, table = _read(options, columns)
    there = [name for name in columns if name in table.column_names]
    rows = pa.array(answers.row)
    return answers, at, {name: table[name].take(rows).to_pylist() for name in there}


def counted(answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "missing": answers.missing,
        "repeats": answers.repeats,
        "repeats_rule": options.repeats,
    }


def progress(options: argparse.Namespace) -> Callable[[str], None]:
    """To be told what begins; prints it with --progress, or on a terminal once it takes long."""
    start = options.started = getattr(options, "started", monotonic())
    terminal = sys.stderr.isatty()

    def say(what: str) -> None:
        passed = monotonic() - start
        if options.progress or (terminal and passed > PATIENCE):
            print(f"gpu_jobs: {passed:6.1f} s  {what}", file=sys.stderr, flush=True)  # noqa: T201

    return say


def save_plot(path: Path | None, draw: Callable[[], str]) -> None:
    """Write a picture where one is asked for. Raises InputError for another name than .svg."""
    if path is None:
        return
    if path.suffix.lower() != ".svg":
        raise InputError("--plot must end in .svg")
    save(lambda: tables.write_text(draw(), path), path)


def save(write: Callable[[], None], path: Path) -> None:
    """Raises InputError when the file cannot be written."""
    try:
        write()
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _read(
    options: argparse.Namespace, beside: Sequence[str], *, people: bool = False
) -> tuple[Answers, np.ndarray | None, pa.Table]:
    say = progress(options)
    say(f"reading {options.file}")
    table = tables.read_crowd(options.file, gold=options.gold, beside=beside)
    say(f"coding {table.num_rows:,} rows")
    classes = options.classes.split(",") if options.classes else None
    options.machines = tables.machine_ids(table)
    if options.non_human:
        options.machines |= set(options.non_human.split(","))
    table, options.machine_answers = _of_people(table, options.machines if people else set())
    answers = encode(table, repeats=options.repeats, classes=classes)
    if options.machine_answers:
        answers = replace(answers, missing=answers.missing - options.machine_answers)
    times = tables.times(table)
    return answers, None if times is None else times[answers.row], table
