"""`python -m gpu_jobs agree`."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import crowd_files, tables
from gpu_jobs.agreement import kappa
from gpu_jobs.agreement.bootstrap import RESAMPLES
from gpu_jobs.agreement.report import Agreement, agree
from gpu_jobs.answers import LEVELS, Answers
from gpu_jobs.contracts import InputError, RowError
from gpu_jobs.distances.transcripts import UNITS

WRITTEN = (".json", ".csv", ".parquet")


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("agree", parents=[common], help="how far the answers agree")
    parser.add_argument("--level", choices=LEVELS, help="of alpha; the type has one of its own")
    parser.add_argument("--min-shared", type=int, default=kappa.MIN_SHARED)
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help="draws of an interval")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--masi", action="store_true", help="type set: MASI instead of Jaccard")
    parser.add_argument("--unit", choices=UNITS, default=UNITS[0], help="type transcript")
    parser.add_argument(
        "--out",
        type=Path,
        help="what is printed as .json, or each item's agreement as .csv, .parquet",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="a picture of it")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    _check(options)
    answers, at = crowd_files.read_with_times(options, people=True)
    special = {"set": {"masi": options.masi}, "transcript": {"unit": options.unit}}
    try:
        found = agree(
            answers,
            name=options.type,
            level=options.level,
            at=at,
            min_shared=options.min_shared,
            resamples=options.resamples,
            seed=options.seed,
            say=crowd_files.progress(options),
            **special.get(options.type, {}),
        )
    except RowError as error:
        raise tables.located(options.file, error) from error
    printed = _printed(found, answers, options) | crowd_files.counted(answers, options)
    if options.out is not None:
        _write(found, answers, printed, options.out)
    crowd_files.save_plot(options.plot, found.plot)
    return printed


def _check(options: argparse.Namespace) -> None:
    if options.out is not None and options.out.suffix.lower() not in WRITTEN:
        raise InputError(f"--out must end in {', '.join(WRITTEN)}")
    if options.plot is not None and options.plot.suffix.lower() != ".svg":
        raise InputError("--plot must end in .svg")
    if options.resamples < 0 or options.seed < 0:
        raise InputError("--resamples and --seed must not be below 0")


def _printed(found: Agreement, answers: Answers, options: argparse.Namespace) -> dict[str, Any]:
    alpha, pairs = found.alpha, found.kappas
    ordered = alpha.level == "ordinal" and len(answers.classes) <= 100
    low = found.lowest()
    texts = crowd_files.texts_of(options, [name for name, _ in low])
    return {
        "type": found.type,
        "alpha": alpha.alpha,
        "reason": alpha.reason,
        "level": alpha.level,
        "alpha_package": alpha.package,
        "pairable_items": alpha.units,
        "pairable_answers": alpha.pairable,
        "percent_agreement": found.coefficients[0].value,
        "kappa": None if pairs is None else kappa.summary(pairs, answers.workers),
        "order": answers.classes if ordered else None,
        "order_from": answers.classes_from,
        **found.figures(),
        "lowest_items": [
            {"item": name, "agreement": value} | ({"texts": texts[name]} if name in texts else {})
            for name, value in low
        ],
        "seed": options.seed,
    } | ({"non_human_left_out": options.machine_answers} if options.machines else {})


def _write(found: Agreement, answers: Answers, printed: dict[str, Any], path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix == ".json":
        text = json.dumps(printed, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
        crowd_files.save(lambda: tables.write_text(text, path), path)
        return
    table = pa.table(
        {
            "item_id": pa.array(answers.items, pa.string()),
            "n": np.bincount(answers.item, minlength=len(answers.items)),
            "agreement": pa.array(found.item, mask=np.isnan(found.item)),
        }
    )
    tables.write_named(table, path)
