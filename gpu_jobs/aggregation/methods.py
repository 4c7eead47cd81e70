"""The aggregators by name, their figures as JSON values, and their labels as a table.

Annotators that are no people (models, labelling functions) have parameters of their own in every
method, and in Dawid–Skene a confusion matrix without the prior on people's errors. They never
vote where a person has answered, neither in the majority nor in the start of EM. `non_human` in
the figures counts them, and shows the confusion matrix of each against the labels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import svg, tables
from gpu_jobs.aggregation import choice
from gpu_jobs.aggregation.dawid_skene import DawidSkene, TooLargeError
from gpu_jobs.aggregation.em import STOPS
from gpu_jobs.aggregation.fits import FITS, Fit, Settings
from gpu_jobs.aggregation.glad import Glad
from gpu_jobs.aggregation.labels import UNDECIDED, Labels, accuracy
from gpu_jobs.aggregation.mace import Mace
from gpu_jobs.aggregation.majority import majority
from gpu_jobs.aggregation.ordinal import Ordinal
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

AUTO = "auto"
METHODS = (*FITS, AUTO)
EM = ("dawid-skene", "dawid-skene-map", "one-coin", "one-coin-map", "majority")
"""Those that `em.MAX_ITER` and `em.TOL` are meant for; GLAD and MACE have their own."""
CONFUSIONS = 20
"""Confusion matrices of more machines than this, or with more classes, are not printed."""


@dataclass(frozen=True)
class Aggregation:
    """labels, and figures as JSON values: method, iterations, converged, accuracy, …

    Beside every method stand majority_accuracy and differs_from_majority (items): where workers
    gave few answers a class, EM can lose badly to the vote it started from, and this shows it.
    """

    labels: Labels
    figures: dict[str, Any]

    def plot(self, answers: Answers) -> str:
        """SVG: of the items with each label (rows) the share of each answer given (columns)."""
        size = len(answers.classes)
        decided = self.labels.label[answers.item] != UNDECIDED
        cell = self.labels.label[answers.item[decided]] * size + answers.value[decided]
        table = np.bincount(cell, minlength=size * size).reshape(size, size).astype(np.float64)
        whole = table.sum(axis=1, keepdims=True)
        shares = np.divide(table, whole, out=np.full_like(table, np.nan), where=whole > 0)
        return svg.heat_map("Answers given, by label", answers.classes, shares)


def aggregate(
    answers: Answers,
    *,
    method: str,
    max_iter: int | None = None,
    tol: float | None = None,
    stop: str = STOPS[0],
    seed: int = 0,
    fall_back: bool = False,
    non_human: np.ndarray | None = None,
) -> Aggregation:
    """Labels by `method`; max_iter and tol None: each method's own.

    non_human: bool (W,), workers that are no people. With fall_back a method that is too large
    becomes the majority, and figures["fallback"] says so; without it TooLargeError is raised.
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    machine = non_human if non_human is not None and non_human.any() else None
    tally = Tally.of(answers, machine)
    how = Settings(max_iter=max_iter, tol=tol, stop=stop, seed=seed)
    said: dict[str, Any] = {}
    if method == AUTO:
        chosen = choice.choose_method(answers, tally=tally, how=how)
        method, fit = chosen.method, chosen.fit
        said["choice"] = _choice(chosen)
        said |= {"agrees_against_gold": chosen.agrees_against_gold, "helps": chosen.helps}
    else:
        try:
            fit = FITS[method](answers, tally, how)
        except TooLargeError as error:
            if not fall_back:
                raise
            method, fit, said = (
                "majority",
                FITS["majority"](answers, tally, how),
                {"fallback": str(error)},
            )
    figures = _figures(answers, fit, method)
    if method != "majority":
        vote = majority(answers, tally=tally)
        figures |= {
            "majority_accuracy": accuracy(vote, answers.gold),
            "differs_from_majority": int((vote.label != fit.labels.label).sum()),
        }
        if figures["gold_items"] >= choice.GOLD and "choice" not in said:
            found = choice.versus(fit.labels, vote, answers.gold)
            said["agrees_against_gold"] = found.worse < choice.LEVEL
            said["helps"] = found.better < choice.LEVEL
    figures |= _own_figures(answers, fit, stop)
    if machine is not None:
        figures["non_human"] = _non_human(answers, tally, fit.labels, machine)
    return Aggregation(fit.labels, figures | said)


def ordinal_figures(
    answers: Answers, fit: Ordinal, machine: np.ndarray | None = None
) -> dict[str, Any]:
    """Figures of the method "ordinal": as of the others, with biases and spreads in steps."""
    tally = Tally.of(answers, machine)
    vote = majority(answers, tally=tally)
    said: dict[str, Any] = {
        "majority_accuracy": accuracy(vote, answers.gold),
        "differs_from_majority": int((vote.label != fit.labels.label).sum()),
        "log_posterior": fit.log_posterior,
        "priors": dict(zip(answers.classes, fit.priors.tolist(), strict=True)),
        "bias": _quartiles(fit.bias),
        "spread": _quartiles(fit.spread),
    }
    if machine is not None:
        said["non_human"] = _non_human(answers, tally, fit.labels, machine)
    return _figures(answers, fit, "ordinal") | said


def _quartiles(values: np.ndarray) -> list[float] | None:
    """Least, lower quartile, median, upper quartile and greatest."""
    return np.quantile(values, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(values) else None


def label_table(answers: Answers, labels: Labels, non_human: np.ndarray | None = None) -> pa.Table:
    """item_id, answer (null when undecided), probability, n (answers to the item); with
    machines among the workers also n_non_human, how many of the n are theirs.
    """
    names = [None if code == UNDECIDED else answers.classes[code] for code in labels.label]
    items = len(answers.items)
    columns = {
        "item_id": pa.array(answers.items, pa.string()),
        "answer": pa.array(names, pa.string()),
        "probability": labels.probability,
        "n": np.bincount(answers.item, minlength=items),
    }
    if non_human is not None and non_human.any():
        theirs = answers.item[non_human[answers.worker]]
        columns["n_non_human"] = np.bincount(theirs, minlength=items)
    return pa.table(columns)


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


def machines(answers: Answers, ids: list[str]) -> np.ndarray:
    """Bool (W,): the workers named. Raises InputError for a name that gave no answer."""
    foreign = sorted(set(ids) - set(answers.workers))
    if foreign:
        raise InputError(f"{foreign[0]!r} is said to be no person, but gave no answer")
    return np.isin(np.array(answers.workers, dtype=object), list(ids))


def _figures(answers: Answers, fit: Fit | Ordinal, method: str) -> dict[str, Any]:
    known = answers.gold != NO_GOLD
    return {
        "method": method,
        "iterations": fit.iterations,
        "converged": fit.converged,
        "accuracy": accuracy(fit.labels, answers.gold),
        "gold_items": int(known.sum()),
        "items": len(answers.items),
        "workers": len(answers.workers),
        "answers": len(answers),
        "classes": len(answers.classes),
        "undecided": int((fit.labels.label == UNDECIDED).sum()),
        "log_likelihood": fit.log_likelihood,
    }


def _own_figures(answers: Answers, fit: Fit, stop: str) -> dict[str, Any]:
    if isinstance(fit, Mace):
        return {"starts": fit.starts, "all_iterations": fit.all_iterations, "bound": fit.bound}
    if isinstance(fit, Glad):
        return {"log_posterior": fit.log_posterior}
    priors = getattr(fit, "priors", None)
    if priors is None:
        return {}
    has_prior = isinstance(fit, DawidSkene) and fit.prior is not None
    return {
        "stop": "log-posterior" if has_prior else stop,
        "priors": dict(zip(answers.classes, priors.tolist(), strict=True)),
    }


def _choice(chosen: choice.Choice) -> dict[str, Any]:
    return {
        "by": chosen.by,
        "gold_accuracy": chosen.gold_accuracy,
        "accuracy_held_out": chosen.accuracy_held_out,
        "held_out_log_likelihood": chosen.held_out,
        "explains_best": chosen.explains_best,
        "alike": list(chosen.alike),
        "unfit": chosen.unfit,
    }


def _non_human(
    answers: Answers, tally: Tally, labels: Labels, machine: np.ndarray
) -> dict[str, Any]:
    theirs = machine[answers.worker]
    people = np.bincount(answers.item[~theirs], minlength=len(answers.items))
    found: dict[str, Any] = {
        "workers": int(machine.sum()),
        "answers": int(theirs.sum()),
        "items_without_people": int((people == 0).sum()),
    }
    if machine.sum() > CONFUSIONS or len(answers.classes) > CONFUSIONS:
        return found
    decided = theirs & (labels.label[answers.item] != UNDECIDED)
    size = len(answers.classes)
    found["classes"] = answers.classes
    found["confusion"] = {}
    for worker in np.flatnonzero(machine):
        mine = decided & (answers.worker == worker)
        cell = labels.label[answers.item[mine]] * size + tally.value[mine]
        matrix = np.bincount(cell, minlength=size * size).reshape(size, size)
        found["confusion"][answers.workers[worker]] = matrix.tolist()
    return found
