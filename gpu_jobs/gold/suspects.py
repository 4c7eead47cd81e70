"""Which gold answers are probably wrong: good workers disagree with them.

Closed answers. For a gold item with answers v_1 … v_m, each truth t is tried. Worker w, whose
accuracy a_w is the posterior mean over the *other* gold items, says t with a_w and each other
class with (1 − a_w)/(C − 1):

    L(t) = Π_i P(v_i | t),   P(wrong) = π Σ_{t ≠ g} L(t)/(C − 1)  /  [that + (1 − π) L(g)]

π = 0.05 before anything is seen; the naive Bayes step of Dawid & Skene (1979) with one coin a
worker. a_w ≥ 1/C: a worker who is worse than chance on gold is no witness against it.

Workers who share a belief are not independent, and then L is far too sure. The likelihoods are
therefore raised to the power 1/(1 + (m − 1)ρ), the design effect of m answers with intra-class
correlation ρ (L. Kish, "Survey Sampling", 1965); ρ is estimated from the errors on the gold items
by the ANOVA estimator (M. S. Ridout, C. G. B. Demétrio, D. Firth, "Estimating intraclass
correlation for binary data", Biometrics 55, 1999), never below 0. Wrong gold makes errors agree,
too, and would excuse itself: so the most doubtful items, at most a share 2π and only those that
independent people would contradict, are left out of ρ. Where many more items lead people astray, ρ
stays large and the doubt small.

Any type. With a score s_i = 1 − distance to the gold and the worker's mean score on the other
gold items ŝ, variance σ² of the residuals,

    z = Σ (s_i − ŝ_i) / √(m σ² (1 + (m − 1)ρ))

is far below 0 where everybody misses this gold. Beside it stands `peers`, how well the answers
agree among themselves: only where people agree with each other against the gold is it suspect.

A suspect gold is a question to a person, never an answer. Hard items on which everybody is led
astray look the same; nothing in the answers can tell the two apart.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from gpu_jobs.answers import GOLD_NEVER_ANSWERED, NO_GOLD, Answers
from gpu_jobs.contracts import InputError

PRIOR = 0.05
THRESHOLD = 0.95
MIN_ANSWERS = 3
SCORE_Z = -3.0


class GoldState(StrEnum):
    """standing counts. suspect (by statistics) and contested (by a contributor) count, but
    nothing may be decided on them alone. demoted never counts again.
    """

    STANDING = "standing"
    SUSPECT = "suspect"
    CONTESTED = "contested"
    DEMOTED = "demoted"


@dataclass(frozen=True)
class Suspects:
    """Arrays (g,), a line for each gold item with an answer, sorted by item code.

    wrong: posterior that the gold is wrong. other: the class that the answers speak for, NO_GOLD
    where they speak for the gold. answers: how many. against: share that disagrees. suspect:
    wrong ≥ threshold from enough answers. correlation: ρ.
    """

    item: np.ndarray
    wrong: np.ndarray
    other: np.ndarray
    answers: np.ndarray
    against: np.ndarray
    suspect: np.ndarray
    correlation: float


@dataclass(frozen=True)
class ScoreSuspects:
    """Arrays (g,), sorted by item: mean score, z and its one-sided p, agreement among the answers
    (`peers`, NaN where unknown), suspect.
    """

    item: np.ndarray
    answers: np.ndarray
    score: np.ndarray
    z: np.ndarray
    p: np.ndarray
    peers: np.ndarray
    suspect: np.ndarray
    correlation: float


def suspect_gold(
    answers: Answers,
    *,
    prior: float = PRIOR,
    threshold: float = THRESHOLD,
    min_answers: int = MIN_ANSWERS,
) -> Suspects:
    """Posterior for every gold item. Raises InputError for a prior or threshold outside (0, 1)."""
    if not (0 < prior < 1 and 0 < threshold < 1):
        raise InputError("prior and threshold of suspect gold must lie between 0 and 1")
    classes = max(len(answers.classes), 2)
    known = answers.gold[answers.item] != NO_GOLD
    items, item = np.unique(answers.item[known], return_inverse=True)
    worker, value = answers.worker[known], answers.value[known]
    gold = answers.gold[items]
    right = (value == gold[item]).astype(np.float64)
    size = np.bincount(item, minlength=len(items))
    accuracy = _accuracy_elsewhere(item, worker, right, len(answers.workers))
    accuracy = np.maximum(accuracy, 1 / classes)
    gain = np.log(accuracy) - np.log((1 - accuracy) / (classes - 1))
    # Relative to a class that nobody gave: log L(t) − Σ log((1 − a)/(C − 1)) = Σ_{v_i = t} gain.
    key, place = np.unique(item * classes + value, return_inverse=True)
    evidence = np.bincount(place, weights=gain, minlength=len(key))
    alone, _ = _wrong(key, evidence, gold, classes, prior)
    trusted = _least_doubtful(alone, 2 * prior)[item]
    correlation = intraclass(item[trusted], right[trusted])
    power = 1 / (1 + (size - 1) * correlation)
    wrong, other = _wrong(key, evidence * power[key // classes], gold, classes, prior)
    return Suspects(
        item=items,
        wrong=wrong,
        other=other,
        answers=size,
        against=1 - np.bincount(item, weights=right, minlength=len(items)) / np.maximum(size, 1),
        suspect=(wrong >= threshold) & (size >= min_answers),
        correlation=correlation,
    )


def table(answers: Answers, found: Suspects) -> pa.Table:
    """A line a gold item: item_id, gold, answers_say (null where they speak for the gold), wrong,
    against, answers, suspect.
    """
    names = [*answers.classes, None]
    gold = [names[max(int(code), -1)] for code in answers.gold[found.item]]
    other = [names[int(code)] for code in found.other]
    return pa.table(
        {
            "item_id": pa.array([answers.items[i] for i in found.item.tolist()], pa.string()),
            "gold": pa.array(gold, pa.string()),
            "answers_say": pa.array(other, pa.string()),
            "wrong": pa.array(found.wrong),
            "against": pa.array(found.against),
            "answers": pa.array(found.answers),
            "suspect": pa.array(found.suspect),
        }
    )


def suspect_by_score(
    item: np.ndarray,
    worker: np.ndarray,
    score: np.ndarray,
    peers: np.ndarray,
    *,
    z: float = SCORE_Z,
    min_answers: int = MIN_ANSWERS,
) -> ScoreSuspects:
    """For any type: item, worker int64 (n,), score float64 (n,) = 1 − distance to the gold, NaN
    without gold; peers float64 (n,): mean similarity to the other answers of the item, NaN if none.
    """
    known = ~np.isnan(score)
    items, item = np.unique(item[known], return_inverse=True)
    worker, score, peers = worker[known], score[known], peers[known]
    workers = int(worker.max(initial=-1)) + 1
    size = np.bincount(item, minlength=len(items))
    residual = score - _mean_elsewhere(item, worker, score, workers)
    spread = float(np.sqrt(np.mean(np.square(residual)))) if len(residual) else 0.0
    correlation = intraclass(item, score)
    scale = spread * np.sqrt(size * (1 + (size - 1) * correlation))
    total = np.bincount(item, weights=residual, minlength=len(items))
    found = np.divide(total, scale, out=np.zeros(len(items)), where=scale > 0)
    mean = np.bincount(item, weights=score, minlength=len(items)) / np.maximum(size, 1)
    beside = np.bincount(item[~np.isnan(peers)], minlength=len(items))
    together = np.divide(
        np.bincount(item, weights=np.nan_to_num(peers), minlength=len(items)),
        beside,
        out=np.full(len(items), np.nan),
        where=beside > 0,
    )
    return ScoreSuspects(
        item=items,
        answers=size,
        score=mean,
        z=found,
        p=ndtr(found),
        peers=together,
        suspect=(found <= z) & (size >= min_answers) & (np.nan_to_num(together) > mean),
        correlation=correlation,
    )


def state_of(suspect: bool, *, contested: bool = False, demoted: bool = False) -> GoldState:
    """A person's decision comes before a contributor's doubt, and that before statistics."""
    if demoted:
        return GoldState.DEMOTED
    if contested:
        return GoldState.CONTESTED
    return GoldState.SUSPECT if suspect else GoldState.STANDING


def demote(answers: Answers, items: np.ndarray) -> Answers:
    """The same answers without the gold of these items (codes): scores are corrected by it."""
    gold = answers.gold.copy()
    gold[items] = NO_GOLD
    return replace(answers, gold=gold)


def intraclass(group: np.ndarray, value: np.ndarray) -> float:
    """ANOVA estimate of the correlation of two values of one group, in [0, 1].

    ρ = (MSB − MSW) / (MSB + (m₀ − 1) MSW) with m₀ = (n − Σ m²/n)/(k − 1); 0 where undefined.
    """
    size = np.bincount(group)
    size = size[size > 0]
    n, k = len(group), len(size)
    if k < 2 or n <= k:
        return 0.0
    _, group = np.unique(group, return_inverse=True)
    mean = np.bincount(group, weights=value) / size
    within = float(np.square(value - mean[group]).sum()) / (n - k)
    between = float((size * np.square(mean - value.mean())).sum()) / (k - 1)
    typical = (n - float(np.square(size).sum()) / n) / (k - 1)
    bottom = between + (typical - 1) * within
    return min(max((between - within) / bottom, 0.0), 1.0) if bottom > 0 else 0.0


def _accuracy_elsewhere(
    item: np.ndarray, worker: np.ndarray, right: np.ndarray, workers: int
) -> np.ndarray:
    """Posterior mean under Jeffreys' prior of each answer's worker, on other items than its own."""
    return _mean_elsewhere(item, worker, right, workers, prior=0.5)


def _mean_elsewhere(
    item: np.ndarray,
    worker: np.ndarray,
    score: np.ndarray,
    workers: int,
    *,
    prior: float | None = None,
) -> np.ndarray:
    """Mean score of the worker on other items, drawn towards the mean of all by one answer, or
    with `prior` towards one half by a Beta(prior, prior).
    """
    pair, mine = np.unique(item * max(workers, 1) + worker, return_inverse=True)
    here_n = np.bincount(mine, minlength=len(pair))[mine]
    here_s = np.bincount(mine, weights=score, minlength=len(pair))[mine]
    n = np.bincount(worker, minlength=workers)[worker] - here_n
    s = np.bincount(worker, weights=score, minlength=workers)[worker] - here_s
    if prior is not None:
        return (prior + s) / (2 * prior + n)
    overall = float(score.mean()) if len(score) else 0.0
    return (overall + s) / (1 + n)


def _wrong(
    key: np.ndarray, support: np.ndarray, gold: np.ndarray, classes: int, prior: float
) -> tuple[np.ndarray, np.ndarray]:
    """P(wrong) of each gold item, and the class that the answers speak for instead (or NO_GOLD).

    key: item · classes + class of each class that was given, support: its log-likelihood.
    """
    of_item, of_class = key // classes, key % classes
    is_gold = of_class == gold[of_item]
    for_gold, top = np.zeros(len(gold)), np.zeros(len(gold))
    for_gold[of_item[is_gold]] = support[is_gold]
    np.maximum.at(top, of_item, support)
    given = np.bincount(of_item[~is_gold], minlength=len(gold))
    silent = np.maximum(classes - given - (gold != GOLD_NEVER_ANSWERED), 0)
    likely = np.exp(support - top[of_item])
    rest = np.bincount(of_item[~is_gold], weights=likely[~is_gold], minlength=len(gold))
    against = prior * (rest + silent * np.exp(-top)) / (classes - 1)
    wrong = against / (against + (1 - prior) * np.exp(for_gold - top))
    return wrong, _spoken_for(of_item, of_class, support, is_gold, for_gold)


def _least_doubtful(wrong: np.ndarray, share: float) -> np.ndarray:
    """All items but the `share` most doubtful ones, as far as their doubt exceeds one half."""
    room = int(np.ceil(share * len(wrong)))
    if room >= len(wrong):
        return np.asarray(wrong <= 0.5)
    bar = np.sort(wrong)[len(wrong) - room - 1] if len(wrong) else 0.0
    return np.asarray(wrong <= max(float(bar), 0.5))


def _spoken_for(
    of_item: np.ndarray,
    of_class: np.ndarray,
    support: np.ndarray,
    is_gold: np.ndarray,
    for_gold: np.ndarray,
) -> np.ndarray:
    """The best supported class beside the gold where it beats the gold; ties name nobody."""
    other = np.full(len(for_gold), NO_GOLD, dtype=np.int64)
    best = np.full(len(for_gold), -np.inf)
    np.maximum.at(best, of_item[~is_gold], support[~is_gold])
    wins = ~is_gold & (support == best[of_item]) & (support > for_gold[of_item])
    ways = np.bincount(of_item[wins], minlength=len(for_gold))
    alone = wins & (ways[of_item] == 1)
    other[of_item[alone]] = of_class[alone]
    return other
