"""The aggregators by name, and their labels as a table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.aggregation.dawid_skene import TooLargeError, dawid_skene
from gpu_jobs.aggregation.em import MAX_ITER, STOPS, TOL
from gpu_jobs.aggregation.labels import UNDECIDED, Labels, accuracy
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

METHODS = ("dawid-skene", "majority")


@dataclass(frozen=True)
class Aggregation:
    """labels, and figures as JSON values: method, iterations, converged, accuracy, …

    For Dawid–Skene also majority_accuracy and differs_from_majority (items): where workers gave
    few answers a class, EM can lose badly to the vote it started from, and this shows it.
    """

    labels: Labels
    figures: dict[str, Any]


def aggregate(
    answers: Answers,
    *,
    method: str,
    max_iter: int = MAX_ITER,
    tol: float = TOL,
    stop: str = STOPS[0],
    fall_back: bool = False,
) -> Aggregation:
    """Labels by `method`. With fall_back a Dawid–Skene that is too large becomes the majority,
    and figures["fallback"] says so; without it TooLargeError is raised.
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    fallback = None
    if method == "dawid-skene":
        try:
            fit = dawid_skene(answers, max_iter=max_iter, tol=tol, stop=stop)
        except TooLargeError as error:
            if not fall_back:
                raise
            fallback = str(error)
        else:
            vote = majority(answers)
            figures = {
                "stop": stop,
                "majority_accuracy": accuracy(vote, answers.gold),
                "differs_from_majority": int((vote.label != fit.labels.label).sum()),
                "log_likelihood": fit.log_likelihood,
                "priors": dict(zip(answers.classes, fit.priors.tolist(), strict=True)),
            }
            return Aggregation(
                fit.labels,
                _figures(answers, fit.labels, method, fit.iterations, fit.converged) | figures,
            )
    labels = majority(answers)
    figures = _figures(answers, labels, "majority", 1, True)
    return Aggregation(labels, figures | ({"fallback": fallback} if fallback else {}))


def label_table(answers: Answers, labels: Labels) -> pa.Table:
    """item_id, answer (null when undecided), probability, n (answers to the item)."""
    names = [None if code == UNDECIDED else answers.classes[code] for code in labels.label]
    return pa.table(
        {
            "item_id": pa.array(answers.items, pa.string()),
            "answer": pa.array(names, pa.string()),
            "probability": labels.probability,
            "n": np.bincount(answers.item, minlength=len(answers.items)),
        }
    )


def read_labels(path: Path, answers: Answers) -> Labels:
    """Labels as `label_table` wrote them, without the classes that were tied."""
    table = tables.read_parquet(path)
    place = {name: code for code, name in enumerate(answers.classes)} | {None: UNDECIDED}
    none = np.empty(0, dtype=np.int64)
    return Labels(
        label=np.array([place[name] for name in table["answer"].to_pylist()], dtype=np.int64),
        probability=table["probability"].to_numpy(),
        tied_item=none,
        tied_value=none,
    )


def _figures(
    answers: Answers, labels: Labels, method: str, iterations: int, converged: bool
) -> dict[str, Any]:
    known = answers.gold != NO_GOLD
    return {
        "method": method,
        "iterations": iterations,
        "converged": converged,
        "accuracy": accuracy(labels, answers.gold),
        "gold_items": int(known.sum()),
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "classes": len(answers.classes),
        "undecided": int((labels.label == UNDECIDED).sum()),
    }
