"""Was the human needed? A model's answers and people's, to the same items with known answers.

Alone, a model counts by its answer. People, and people with the model, are aggregated by
Dawid–Skene with its weak prior (`aggregation.dawid_skene`), the model as one annotator more that
has no vote where a person has answered. Confusion matrices are learned on the answers to the
items of the other folds, so no item weighs its own answers, and never on gold. Ties split evenly.

Costs: an answer of a person has a price, an answer of the model its tokens times their price. At
equal cost, people give as many answers fewer as the model's answer costs. All intervals are 95%,
percentiles over bootstrap draws of the items, the same draws for every arm, so differences are
paired (B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation.dawid_skene import dawid_skene
from gpu_jobs.aggregation.em import SMOOTHING
from gpu_jobs.aggregation.fits import prior_of
from gpu_jobs.aggregation.labels import TIED
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.contracts import InputError

FOLDS = 5
RESAMPLES = 1_000
DRAWS = 3
LEAST = 20
_MOST_STEPS = 8


@dataclass(frozen=True)
class Figure:
    """value of an arm, or of a difference between arms, with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Step:
    """answers: of people, the mean of an item. cents: of an item. people: None at no answers."""

    answers: float
    cents_people: float
    cents_both: float
    people: Figure | None
    both: Figure


@dataclass(frozen=True)
class HumanNeed:
    """items: with gold, an answer of the model and one of a person. answers_for_model: how many
    answers of people one answer of the model costs. equal: accuracy of both at what people alone
    cost; None where the model alone costs more. curve: by mean answers of an item. says: the
    finding. left_out: items without one of the three.
    """

    model: str
    items: int
    left_out: int
    model_alone: Figure
    people_alone: Figure
    both: Figure
    both_over_model: Figure
    both_over_people: Figure
    people_over_model: Figure
    cents_model: float
    cents_people: float
    answers_for_model: float
    equal: Figure | None
    equal_over_people: Figure | None
    curve: tuple[Step, ...]
    says: str


def human_need(
    answers: Answers,
    machine: np.ndarray,
    model: int,
    *,
    price: float,
    model_cents: float,
    folds: int = FOLDS,
    draws: int = DRAWS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> HumanNeed:
    """machine: bool (W,), which workers are no people. model: the worker that is looked at; other
    machines are left out. price: cents of a person's answer; model_cents: of one of the model's.

    Raises InputError for prices below 0, and with fewer than 20 items to compare on.
    """
    if not price > 0 or not model_cents >= 0:
        raise InputError("a person's answer must cost something, and the model's not below 0")
    if folds < 2 or draws < 1 or resamples < 100:
        raise InputError("at least 2 folds, 1 draw and 100 resamples are needed")
    by_model = answers.worker == model
    by_person = ~machine[answers.worker]
    size = len(answers.items)
    known = answers.gold != NO_GOLD
    met = np.bincount(answers.item[by_model], minlength=size) > 0
    met &= np.bincount(answers.item[by_person], minlength=size) > 0
    items = np.flatnonzero(known & met)
    if len(items) < LEAST:
        raise InputError(
            f"{len(items)} items have a known answer, one of the model and one of a person;"
            f" at least {LEAST} are needed"
        )
    rng = np.random.default_rng([seed, 8])
    fold = np.empty(size, dtype=np.int64)
    fold[rng.permutation(size)] = np.arange(size) % folds
    arms = _Arms(answers, machine, by_model, by_person, items, fold)
    picked = rng.multinomial(len(items), np.full(len(items), 1 / len(items)), size=resamples)

    def figure(credit: np.ndarray) -> Figure:
        drawn = picked @ credit / len(items)
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Figure(float(credit.mean()), float(low), float(high))

    alone = arms.votes(by_model)
    people = arms.credit(by_person)
    both = arms.credit(by_person | by_model)
    mean = float(by_person[np.isin(answers.item, items)].sum()) / len(items)
    worth = model_cents / price
    fair = None
    if mean >= worth:
        fair = _thinned(arms, (mean - worth) / mean, draws, rng, with_model=True, is_share=True)
    curve = []
    for count in _steps(mean):
        thin = None if count == 0 else _thinned(arms, count, draws, rng, with_model=False)
        mixed = _thinned(arms, count, draws, rng, with_model=True)
        given = mixed.answers
        curve.append(
            Step(
                answers=given,
                cents_people=given * price,
                cents_both=given * price + model_cents,
                people=None if thin is None else figure(thin.credit),
                both=figure(mixed.credit),
            )
        )
    over_model, over_people = figure(both - alone), figure(both - people)
    return HumanNeed(
        model=answers.workers[model],
        items=len(items),
        left_out=size - len(items),
        model_alone=figure(alone),
        people_alone=figure(people),
        both=figure(both),
        both_over_model=over_model,
        both_over_people=over_people,
        people_over_model=figure(people - alone),
        cents_model=model_cents,
        cents_people=mean * price,
        answers_for_model=worth,
        equal=None if fair is None else figure(fair.credit),
        equal_over_people=None if fair is None else figure(fair.credit - people),
        curve=tuple(curve),
        says=finding(over_model, figure(people - alone)),
    )


def finding(both_over_model: Figure, people_over_model: Figure) -> str:
    """One sentence, by the intervals alone."""
    if both_over_model.low > 0:
        return "People were needed: with them the labels are better than the model's alone."
    if people_over_model.low > 0:
        return "People alone are better than the model; together they were not shown to be."
    if both_over_model.high < 0:
        return "The model alone is better than the model with people."
    return "It cannot be told from these items whether people were needed."


def at_equal_cost(equal_over_people: Figure | None) -> str:
    """One sentence on both together against people alone, for the same money."""
    if equal_over_people is None:
        return (
            "One answer of the model costs more than all answers of people to an item, so there is"
            " no equal cost to compare at."
        )
    if equal_over_people.low > 0:
        return "For the same money, people with the model are better than people alone."
    if equal_over_people.high < 0:
        return "For the same money, people alone are better than people with the model."
    return "For the same money, people with the model and people alone cannot be told apart."


@dataclass(frozen=True)
class _Thin:
    """credit: float64 (items,), the mean of the draws. answers: of people, an item."""

    credit: np.ndarray
    answers: float


class _Arms:
    """What is right under some of the answers."""

    def __init__(
        self,
        answers: Answers,
        machine: np.ndarray,
        by_model: np.ndarray,
        by_person: np.ndarray,
        items: np.ndarray,
        fold: np.ndarray,
    ) -> None:
        self.answers, self.items, self.fold = answers, items, fold
        self.by_model, self.by_person = by_model, by_person
        self._tally = Tally.of(answers, machine)
        self._prior = prior_of(len(answers.classes))

    def credit(self, kept: np.ndarray) -> np.ndarray:
        """float64 (items,): of the aggregated label of the answers of a mask, out of fold."""
        answers, classes = self.answers, len(self.answers.classes)
        score = np.zeros((len(answers.items), classes))
        for one in range(int(self.fold.max()) + 1):
            away = kept & (self.fold[answers.item] != one)
            here = np.flatnonzero(kept & (self.fold[answers.item] == one))
            if not away.any():
                continue
            fit = dawid_skene(answers, tally=self._tally.part(away), prior=self._prior)
            held = np.flatnonzero(self.fold == one)
            score[held] = np.log(np.maximum(fit.priors, SMOOTHING))
            error = (self._prior.pseudo.T[answers.value[here]] + SMOOTHING) / fit.total[
                answers.worker[here]
            ]
            keys = fit.pair_worker * classes + fit.pair_value
            key = answers.worker[here] * classes + answers.value[here]
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            met = keys[place] == key
            error[met] = fit.error[place[met]]
            np.add.at(score, answers.item[here], np.log(np.maximum(error, SMOOTHING)))
        return self._right(score)

    def votes(self, kept: np.ndarray) -> np.ndarray:
        """float64 (items,): of the class that the answers of a mask named most often."""
        count = np.zeros((len(self.answers.items), len(self.answers.classes)))
        np.add.at(count, (self.answers.item[kept], self.answers.value[kept]), 1.0)
        return self._right(count)

    def _right(self, score: np.ndarray) -> np.ndarray:
        mine = score[self.items]
        top = mine >= mine.max(axis=1, keepdims=True) - TIED
        gold = self.answers.gold[self.items]
        # A gold that nobody gave is no class, and nothing can be right about it.
        hit = np.where(gold >= 0, top[np.arange(len(gold)), np.maximum(gold, 0)], False)
        return hit / top.sum(axis=1)


def _thinned(
    arms: _Arms,
    mean: float,
    draws: int,
    rng: np.random.Generator,
    *,
    with_model: bool,
    is_share: bool = False,
) -> _Thin:
    """People's answers thinned to `mean` an item (fewer where there are not as many), or to that
    share of each item's, so that the money which is left is spent also where items have unlike
    numbers of answers.
    """
    answers = arms.answers
    rows = np.flatnonzero(arms.by_person)
    parts, given = [], []
    inside = np.isin(answers.item, arms.items)
    wanted = np.full(len(answers.items), mean)
    if is_share:
        given_to = np.bincount(answers.item[rows], minlength=len(answers.items))
        # Two thirds of three are two.
        wanted = np.round(mean * given_to, 9)
    whole = np.floor(wanted)
    for _ in range(draws):
        mixed = rows[rng.permutation(len(rows))]
        order = mixed[np.argsort(answers.item[mixed], kind="stable")]
        item = answers.item[order]
        first = np.searchsorted(item, item)
        quota = whole + (rng.random(len(answers.items)) < wanted - whole)
        kept = np.zeros(len(answers), dtype=bool)
        kept[order[np.arange(len(order)) - first < quota[item]]] = True
        given.append(float((kept & inside).sum()) / len(arms.items))
        if with_model:
            kept |= arms.by_model
        parts.append(arms.votes(arms.by_model) if not given[-1] else arms.credit(kept))
    return _Thin(credit=np.mean(parts, axis=0), answers=float(np.mean(given)))


def _steps(mean: float) -> Sequence[float]:
    """0, 1, 2, … up to the mean number of answers, at most eight of them, and that mean."""
    whole = range(int(mean) + 1)
    if len(whole) > _MOST_STEPS:
        found = np.unique(np.rint(np.geomspace(1, int(mean), _MOST_STEPS - 1))).tolist()
        return [0.0, *found]
    return [float(each) for each in whole]
