"""`python -m gpu_jobs agree`."""

import argparse
from typing import Any

from gpu_jobs.agreement import kappa
from gpu_jobs.agreement.alpha import alpha_of
from gpu_jobs.agreement.percent import percent_agreement
from gpu_jobs.answers import LEVELS, cells
from gpu_jobs.crowd_files import counted, read


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    agree = commands.add_parser("agree", parents=[common], help="how far the answers agree")
    agree.add_argument("--level", choices=LEVELS, default="nominal")
    agree.add_argument("--min-shared", type=int, default=kappa.MIN_SHARED)
    agree.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers = read(options)
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
    } | counted(answers, options)
