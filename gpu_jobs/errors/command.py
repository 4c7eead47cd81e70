"""`python -m gpu_jobs errors`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.aggregation.methods import aggregate
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.crowd_files import counted, read_beside, save_plot
from gpu_jobs.errors import bias, cited, confusion
from gpu_jobs.errors.cells import LEAST_PEOPLE, OTHERS, written
from gpu_jobs.errors.described import by_cells
from gpu_jobs.errors.figures import coded, leanings, number, pairs, rows

GROUPS = ("tier", "language", "kind", "group")
DESCRIBED = "described"
COLUMNS = (*GROUPS, DESCRIBED, "cited")
TRUTHS = ("gold", "labels")
CLOSED = ("choice", "pairwise", "ordinal")
LARGEST = 50
"""More classes than this are not printed as a matrix; their confused pairs are."""


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    wrong = commands.add_parser(
        "errors",
        parents=[common],
        help=f"where people go wrong; also reads the columns {', '.join(COLUMNS)}",
    )
    wrong.add_argument("--truth", choices=TRUTHS, help="default: gold where there is any")
    wrong.add_argument("--top", type=int, default=20, help="confused pairs to show")
    wrong.add_argument("--out", type=Path, metavar="WORKERS", help=".csv or .parquet")
    wrong.add_argument("--plot", type=Path, metavar="FILE.svg", help="the confusion matrix")
    wrong.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers, _, beside = read_beside(options, COLUMNS)
    if options.type not in CLOSED:
        raise InputError(
            f"errors are counted for the types {', '.join(CLOSED)}; how far {options.type} lies"
            " from the gold is said by the command gold"
        )
    start = perf_counter()
    known = bool((answers.gold != NO_GOLD).any())
    chosen = options.truth or ("gold" if known else "labels")
    if chosen == "gold" and not known:
        raise InputError("no item has a known answer; --truth labels takes the crowd's")
    truth = answers.gold if chosen == "gold" else _labels(answers)
    of_answer = truth[answers.item]
    judged = of_answer != NO_GOLD
    wrong = np.where(judged, (of_answer != answers.value).astype(np.float64), np.nan)
    figures: dict[str, Any] = {
        "truth": chosen,
        "judged_answers": int(judged.sum()),
        "errors": int(np.nansum(wrong)),
        "error_rate": float(np.nanmean(wrong)) if judged.any() else None,
        "confused_pairs": pairs(answers, truth, options.top),
    }
    if len(answers.classes) <= LARGEST:
        found = confusion.confusion(of_answer, answers.value, classes=len(answers.classes))
        figures["classes"] = answers.classes
        save_plot(options.plot, lambda: found.plot(answers.classes))
        figures["confusion"] = {
            "counts": found.counts[0].tolist(),
            "rate": _listed(found.rate[0]),
            "low": _listed(found.low[0]),
            "high": _listed(found.high[0]),
        }
    elif options.plot:
        raise InputError(f"a matrix of more than {LARGEST} classes is not drawn")
    for name in GROUPS:
        if name in beside:
            codes, names = coded(beside[name])
            figures[f"by_{name}"] = rows(bias.gaps(wrong, codes, answers.worker, len(names)), names)
    if "group" in beside and len(answers.classes) <= LARGEST:
        figures["leaning_by_group"] = leanings(answers, of_answer, *coded(beside["group"]))
    if DESCRIBED in beside:
        figures["by_description"] = _described(answers, wrong, beside)
    if "cited" in beside:
        figures["cited"] = _citations(answers, beside["cited"])
    if options.out:
        tables.write_named(_workers(answers, of_answer), options.out)
    seconds = perf_counter() - start
    return figures | {"seconds_compute": round(seconds, 6)} | counted(answers, options)


def _labels(answers: Answers) -> np.ndarray:
    found = aggregate(answers, method="dawid-skene", fall_back=True).labels.label
    return np.where(found < 0, NO_GOLD, found)


def _described(
    answers: Answers, wrong: np.ndarray, beside: dict[str, list[str | None]]
) -> dict[str, Any]:
    """By the rule of runs: groups of all kinds that are printed divide what people say."""
    people = [answers.workers[code] for code in answers.worker.tolist()]
    said: dict[str, str] = {}
    for name, value in zip(people, beside[DESCRIBED], strict=True):
        if value is not None and said.setdefault(name, value) != value:
            raise InputError(f"{name} is described as {said[name]!r} and as {value!r}")
    where = [beside[name] for name in GROUPS if name in beside]
    places = list(zip(*where, strict=True)) if where else [()] * len(people)
    columns = written(places, people, (~np.isnan(wrong)).tolist(), {DESCRIBED: said})
    whom = coded(beside.get("group", [None] * len(people)))
    found = by_cells(wrong, answers.worker, columns, whom, called="group").get(DESCRIBED, {})
    cells = found.get("cells", [])
    shown = {row["name"] for row in cells} - {OTHERS}
    return {
        "least_people": LEAST_PEOPLE,
        "others": OTHERS,
        "suppressed": len(set(said.values()) - shown),
        "cells": cells,
    } | found


def _citations(answers: Answers, texts: list[str | None]) -> list[dict[str, Any]]:
    line, names = coded(texts)
    found = cited.citations(line, answers.worker, lines=len(names))
    order = np.lexsort((np.arange(len(names)), -found.count))
    return [
        {"line": names[i]} | {name: getattr(found, name)[i].item() for name in vars(found)}
        for i in order.tolist()
    ]


def _workers(answers: Answers, of_answer: np.ndarray) -> pa.Table:
    truth = np.where(
        of_answer == NO_GOLD, -1, np.where(of_answer < 0, len(answers.classes), of_answer)
    )
    rates = confusion.error_rates(truth, answers.value, answers.worker, len(answers.workers))
    columns = {
        name: pa.array(array, mask=np.isnan(array)) if name == "rate" else pa.array(array)
        for name, array in vars(rates).items()
    }
    return pa.table({"worker_id": pa.array(answers.workers, pa.string())} | columns)


def _listed(array: np.ndarray) -> list[list[float | None]]:
    return [[number(each) for each in row] for row in array.tolist()]
