"""Which method fits this crowd: by gold where there is enough of it, else by held-out answers.

By gold, with at least GOLD items: every candidate is fitted to all answers and to no gold. The one
with the most right labels is taken, unless the one that explains the answers best (below) is
right on as many gold items but one: a single item decides nothing, and with 30 items the most
right is often so by luck. `accuracy_held_out` is what such a choice is worth on an item
that had no say in it: for each gold item the choice is made again by all the others, and that
method's label is counted (leave one out; nothing needs fitting again, as no fit saw any gold).

Without: the answers fall into five folds, by a hash that knows no names. Each candidate is
fitted to four and gives each answer of the fifth a probability; the greatest sum of logarithms
is taken (with 1% of chance mixed in, so that one surprise is not fatal). This says which model
tells best what *people* will answer. It cannot see a belief that they share: on `ducks` it
prefers a model that is wrong more often than the vote. No method without gold can.

So with gold two more figures are given, from a sign test over the gold items where the two
labels differ (one-sided, 5%): `helps`, whether the method is right more often than the vote,
and `agrees_against_gold`, whether the model that explains the answers best is right less often
than the vote: then people agree with each other against the gold, and the gold, the rubric or
the crowd needs a look before any aggregation does.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from gpu_jobs.aggregation.fingerprints import folds
from gpu_jobs.aggregation.fits import FITS, Fit, Settings
from gpu_jobs.aggregation.labels import Labels, credit
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

GOLD = 30
FOLDS = 5
CHANCE = 0.01
LEVEL = 0.05
ONE_ITEM = 1.0
ROUNDING = 1e-9
CANDIDATES = ("majority", "one-coin", "mace", "dawid-skene-map", "dawid-skene", "glad")
"""From few parameters to many; of equals the first is taken."""
SLOW = ("mace",)
SLOW_ANSWERS = 50_000
"""Above so many answers the slow candidates are not tried: each of six fits climbs from ten starts,
which at 250,000 answers takes 40 of 46 seconds."""


@dataclass(frozen=True)
class Choice:
    """by: "gold" or "held-out likelihood". gold_accuracy: of each candidate, or None.
    held_out: mean log-probability of a held-out answer under each candidate. unfit: why a
    candidate could not be fitted.
    """

    method: str
    fit: Fit
    by: str
    held_out: dict[str, float]
    gold_accuracy: dict[str, float] | None
    accuracy_held_out: float | None
    explains_best: str
    agrees_against_gold: bool | None
    helps: bool | None
    unfit: dict[str, str]


@dataclass(frozen=True)
class Versus:
    """Items with gold on which one labelling is right and the vote wrong, and the reverse (ties
    count in parts); better, worse: one-sided p-values of the sign test.
    """

    gained: float
    lost: float
    better: float
    worse: float


def versus(labels: Labels, vote: Labels, gold: np.ndarray) -> Versus:
    """The sign test of one labelling against the vote, over the items with gold."""
    difference = (credit(labels, gold) - credit(vote, gold))[gold != NO_GOLD]
    gained = float(np.maximum(difference, 0).sum())
    lost = float(np.maximum(-difference, 0).sum())
    trials = int(np.floor(gained + lost))

    def tail(count: float) -> float:
        """P(at least this many of the trials), half a chance each."""
        least = int(np.floor(count))
        return float(betainc(least, trials - least + 1, 0.5)) if least >= 1 else 1.0

    return Versus(gained, lost, tail(gained), tail(lost))


def choose_method(answers: Answers, *, tally: Tally, how: Settings) -> Choice:
    """Fit all candidates and take one. Raises InputError when not even the vote can be fitted."""
    fitted, unfit = {}, {}
    for name in CANDIDATES:
        if name in SLOW and len(answers) > SLOW_ANSWERS:
            unfit[name] = f"not tried above {SLOW_ANSWERS:,} answers: it would take too long"
            continue
        try:
            fitted[name] = FITS[name](answers, tally, how)
        except InputError as error:
            unfit[name] = str(error)
    held_out = held_out_likelihood(answers, tally, how, tuple(fitted))
    most = max(held_out.values())
    explains = next(name for name in fitted if held_out[name] >= most - ROUNDING)
    known = answers.gold != NO_GOLD
    accuracies = worth = against = None
    chosen, by = explains, "held-out likelihood"
    if known.sum() >= GOLD:
        worths = np.stack([credit(fit.labels, answers.gold)[known] for fit in fitted.values()])
        right = worths.sum(axis=1)
        favourite = list(fitted).index(explains)
        chosen = list(fitted)[int(_best(right[:, None], favourite)[0])]
        by = "gold"
        accuracies = dict(zip(fitted, (right / known.sum()).tolist(), strict=True))
        again = _best(right[:, None] - worths, favourite)
        worth = float(worths[again, np.arange(worths.shape[1])].mean())
        against = versus(fitted[explains].labels, fitted["majority"].labels, answers.gold)
    helps = (
        versus(fitted[chosen].labels, fitted["majority"].labels, answers.gold).better < LEVEL
        if accuracies is not None
        else None
    )
    return Choice(
        method=chosen,
        fit=fitted[chosen],
        by=by,
        held_out=held_out,
        gold_accuracy=accuracies,
        accuracy_held_out=worth,
        explains_best=explains,
        agrees_against_gold=None if against is None else against.worse < LEVEL,
        helps=helps,
        unfit=unfit,
    )


def _best(right: np.ndarray, favourite: int) -> np.ndarray:
    """int64 (m,): for each column of right (methods, m) the row that is taken."""
    top = right.max(axis=0)
    # A difference by rounding of split ties is none.
    first = np.argmax(right >= top - ROUNDING, axis=0)
    return np.where(right[favourite] >= top - ONE_ITEM - ROUNDING, favourite, first)


def held_out_likelihood(
    answers: Answers, tally: Tally, how: Settings, methods: tuple[str, ...]
) -> dict[str, float]:
    """Mean over all answers of the log-probability that a fit to the other folds gives them."""
    totals = dict.fromkeys(methods, 0.0)
    if not len(tally):
        return totals
    fold = folds(tally, FOLDS)
    for number in range(FOLDS):
        held = fold == number
        if not held.any():
            continue
        part = tally.part(~held)
        item, worker, value = tally.item[held], tally.worker[held], tally.value[held]
        for name in methods:
            chance = FITS[name](answers, part, how).predictive(item, worker, value)
            mixture = (1 - CHANCE) * chance + CHANCE / max(tally.classes, 1)
            totals[name] += float(np.log(mixture).sum())
    return {name: total / len(tally) for name, total in totals.items()}
