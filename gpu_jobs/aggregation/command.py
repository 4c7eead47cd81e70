"""`python -m gpu_jobs aggregate`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.aggregation.em import STOPS
from gpu_jobs.aggregation.methods import METHODS, aggregate, label_table, machines
from gpu_jobs.contracts import InputError
from gpu_jobs.crowd_files import counted, read


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    join = commands.add_parser("aggregate", parents=[common], help="one label an item")
    join.add_argument("--method", choices=METHODS, default="dawid-skene")
    join.add_argument("--max-iter", type=int, help="default: the method's own")
    join.add_argument("--tol", type=float, help="default: the method's own")
    join.add_argument("--stop", choices=STOPS, default=STOPS[0])
    join.add_argument("--seed", type=int, default=0, help="of random starts")
    join.add_argument(
        "--non-human",
        metavar="ID,ID",
        help="workers that are no people: models, labelling functions",
    )
    join.add_argument("--out", type=Path, metavar="LABELS", help=".csv or .parquet")
    join.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers = read(options)
    if options.out and options.out.suffix.lower() not in {".csv", ".parquet"}:
        raise InputError(f"--out must end in .csv or .parquet, not {options.out.name!r}")
    non_human = machines(answers, options.non_human.split(",")) if options.non_human else None
    start = perf_counter()
    found = aggregate(
        answers,
        method=options.method,
        max_iter=options.max_iter,
        tol=options.tol,
        stop=options.stop,
        seed=options.seed,
        non_human=non_human,
    )
    seconds = perf_counter() - start
    if options.out:
        _write(label_table(answers, found.labels, non_human), options.out)
    return found.figures | {"seconds_compute": round(seconds, 6)} | counted(answers, options)


def _write(table: pa.Table, path: Path) -> None:
    write = tables.write_csv if path.suffix.lower() == ".csv" else tables.write_parquet
    try:
        write(table, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
