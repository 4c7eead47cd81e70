"""After a run: for each item, is its label sure enough, and what would another answer teach?

Posteriors are those of `online.standing` (Dawid–Skene drawn towards the crowd), made less sure by
the temperature of `overlap.temperature_for`; the stop rule is `overlap.stopped`; the gain is
`information.expected_information` of an answer by somebody of the crowd's mean matrix, since nobody
knows who comes next. The price of an answer is the same for all items of a project, so bits per
cent order them as bits do.

`checked` sets the promise beside the truth where that is known: of items with gold that the rule
takes for sure, how many labels are wrong. Where the temperature was fitted to the same gold, the
check flatters it a little; `from_gold` says so. `too_sure`: the two disagree, since the expected
error lies below the whole 95% interval of what was found (Wilson).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpu_jobs import tables
from gpu_jobs.answers import NO_GOLD, Answers, encode
from gpu_jobs.calibration import tempered
from gpu_jobs.online.standing import standing
from gpu_jobs.planning.information import expected_information
from gpu_jobs.planning.overlap import ENOUGH_GOLD, Rule, temperature_for
from gpu_jobs.shares import wilson

WORTH = 0.01
"""Bits. An answer that is expected to teach less is not asked for: the crowd tells nothing more."""


@dataclass(frozen=True)
class Plan:
    """Arrays (I,) in the order of `items`, the ids of the items that have an answer.

    answers: so far. error: 1 − max T, tempered. sure: error within the rule, from enough answers.
    worth: not sure, below the most answers, and the gain is at least WORTH bits. known: the right
    answer is known, so nothing is asked for. stated: mean error of the sure items that are not
    known, None without any. wrong of checked: labels of known items that the rule takes for sure;
    low, high: the interval of that share, None without any.
    """

    items: list[str]
    answers: np.ndarray
    error: np.ndarray
    gain: np.ndarray
    sure: np.ndarray
    worth: np.ndarray
    known: np.ndarray
    stated: float | None
    wrong: int
    checked: int
    low: float | None
    high: float | None
    temperature: float
    from_gold: bool

    @property
    def too_sure(self) -> bool:
        return self.stated is not None and self.low is not None and self.stated < self.low


def plan(answers: Answers, rule: Rule) -> Plan:
    """Raises InputError where `standing` does: too many classes for confusion matrices."""
    fit = standing(answers)
    given = np.bincount(answers.item, minlength=len(answers.items))
    temperature = temperature_for(fit.posterior, answers.gold, given)
    posterior = tempered(fit.posterior, temperature)
    error = 1 - posterior.max(axis=1, initial=0)
    sure = (error <= rule.error) & (given >= rule.least)
    known = answers.gold != NO_GOLD
    gain = expected_information(posterior, fit.pooled)
    asked = sure & ~known
    tested = sure & known
    label = posterior.argmax(axis=1) if posterior.size else np.empty(0, dtype=np.int64)
    wrong = int((label[tested] != answers.gold[tested]).sum())
    checked = int(tested.sum())
    low, high = (
        (float(end[0]) for end in wilson(np.array([wrong]), np.array([checked])))
        if checked
        else (None, None)
    )
    return Plan(
        items=answers.items,
        answers=given,
        error=error,
        gain=gain,
        sure=sure,
        worth=~sure & ~known & (given < rule.most) & (gain >= WORTH),
        known=known,
        stated=float(error[asked].mean()) if asked.any() else None,
        wrong=wrong,
        checked=checked,
        low=low,
        high=high,
        temperature=temperature,
        from_gold=int(((answers.gold >= 0) & (given > 0)).sum()) >= ENOUGH_GOLD,
    )


def plan_of_input(path: Path, params: Mapping[str, Any], rule: Rule) -> Plan:
    """The same from the Parquet of a run of kind `quality`, with its parameters."""
    table = tables.clean(
        tables.read_parquet(path), required=("item_id", "worker_id", "answer"), optional=("gold",)
    )
    found = encode(table, repeats=params.get("repeats", "last"), classes=params.get("classes"))
    return plan(found, rule)
