"""Who is better over all: strengths of what was compared, from answers and the items' file.

Type pairwise: an answer is a, b or tie, and --items names what a and b were: columns `a_name` and
`b_name`, or one column `models` that holds both with an underscore between. Type ranking: an
answer names its objects itself. Items whose two competitors are the same are left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import svg
from gpu_jobs.aggregation.bradley_terry import (
    FIRST,
    SECOND,
    TIE,
    BradleyTerry,
    bradley_terry,
    order_of,
    pairs_of_rankings,
)
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.types import Typed

OUTCOMES = {"a": FIRST, "b": SECOND, "tie": TIE}


@dataclass(frozen=True)
class Standing:
    """names, strongest first in `order`; wins, losses, ties int64 (M,): as said."""

    names: list[str]
    order: list[int]
    fit: BradleyTerry
    wins: np.ndarray
    losses: np.ndarray
    ties: np.ndarray

    def figures(self) -> dict[str, Any]:
        """JSON values."""
        fit = self.fit
        return {
            "method": "bradley-terry",
            "iterations": fit.iterations,
            "converged": fit.converged,
            "accuracy": None,
            "log_likelihood": fit.log_likelihood,
            "tie": fit.tie,
            "competitors": [
                {
                    "name": self.names[i],
                    "strength": float(fit.strength[i]),
                    "deviation": None if fit.deviation is None else float(fit.deviation[i]),
                    "wins": int(self.wins[i]),
                    "losses": int(self.losses[i]),
                    "ties": int(self.ties[i]),
                }
                for i in self.order
            ],
        }

    def plot(self) -> str:
        """SVG: strengths from the strongest, with 95% intervals."""
        fit = self.fit
        reach = None if fit.deviation is None else 1.96 * fit.deviation
        rows = [
            svg.Bar(
                label=self.names[i],
                value=float(fit.strength[i]),
                low=None if reach is None else float(fit.strength[i] - reach[i]),
                high=None if reach is None else float(fit.strength[i] + reach[i]),
            )
            for i in self.order
        ]
        return svg.bars("Strength", rows)

    def table(self) -> pa.Table:
        """competitor, strength, deviation, wins, losses, ties; the strongest first."""
        order, fit = self.order, self.fit
        deviation = None if fit.deviation is None else fit.deviation[order]
        empty = pa.nulls(len(order), pa.float64())
        return pa.table(
            {
                "competitor": pa.array([self.names[i] for i in order], pa.string()),
                "strength": fit.strength[order],
                "deviation": empty if deviation is None else pa.array(deviation),
                "wins": self.wins[order],
                "losses": self.losses[order],
                "ties": self.ties[order],
            }
        )


def of_pairs(answers: Answers, items: pa.Table | None) -> Standing:
    """Raises InputError for an answer that is not a, b or tie, or items without competitors."""
    foreign = [name for name in answers.classes if name.lower() not in OUTCOMES]
    if foreign:
        raise InputError(f"column answer: {foreign[0]!r} is not a, b or tie")
    if items is None:
        raise InputError("bradley-terry needs --items with the competitors of each item")
    sides = _sides(items)
    missing = next((name for name in answers.items if name not in sides), None)
    if missing is not None:
        raise InputError(f"--items says nothing about item {missing!r}")
    names = sorted({name for item in answers.items for name in sides[item]})
    place = {name: index for index, name in enumerate(names)}
    pairs = np.array([[place[name] for name in sides[item]] for item in answers.items])
    pairs = pairs.reshape(-1, 2)
    outcome = np.array([OUTCOMES[name.lower()] for name in answers.classes], dtype=np.int64)
    first, second = pairs[answers.item].T
    differ = first != second
    return _standing(
        first[differ],
        second[differ],
        outcome[answers.value][differ] if len(answers) else answers.value,
        answers.worker[differ],
        names,
        len(answers.workers),
    )


def of_rankings(answers: Answers, task: Typed) -> Standing:
    """Every ranking as all its pairs."""
    names = sorted({name for value in task.values for group in value for name in group})
    place = {name: index for index, name in enumerate(names)}
    rows = [
        (value, rank, place[name])
        for value, groups in enumerate(task.values)
        for rank, group in enumerate(groups)
        for name in group
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    first, second, outcome, value = pairs_of_rankings(table[:, 1], table[:, 2], table[:, 0])
    # Every answer says all pairs of its value.
    of_answer = task.code[answers.value] if len(answers) else answers.value
    count = np.bincount(value, minlength=len(task.values))
    begin = np.cumsum(count) - count
    size = count[of_answer]
    answer = np.repeat(np.arange(len(answers)), size)
    pair = np.arange(len(answer)) - np.repeat(np.cumsum(size) - size, size)
    pair += begin[of_answer][answer]
    worker = answers.worker[answer]
    return _standing(first[pair], second[pair], outcome[pair], worker, names, len(answers.workers))


def _sides(items: pa.Table) -> dict[str, tuple[str, str]]:
    columns = items.column_names
    ids = items["item_id"].to_pylist()
    if {"a_name", "b_name"} <= set(columns):
        both = zip(items["a_name"].to_pylist(), items["b_name"].to_pylist(), strict=True)
        return dict(zip(ids, both, strict=True))
    if "models" not in columns:
        raise InputError("--items must have the columns a_name and b_name, or models")
    found = {}
    for item, text in zip(ids, items["models"].to_pylist(), strict=True):
        parts = (text or "").split("_")
        if len(parts) != 2 or not all(parts):
            raise InputError(f"column models: {text!r} does not name two, with one underscore")
        found[item] = (parts[0], parts[1])
    return found


def _standing(
    first: np.ndarray,
    second: np.ndarray,
    outcome: np.ndarray,
    worker: np.ndarray,
    names: list[str],
    workers: int,
) -> Standing:
    size = len(names)
    fit = bradley_terry(first, second, outcome, worker, competitors=size, workers=workers)
    both = np.concatenate([first, second])

    def counted(of_first: int, of_second: int) -> np.ndarray:
        mask = np.concatenate([outcome == of_first, outcome == of_second])
        return np.bincount(both[mask], minlength=size)

    return Standing(
        names=names,
        order=order_of(fit.strength, names),
        fit=fit,
        wins=counted(FIRST, SECOND),
        losses=counted(SECOND, FIRST),
        ties=counted(TIE, TIE),
    )
