"""`python -m gpu_jobs anomalies`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from gpu_jobs import tables
from gpu_jobs.anomalies.copying import Copying
from gpu_jobs.anomalies.survey import signal_table, survey
from gpu_jobs.answers import Answers, as_numbers
from gpu_jobs.contracts import InputError
from gpu_jobs.crowd_files import counted, read_beside

TOP = 20
CLOSED = ("choice", "pairwise", "ordinal")
TEXTS = ("text", "transcript")


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    odd = commands.add_parser(
        "anomalies",
        parents=[common],
        help="signals about workers; also reads the columns at and seconds",
    )
    odd.add_argument("--seed", type=int, default=0, help="of the hashes for texts")
    odd.add_argument("--out", type=Path, metavar="SIGNALS", help=".csv or .parquet")
    odd.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers, at, beside = read_beside(options, ("seconds",))
    times = _seconds(beside.get("seconds"))
    texts: list[str | None] | None = None
    if options.type in TEXTS:
        texts = [answers.classes[code] for code in answers.value.tolist()]
    start = perf_counter()
    found = survey(
        answers,
        # An order with gaps orders nothing.
        order=None if at is None or np.isnan(at).any() else at,
        times=times,
        texts=texts,
        closed=options.type in CLOSED,
        seed=options.seed,
    )
    seconds = perf_counter() - start
    if options.out:
        tables.write_named(signal_table(answers, found), options.out)
    return {
        "signals": {
            signal.name: {
                "family": signal.family,
                "threshold": signal.threshold,
                "judged": int((~np.isnan(signal.value)).sum()),
                "speaks": int(signal.speaks.sum()),
            }
            for signal in found.signals.values()
        },
        "absent": found.absent,
        "flagged": int(found.flags.flagged.sum()),
        "flagged_workers": [
            {"worker_id": answers.workers[w], "signals": found.flags.names[w]}
            for w in np.flatnonzero(found.flags.flagged).tolist()
        ],
        "shared_errors": _pairs(answers, found.copied) if found.copied else [],
        "seconds_compute": round(seconds, 6),
    } | counted(answers, options)


def _seconds(texts: list[str | None] | None) -> np.ndarray | None:
    if texts is None:
        return None
    found = as_numbers([text for text in texts if text is not None])
    if found is None:
        raise InputError("column seconds does not hold numbers")
    if np.any(found < 0):
        raise InputError("column seconds holds a time below zero")
    values = np.full(len(texts), np.nan)
    values[[text is not None for text in texts]] = found
    return values


def _pairs(answers: Answers, found: Copying) -> list[dict[str, Any]]:
    order = np.lexsort((found.second, found.first, -found.errors, found.p))
    return [
        {
            "workers": [answers.workers[found.first[i]], answers.workers[found.second[i]]],
            "shared": int(found.shared[i]),
            "errors": int(found.errors[i]),
            "expected": float(found.expected[i]),
            "p": float(found.p[i]),
        }
        for i in order[:TOP]
        if found.p[i] < 0.01
    ]
