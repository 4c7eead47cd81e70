"""All signals about all workers of one file, and the flags that two families together make.

What is not there is not judged: without times no haste, without an order no runs and no drift,
without texts no near-duplicates. Where a signal would not fit into memory it is left out and
named in `absent`, with the reason.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gpu_jobs.aggregation.labels import choose
from gpu_jobs.anomalies import (
    chance,
    copying,
    drift,
    duplicates,
    gold_chance,
    haste,
    patterns,
    seconds,
    spammers,
)
from gpu_jobs.anomalies.peers import incidence, others, row_products, row_sums
from gpu_jobs.anomalies.signals import Flags, Signal, combine
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.online.standing import Standing, likelihoods, standing

BY_ANSWERS = (
    "below chance",
    "little agreement",
    "spammer score",
    "one class",
    "straight-lining",
    "drift",
    "shared errors",
    gold_chance.NAME,
)


@dataclass(frozen=True)
class Survey:
    """signals: by name. flags: see `signals.combine`. absent: name → why it was not computed.
    copied: pairs with shared errors, None where that is absent.
    """

    signals: dict[str, Signal]
    flags: Flags
    absent: dict[str, str]
    copied: copying.Copying | None


def survey(
    answers: Answers,
    *,
    order: np.ndarray | None = None,
    times: np.ndarray | None = None,
    texts: list[str | None] | None = None,
    closed: bool = True,
    fit: Standing | None = None,
    seed: int = 0,
) -> Survey:
    """Arrays order, times (seconds, NaN unknown), texts: (n,), as the answers stand in `answers`.
    closed: answers are classes, so that equal ones mean something; without it only times and texts
    are judged. fit: standing matrices, made here where not given. seed: of the MinHash functions.
    """
    found: list[Signal] = []
    absent: dict[str, str] = {}
    copied: copying.Copying | None = None
    if closed:
        found, copied = _by_answers(answers, order, fit, absent)
    else:
        absent |= dict.fromkeys(BY_ANSWERS, "answers of this type are seldom equal")
    workers = len(answers.workers)
    if times is not None:
        slow_or_fast = seconds.time_anomalies(answers.item, times)
        found.append(haste.haste(slow_or_fast, answers.worker, workers=workers))
    if texts is not None:
        alike = duplicates.near_duplicates(
            texts, answers.worker, answers.item, workers=workers, seed=seed
        )
        found.append(duplicates.copied_texts(alike))
    for name, there in (("haste", times), ("near-duplicate texts", texts)):
        if there is None:
            absent[name] = "the file does not say"
    return Survey(
        signals={signal.name: signal for signal in found},
        flags=combine(found, workers),
        absent=absent,
        copied=copied,
    )


def _by_answers(
    answers: Answers, order: np.ndarray | None, fit: Standing | None, absent: dict[str, str]
) -> tuple[list[Signal], copying.Copying | None]:
    """Signals that ask which answers are equal; what could not be had goes into `absent`."""
    agreed = chance.chance(answers)
    found = [chance.below_chance(agreed), chance.little_agreement(agreed)]
    label: np.ndarray | None = None
    rest: np.ndarray | None = None
    copied: copying.Copying | None = None
    try:
        fit = standing(answers) if fit is None else fit
        rest = spammers.posterior_of_others(answers, fit.posterior, likelihoods(answers, fit.error))
        label = _sure_label(rest)
        score = spammers.spammers(answers, spammers.counts_against(answers, rest))
        found.append(spammers.spamming(score))
    except InputError as error:
        absent["spammer score"] = str(error)
        fit, rest, label = None, None, None
    shapes = patterns.patterns(answers, order=order, label=label)
    found.append(patterns.one_class(shapes))
    if order is None:
        absent |= dict.fromkeys(("straight-lining", "drift"), "the file does not say")
    else:
        found += [patterns.straight_lining(shapes), _drift(answers, order, rest)]
    if (answers.gold >= 0).any():
        found.append(gold_chance.gold_at_chance(answers))
    else:
        absent[gold_chance.NAME] = "no gold is known"
    try:
        copied = copying.shared_errors(answers, truth_of(answers, fit))
        found.append(copying.copying(copied))
    except InputError as error:
        absent["shared errors"] = str(error)
    return found, copied


def signal_table(answers: Answers, found: Survey) -> pa.Table:
    """A line a worker: its id, each signal's value (null: too few answers), families, flagged."""
    columns = {"worker_id": pa.array(answers.workers, pa.string())}
    for signal in found.signals.values():
        columns[signal.name] = pa.array(signal.value, mask=np.isnan(signal.value))
    return pa.table(
        columns
        | {
            "signals": pa.array([", ".join(names) for names in found.flags.names], pa.string()),
            "families": pa.array(found.flags.families),
            "flagged": pa.array(found.flags.flagged),
        }
    )


def truth_of(answers: Answers, fit: Standing | None) -> np.ndarray:
    """int64 (I,): the gold where it is a class, else the label of the fit, negative where tied."""
    if fit is None:
        return answers.gold
    item, value = np.nonzero(fit.posterior > 0)
    label = choose(item, value, fit.posterior[item, value], answers).label
    return np.where(answers.gold >= 0, answers.gold, label)


def _sure_label(rest: np.ndarray) -> np.ndarray:
    """int64 (n,): the likeliest class, C where none has more than half."""
    classes = rest.shape[1]
    if not rest.size:
        return np.full(len(rest), classes, dtype=np.int64)
    return np.where(rest.max(axis=1) > 0.5, rest.argmax(axis=1), classes)


def _drift(answers: Answers, order: np.ndarray, rest: np.ndarray | None) -> Signal:
    """Right is what the gold says; without gold, the probability under the posterior of the
    *others* (n, C), or their share, so that nobody's own answer makes them right.
    """
    counts = others(answers)
    of_others = row_sums(counts)
    if rest is None:
        said = incidence(np.arange(len(answers)), answers.value, (len(answers), counts.shape[1]))
        same = row_products(counts, said) / np.maximum(of_others, 1)
    else:
        same = rest[np.arange(len(answers)), answers.value]
    right = np.where(of_others > 0, same, np.nan)
    gold = answers.gold[answers.item]
    right = np.where(gold >= 0, (gold == answers.value).astype(np.float64), right)
    known = ~np.isnan(right)
    worker, workers = answers.worker[known], len(answers.workers)
    level = drift.own_level(worker, answers.item[known], right[known], workers=workers)
    return drift.drifting(drift.drift(worker, right[known], level, order[known], workers=workers))
