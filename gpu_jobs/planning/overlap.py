"""Does an item need another answer? It does until its label is wrong with at most a stated error.

Stop item u as soon as it has `least` answers and 1 − max_k T_uk ≤ `error`, or `most` answers. If
the posterior is calibrated, the labels of the items that stopped by the first rule are wrong in at
most `error` of the cases, in expectation (the sequential probability ratio rule for many
hypotheses: C. W. Baum, V. V. Veeravalli, IEEE Transactions on Information Theory 40, 1994). A
posterior that is too sure breaks the promise, so it is first tempered: by the gold where there are
30 gold items at least (`calibration.fit_temperature`), else by `CAUTION`.

No posterior sees a belief that people share. So what a rule promises is said with its ground
(`Statement`): from the gold among the items that stopped, where there are 30 of it at least, as the
share that is wrong with its interval, shared errors included; else from the posterior alone, as the
error *as far as people disagree*, without an interval and without a claim that the promise is kept.

`replay` shows what a rule would have saved: it deals the answers of a finished project in a
random order, one round an item, refits the standing matrices after each round and asks for no more
of an item that has stopped.
"""

from dataclasses import dataclass, replace

import numpy as np

from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.calibration import fit_temperature, tempered
from gpu_jobs.contracts import InputError
from gpu_jobs.online.standing import standing
from gpu_jobs.shares import wilson

ENOUGH_GOLD = 30
CAUTION = 2.0
"""Temperature without gold: measured on the reference sets, see docs/scoring.md."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """error in (0, 1): what a stopped item's label may be wrong with. 1 ≤ least ≤ most."""

    error: float = 0.05
    least: int = 2
    most: int = 10

    def __post_init__(self) -> None:
        if not (0 < self.error < 1 and 1 <= self.least <= self.most):
            raise InputError("a stop rule needs 0 < error < 1 and 1 <= least <= most")


@dataclass(frozen=True)
class Statement:
    """How often the labels of the items that stopped are wrong.

    basis "gold": error is the share of wrong labels among `n` gold items that stopped, low and
    high its 95% interval (Wilson); shared errors are in it. "people": the mean of 1 − max T, what
    follows if people err independently; low, high are None. error: None where no item stopped.
    kept: True where even high is within the rule's error, False where even low is above it, else
    None.
    """

    basis: str
    error: float | None
    low: float | None
    high: float | None
    n: int
    kept: bool | None

    def sentence(self) -> str:
        """For a page."""
        if self.error is None:
            return "No item has stopped yet."
        if self.basis == "people":
            return (
                f"About {self.error:.1%} of these labels are wrong as far as people disagree; a"
                " belief that people share is not in this figure, and only known answers show it."
            )
        said = (
            f"{self.error:.1%} of these labels are wrong by {self.n} known answers (between"
            f" {self.low:.1%} and {self.high:.1%})."
        )
        if self.kept is False:
            return f"{said} That is more than the rule promises: people share errors here."
        return said


@dataclass(frozen=True)
class Replay:
    """used int64 (I,): answers asked for. label int64 (I,): class code of the highest
    probability. sure bool (I,): stopped by the error, not by `most` or by lack of answers.
    stated: mean of 1 − max T over the sure items; statement: what may be said of them, from the
    gold that was known; temperature: the last one.
    """

    used: np.ndarray
    label: np.ndarray
    sure: np.ndarray
    stated: float | None
    statement: Statement
    temperature: float


def stopped(posterior: np.ndarray, answers: np.ndarray, rule: Rule) -> np.ndarray:
    """Mask bool (I,), from tempered posteriors (I, C) and answers so far (I,)."""
    sure = 1 - posterior.max(axis=1, initial=0) <= rule.error
    return np.asarray((answers >= rule.most) | (sure & (answers >= rule.least)))


def temperature_for(posterior: np.ndarray, gold: np.ndarray, answers: np.ndarray) -> float:
    """From the gold of items with an answer where there are enough of them; never below 1.

    gold int64 (I,): class codes, negative where unknown.
    """
    known = (gold >= 0) & (answers > 0)
    if known.sum() < ENOUGH_GOLD:
        return CAUTION
    return max(fit_temperature(posterior[known], gold[known]), 1.0)


def statement(posterior: np.ndarray, sure: np.ndarray, gold: np.ndarray, rule: Rule) -> Statement:
    """Of tempered posteriors (I, C), the items that stopped by the error (bool (I,)), and gold
    int64 (I,): class codes, negative where unknown.
    """
    known = sure & (gold >= 0)
    n = int(known.sum())
    if n < ENOUGH_GOLD:
        error = float(1 - posterior[sure].max(axis=1).mean()) if sure.any() else None
        return Statement("people", error, None, None, n, None)
    wrong = int((posterior[known].argmax(axis=1) != gold[known]).sum())
    low, high = (float(end[0]) for end in wilson(np.array([wrong]), np.array([n])))
    kept = True if high <= rule.error else False if low > rule.error else None
    return Statement("gold", wrong / n, low, high, n, kept)


def replay(
    answers: Answers, rule: Rule, draw: np.random.Generator, *, known: np.ndarray | None = None
) -> Replay:
    """Known bool (I,): items whose gold the rule may use for its temperature; none by default."""
    gold = np.full(len(answers.items), NO_GOLD) if known is None else answers.gold.copy()
    if known is not None:
        gold[~known] = NO_GOLD
    turn = _turns(answers, draw)
    available = np.bincount(answers.item, minlength=len(answers.items))
    used = np.zeros(len(answers.items), dtype=np.int64)
    still = available > 0
    posterior = np.zeros((len(answers.items), len(answers.classes)))
    temperature = 1.0
    while still.any():
        used[still] += 1
        fit = standing(_taken(answers, turn < used[answers.item]))
        temperature = temperature_for(fit.posterior, gold, used)
        posterior = tempered(fit.posterior, temperature)
        still = (used < available) & ~stopped(posterior, used, rule)
    # No item stops before its time: what was sure earlier may be less so in the last fit.
    sure = (1 - posterior.max(axis=1, initial=0) <= rule.error) & (used >= rule.least)
    return Replay(
        used=used,
        label=posterior.argmax(axis=1) if posterior.size else np.empty(0, dtype=np.int64),
        sure=sure,
        stated=float(1 - posterior[sure].max(axis=1).mean()) if sure.any() else None,
        statement=statement(posterior, sure, gold, rule),
        temperature=temperature,
    )


def thinned(answers: Answers, overlap: int, draw: np.random.Generator) -> Answers:
    """At most `overlap` answers of each item, drawn at random: what a fixed overlap would have."""
    return _taken(answers, _turns(answers, draw) < overlap)


def _turns(answers: Answers, draw: np.random.Generator) -> np.ndarray:
    """int64 (n,): place of each answer in a random order of its item's answers."""
    order = np.lexsort((draw.random(len(answers)), answers.item))
    size = np.bincount(answers.item, minlength=len(answers.items))
    turn = np.empty(len(answers), dtype=np.int64)
    turn[order] = np.arange(len(answers)) - (np.cumsum(size) - size)[answers.item[order]]
    return turn


def _taken(answers: Answers, mask: np.ndarray) -> Answers:
    """Only these answers; items, workers, classes and gold as they are."""
    return replace(
        answers,
        item=answers.item[mask],
        worker=answers.worker[mask],
        value=answers.value[mask],
        row=answers.row[mask],
    )
