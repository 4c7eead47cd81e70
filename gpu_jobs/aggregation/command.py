"""`python -m gpu_jobs aggregate`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import backend, crowd_files, tables
from gpu_jobs.aggregation import competitors, typed_labels
from gpu_jobs.aggregation.em import STOPS
from gpu_jobs.aggregation.methods import METHODS, aggregate, label_table, machines, ordinal_figures
from gpu_jobs.aggregation.ordinal import ordinal
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.device import VARIABLE

CLASSES = ("choice", "pairwise", "ordinal")
ORDINAL, STANDING = "ordinal", "bradley-terry"
DEFAULT = "dawid-skene"
EVERY = tuple(
    dict.fromkeys(
        (*METHODS, ORDINAL, STANDING, *(m for ms in typed_labels.OF_TYPE.values() for m in ms))
    )
)


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    join = commands.add_parser("aggregate", parents=[common], help="one label an item")
    join.add_argument("--method", choices=EVERY, help="the type has one of its own")
    join.add_argument("--max-iter", type=int, help="the method has one of its own")
    join.add_argument("--tol", type=float, help="the method has one of its own")
    join.add_argument("--stop", choices=STOPS, default=STOPS[0])
    join.add_argument("--seed", type=int, default=0, help="of random starts")
    join.add_argument(
        "--device",
        metavar="cpu|cuda",
        help=f"where classes are computed (default: {VARIABLE}, else cpu)",
    )
    join.add_argument("--out", type=Path, metavar="LABELS", help=".csv or .parquet")
    join.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    if options.out and options.out.suffix.lower() not in {".csv", ".parquet"}:
        raise InputError(f"--out must end in .csv or .parquet, not {options.out.name!r}")
    chosen = backend.choose(options.device) if options.device else backend.pick()
    answers = crowd_files.read(options)
    non_human = machines(answers, sorted(options.machines)) if options.machines else None
    task = None
    if options.type not in CLASSES:
        task = crowd_files.task(answers, options)
    items = crowd_files.items(options) if options.method == STANDING else None
    crowd_files.progress(options)(f"aggregating {len(answers):,} answers")
    start = perf_counter()
    figures, table = _aggregated(answers, task, items, options, non_human)
    seconds = perf_counter() - start
    if options.out:
        tables.write_named(table, options.out)
    return (
        {"type": options.type}
        | figures
        | {"seconds_compute": round(seconds, 6)}
        | {"backend": chosen.name, "device": chosen.device}
        | crowd_files.counted(answers, options)
    )


def _aggregated(
    answers: Answers,
    task: Any,
    items: pa.Table | None,
    options: argparse.Namespace,
    non_human: np.ndarray | None,
) -> tuple[dict[str, Any], pa.Table]:
    method = options.method
    if method == STANDING:
        if options.type == "pairwise":
            standing = competitors.of_pairs(answers, items)
        elif options.type == "ranking":
            standing = competitors.of_rankings(answers, task)
        else:
            raise InputError("bradley-terry is for the types pairwise and ranking")
        return standing.figures(), standing.table()
    if task is not None:
        made = typed_labels.aggregate_typed(answers, task, method=method, non_human=non_human)
        return made.figures, made.table(answers)
    if options.type == "ordinal" and method in {None, ORDINAL}:
        machine = non_human if non_human is not None and non_human.any() else None
        how = {"max_iter": options.max_iter, "tol": options.tol}
        given = {name: value for name, value in how.items() if value is not None}
        fit = ordinal(answers, tally=Tally.of(answers, machine), **given)
        return ordinal_figures(answers, fit, machine), label_table(answers, fit.labels, machine)
    method = DEFAULT if method is None else method
    if method not in METHODS:
        raise InputError(f"method {method} is not for type {options.type}")
    found = aggregate(
        answers,
        method=method,
        max_iter=options.max_iter,
        tol=options.tol,
        stop=options.stop,
        seed=options.seed,
        non_human=non_human,
    )
    return found.figures, label_table(answers, found.labels, non_human)
