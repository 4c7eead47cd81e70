"""`python -m gpu_jobs agree|aggregate FILE`: one JSON object on stdout.

FILE is CSV or Parquet with item_id, worker_id, answer[, gold]. Exit code 2 and one sentence on
stderr when the input is wrong. Methods, rules and meanings: docs/scoring.md.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

from gpu_jobs import kappa, tables
from gpu_jobs.aggregate import METHODS, Aggregation, aggregate, label_table
from gpu_jobs.alpha import alpha_of
from gpu_jobs.answers import LEVELS, REPEATS, Answers, cells, encode
from gpu_jobs.contracts import InputError
from gpu_jobs.dawid_skene import MAX_ITER, STOPS, TOL
from gpu_jobs.percent import percent_agreement


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        table = tables.read_crowd(options.file)
        classes = options.classes.split(",") if options.classes else None
        answers = encode(table, repeats=options.repeats, classes=classes)
        printed = options.command(answers, options)
    except InputError as error:
        print(f"gpu_jobs: {error}", file=sys.stderr)
        return 2
    counted = {
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "missing": answers.missing,
        "repeats": answers.repeats,
        "repeats_rule": options.repeats,
    }
    print(json.dumps(printed | counted, ensure_ascii=False, allow_nan=False))
    return 0


def _parser() -> _Parser:
    parser = _Parser(prog="gpu_jobs", description="Agreement and labels of a crowd's answers.")
    commands = parser.add_subparsers(required=True, parser_class=_Parser)
    common = _Parser(add_help=False)
    common.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet")
    common.add_argument("--repeats", choices=REPEATS, default="keep")
    common.add_argument("--classes", metavar="A,B,C", help="the allowed answers in their order")
    agree = commands.add_parser("agree", parents=[common], help="how far the answers agree")
    agree.add_argument("--level", choices=LEVELS, default="nominal")
    agree.add_argument("--min-shared", type=int, default=kappa.MIN_SHARED)
    agree.set_defaults(command=_agree)
    join = commands.add_parser("aggregate", parents=[common], help="one label an item")
    join.add_argument("--method", choices=METHODS, default="dawid-skene")
    join.add_argument("--max-iter", type=int, default=MAX_ITER)
    join.add_argument("--tol", type=float, default=TOL)
    join.add_argument("--stop", choices=STOPS, default=STOPS[0])
    join.add_argument("--out", type=Path, metavar="LABELS", help=".csv or .parquet")
    join.set_defaults(command=_aggregate)
    return parser


def _agree(answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
    found = alpha_of(answers, level=options.level)
    counts = cells(answers.item, answers.value, len(answers.classes))
    pairs = kappa.kappas(answers, min_shared=options.min_shared)
    ordered = options.level == "ordinal" and len(answers.classes) <= 100
    return {
        "alpha": found.alpha,
        "reason": found.reason,
        "level": found.level,
        "alpha_package": found.package,
        "pairable_items": found.units,
        "pairable_answers": found.pairable,
        "percent_agreement": percent_agreement(counts),
        "kappa": kappa.summary(pairs, answers.workers),
        "order": answers.classes if ordered else None,
        "order_from": answers.classes_from,
    }


def _aggregate(answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
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
    return found.figures | {"seconds_compute": round(seconds, 6)}


def _write(answers: Answers, found: Aggregation, path: Path) -> None:
    write = tables.write_csv if path.suffix.lower() == ".csv" else tables.write_parquet
    try:
        write(label_table(answers, found.labels), path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
