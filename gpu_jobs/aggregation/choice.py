"""Which method fits this crowd: by gold where there is enough of it, else by held-out answers.

Without gold: the answers fall into five folds, by a hash that knows no names. Each candidate is
fitted to four and gives each answer of the fifth a probability p. A worker's answer can be told
beforehand in two ways: from the worker's habit h (how often they give each class, drawn towards
everybody's by two answers), and from the item's class. Only the second says anything about labels,
and a model that is too sure loses much on the first. So a candidate is worth the mean of

    ln((1 − ε) p + ε h),   ε in [0, 1] the best for it, 1% of plain chance in p

over all answers: what it knows about items beyond habit. Plain ln p prefers, in thin crowds, the
vote's single accuracy to every model with a number a worker, although its labels are worse:
over 150 simulated crowds of many kinds it chose labels worse than the best fixed method's, and
this one does not (docs/scoring.md).

Candidates that the held-out answers do not tell from the best one (paired differences, summed by
item; two-sided, 5%) are averaged, as a choice among them is a throw of dice: an item's
probabilities are the mean of theirs. This is a model confidence set (P. Hansen, A. Lunde, J. Nason,
Econometrica 79, 2011, without the correction for many models) with equal weights.

By gold, with at least GOLD items: every candidate is fitted to all answers and to no gold, and the
average is one more. The one with the most right labels is taken, unless what is taken without gold
is right on as many gold items but one: a single item decides nothing, and with 30 items the most
right is often so by luck. `accuracy_held_out` is what such a choice is worth on an item that had
no say in it: for each gold item the choice is made again by all the others, and that method's label
is counted (leave one out; nothing needs fitting again, as no fit saw any gold).

Held-out answers say which model tells best what *people* will answer. They cannot see a belief
that people share: on `ducks` they prefer a model that is wrong more often than the vote. No method
without gold can. So with gold two more figures are given, from a sign test over the gold items
where the two labels differ (one-sided, 5%): `helps`, whether the method is right more often than
the vote, and `agrees_against_gold`, whether what explains the answers best is right less often than
the vote: then people agree with each other against the gold, and the gold, the rubric or the crowd
needs a look before any aggregation does.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from gpu_jobs.aggregation.average import AVERAGE, average
from gpu_jobs.aggregation.fingerprints import folds
from gpu_jobs.aggregation.fits import FITS, Fit, Settings
from gpu_jobs.aggregation.labels import Labels, credit
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

GOLD = 30
FOLDS = 5
LEVEL = 0.05
CHANCE = 0.01
APART = 1.959963984540054
"""Standard errors between two candidates that are told apart: two-sided, LEVEL."""
DRAWN = 2.0
"""Answers of everybody that a worker's habit is drawn by."""
ONE_ITEM = 1.0
ROUNDING = 1e-9
CANDIDATES = (
    "majority",
    "one-coin-map",
    "one-coin",
    "mace",
    "mace-em",
    "dawid-skene-map",
    "dawid-skene",
    "glad",
)
"""From few parameters to many, with priors before without; of equals the first is taken."""
SLOW = ("mace", "mace-em")
SLOW_ANSWERS = 50_000
"""Above so many answers the slow candidates are not tried: each of six fits climbs from ten starts,
which at 250,000 answers takes 40 of 46 seconds for one of them."""
_HALVINGS = 40


@dataclass(frozen=True)
class Choice:
    """by: "gold" or "held-out likelihood". gold_accuracy: of each candidate, or None. held_out:
    what each candidate is worth on held-out answers. explains_best: the name of what is taken
    without gold, a candidate or the average of `alike`, those not told from the best. unfit: why
    a candidate could not be fitted.
    """

    method: str
    fit: Fit
    by: str
    held_out: dict[str, float]
    gold_accuracy: dict[str, float] | None
    accuracy_held_out: float | None
    explains_best: str
    alike: tuple[str, ...]
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
    names = tuple(fitted)
    scores = held_out_scores(answers, tally, how, names)
    held_out = dict(
        zip(names, scores.mean(axis=0).tolist() if len(scores) else [0.0] * len(names), strict=True)
    )
    alike = not_told_apart(scores, tally.item, tally.items, names)
    explains = alike[0]
    if len(alike) > 1:
        explains = AVERAGE
        fitted[AVERAGE] = average([fitted[name] for name in alike], answers, tally)
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
        alike=alike,
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


def held_out_scores(
    answers: Answers, tally: Tally, how: Settings, methods: tuple[str, ...]
) -> np.ndarray:
    """float64 (n, methods): ln((1 − ε) p + ε h) of each answer, from fits to the other folds."""
    chance, habit = np.zeros((len(tally), len(methods))), np.zeros(len(tally))
    fold = folds(tally, FOLDS)
    for number in range(FOLDS):
        held = fold == number
        if not held.any():
            continue
        part = tally.part(~held)
        item, worker, value = tally.item[held], tally.worker[held], tally.value[held]
        habit[held] = habits(part, worker, value)
        for place, name in enumerate(methods):
            chance[held, place] = FITS[name](answers, part, how).predictive(item, worker, value)
    # One surprise must not be fatal.
    chance = (1 - CHANCE) * chance + CHANCE / max(tally.classes, 1)
    return np.log(np.stack([_mixed(column, habit) for column in chance.T], axis=1))


def habits(tally: Tally, worker: np.ndarray, value: np.ndarray) -> np.ndarray:
    """float64 (m,): how often worker[j] gives value[j] in `tally`, whatever the item."""
    pairs, classes = tally.pairs, max(tally.classes, 1)
    usual = np.bincount(tally.value, minlength=tally.classes) + 1.0
    usual /= usual.sum()
    given = np.zeros(len(worker))
    if len(pairs):
        keys, key = pairs.owner * classes + pairs.value, worker * classes + value
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        given = np.where(keys[place] == key, pairs.count[place], 0.0)
    return (given + DRAWN * usual[value]) / (tally.of_worker[worker] + DRAWN)


def _mixed(chance: np.ndarray, habit: np.ndarray) -> np.ndarray:
    """(1 − ε) p + ε h with the ε of the greatest likelihood, which is concave in it."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        mixture = (1 - middle) * chance + middle * habit
        rises = float(((habit - chance) / mixture).sum()) > 0
        low, high = (middle, high) if rises else (low, middle)
    found: np.ndarray = (1 - low) * chance + low * habit
    return found


def not_told_apart(
    scores: np.ndarray, item: np.ndarray, items: int, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Those of the names whose scores (n, names) are not surely below the best one's, in their
    order. Answers to an item stand or fall together, so differences are summed by item.
    """
    if not len(scores):
        return names[:1]
    mean = scores.mean(axis=0)
    best = int(np.argmax(mean >= mean.max() - ROUNDING))
    behind = scores[:, [best]] - scores
    by_item = np.stack([np.bincount(item, column, items) for column in behind.T], axis=1)
    met = np.bincount(item, minlength=items) > 0
    spread = by_item[met] - by_item[met].mean(axis=0)
    error = np.sqrt(np.square(spread).sum(axis=0)) / len(scores)
    alike = behind.mean(axis=0) <= APART * error + ROUNDING
    return tuple(name for name, each in zip(names, alike.tolist(), strict=True) if each)
