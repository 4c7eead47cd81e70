"""`python -m gpu_jobs aggregate`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

from gpu_jobs import tables
from gpu_jobs.aggregation.em import MAX_ITER, STOPS, TOL
from gpu_jobs.aggregation.methods import METHODS, Aggregation, aggregate, label_table
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.crowd_files import counted, read


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    join = commands.add_parser("aggregate", parents=[common], help="one label an item")
    join.add_argument("--method", choices=METHODS, default="dawid-skene")
    join.add_argument("--max-iter", type=int, default=MAX_ITER)
    join.add_argument("--tol", type=float, default=TOL)
    join.add_argument("--stop", choices=STOPS, default=STOPS[0])
    join.add_argument("--out", type=Path, metavar="LABELS", help=".csv or .parquet")
    join.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers = read(options)
    if options.out and options.out.suffix.lower() not in {".csv", ".parquet"}:
        raise InputError(f"--out must end in .csv or .parquet, not {options.out.name!r}")
    start = perf_counter()
    found = aggregate(
        answers,
        method=options.method,
        max_iter=options.max_iter,
        tol=options.tol,
        stop=options.stop,
    )
    seconds = perf_counter() - start
    if options.out:
        _write(answers, found, options.out)
    return found.figures | {"seconds_compute": round(seconds, 6)} | counted(answers, options)


def _write(answers: Answers, found: Aggregation, path: Path) -> None:
    write = tables.write_csv if path.suffix.lower() == ".csv" else tables.write_parquet
    try:
        write(label_table(answers, found.labels), path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
