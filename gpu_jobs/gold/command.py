"""`python -m gpu_jobs gold`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.crowd_files import counted, read
from gpu_jobs.gold import exposure, posterior, rate, suspects

TOP = 20


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    known = commands.add_parser("gold", parents=[common], help="workers against known answers")
    known.add_argument("--prior", type=float, default=posterior.K, help="K of Beta(K, K)")
    known.add_argument("--bar", type=float, default=0.8, help="accuracy that is asked for")
    known.add_argument("--out", type=Path, metavar="WORKERS", help=".csv or .parquet")
    known.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers = read(options)
    start = perf_counter()
    scores = posterior.gold_scores(answers, k=options.prior)
    wanted = rate.gold_rate(scores.correct, scores.gold, bar=options.bar, k=options.prior)
    doubted = suspects.suspect_gold(answers)
    shown = exposure.exposure(answers)
    seconds = perf_counter() - start
    table = _workers(answers, scores, wanted)
    if options.out:
        tables.write_named(table, options.out)
    known, right = int(scores.gold.sum()), float(scores.correct.sum())
    met = scores.gold > 0
    return {
        "gold_items": int((answers.gold != NO_GOLD).sum()),
        "gold_answers": known,
        "share_correct": right / known if known else None,
        "workers_with_gold": int(met.sum()),
        "decisive_workers": int(scores.decisive.sum()),
        "at_the_bar": int((scores.decisive & (scores.lower >= options.bar)).sum()),
        "prior": options.prior,
        "bar": options.bar,
        "mean_gold_rate": float(wanted.mean()) if len(wanted) else None,
        "exposure": {
            "most_shown": int(shown.shown.max(initial=0)),
            "median_shown": float(np.median(shown.shown)) if len(shown.shown) else None,
            "again": int(shown.again.sum()),
            "worn": int(shown.worn.sum()),
        },
        "suspect_gold": int(doubted.suspect.sum()),
        "suspects": _suspects(answers, doubted),
        "correlation_of_errors": doubted.correlation,
        "worker_scores": _rows(table.slice(0, 0) if options.out else table),
        "seconds_compute": round(seconds, 6),
    } | counted(answers, options)


def _workers(answers: Answers, scores: posterior.GoldScores, wanted: np.ndarray) -> pa.Table:
    names = {"worker_id": pa.array(answers.workers, pa.string())}
    given = np.bincount(answers.worker, minlength=len(answers.workers))
    return pa.table(names | {"answers": given} | vars(scores) | {"gold_rate": wanted})


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _suspects(answers: Answers, found: suspects.Suspects) -> list[dict[str, Any]]:
    """The gold items most probably wrong, at most 20; names settle nothing but equal ones."""
    order = np.lexsort((found.item, -found.against, -found.wrong))
    return [
        {
            "item_id": answers.items[found.item[i]],
            "gold": _name(answers, int(answers.gold[found.item[i]])),
            "answers_say": _name(answers, int(found.other[i])),
            "wrong": float(found.wrong[i]),
            "against": float(found.against[i]),
            "answers": int(found.answers[i]),
        }
        for i in order[:TOP]
        if found.suspect[i]
    ]


def _name(answers: Answers, code: int) -> str | None:
    return answers.classes[code] if code >= 0 else None
