"""What cheats do to labels and skills, and which of them the signals find.

Simulated crowds (`bench.simulated`) with seeds, so that the truth is known and the tables repeat.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from bench import choices, page, simulated
from gpu_jobs.aggregation.labels import accuracy
from gpu_jobs.aggregation.methods import METHODS, aggregate
from gpu_jobs.anomalies.signals import Signal
from gpu_jobs.anomalies.survey import survey
from gpu_jobs.answers import NO_GOLD
from gpu_jobs.contracts import InputError
from gpu_jobs.shares import wilson

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
CHEATS = ("spammers", "colluders", "adversaries")
KINDS = (*CHEATS, "drifters")
"""What signals look for: drifters are honest people who tire."""
SEEDS = 5
HONEST_CROWDS = 100
"""Crowds without a cheat, 40 workers each: what false positives are counted on."""
MIXED_CROWDS = 20
AMONG = 0.2
"""Share of each cheat in the crowds in which the signals have to find them."""
FALSE_POSITIVES = 0.01
SHORT_ITEMS = 160
GOLD_EVERY = 10
"""One item in so many has a known answer."""


@dataclass(frozen=True)
class Cell:
    """accuracy of the labels; skill: rank correlation of each worker's agreement with the labels
    and the worker's true accuracy.
    """

    accuracy: float
    skill: float


def lines() -> list[str]:
    return [*_robustness(), "", *choices.lines(), "", *_signals()]


def _robustness() -> list[str]:
    found = {(cheat, share): _mean_cells(cheat, share) for cheat in CHEATS for share in SHARES}
    methods = [name for name in METHODS if all(name in cells for cells in found.values())]
    rows = [
        [
            cheat,
            method,
            *(
                f"{cell.accuracy:.3f} / {cell.skill:.2f}"
                for cell in (found[cheat, share][method] for share in SHARES)
            ),
        ]
        for cheat in CHEATS
        for method in methods
    ]
    return [
        (
            f"Accuracy of the labels / rank correlation of skill, means of {SEEDS} simulated crowds"
            " of 40 people, 800 items in 4 classes and 10 answers an item; seeds are fixed. Honest"
            " people are right with Beta(12, 4), items differ in difficulty. Spammers answer by"
            " chance, always the same, or in runs; colluders copy one of their ring of four, with"
            " 5%"
            " slips; adversaries know the answer and give another. Skill is each person's agreement"
            " with the labels, its rank correlation is with the true share of right answers."
        ),
        "",
        *page.table(["cheats", "method", *(f"{share:.0%}" for share in SHARES)], rows),
    ]


def _mean_cells(cheat: str, share: float) -> dict[str, Cell]:
    """By method, the mean over the seeds; methods that do not fit choices are left out."""
    cells: dict[str, list[Cell]] = {}
    for seed in range(SEEDS):
        made = simulated.crowd(np.random.default_rng(seed), **{cheat: share})
        for method in METHODS:
            try:
                labels = aggregate(made.answers, method=method).labels
            except InputError:
                continue
            n = np.bincount(made.answers.worker, minlength=len(made.kind))
            same = labels.label[made.answers.item] == made.answers.value
            agrees = np.bincount(made.answers.worker, weights=same, minlength=len(made.kind)) / n
            right = accuracy(labels, made.truth)
            skill = float(spearmanr(agrees, made.accuracy).statistic)
            cells.setdefault(method, []).append(Cell(accuracy=right or 0.0, skill=skill))
    return {
        method: Cell(
            accuracy=float(np.mean([one.accuracy for one in each])),
            skill=float(np.mean([one.skill for one in each])),
        )
        for method, each in cells.items()
        if len(each) == SEEDS
    }


def _signals() -> list[str]:
    honest = _surveys(HONEST_CROWDS, {}, first=1_000)
    busy_less = _surveys(HONEST_CROWDS, {"items": SHORT_ITEMS}, first=5_000)
    mixed = {
        kind: _surveys(MIXED_CROWDS, {kind: AMONG}, first=2_000 + 100 * number)
        for number, kind in enumerate(KINDS)
    }
    rows = []
    for name, signal in honest[0][0].items():
        bar = _bar(np.concatenate([signals[name].value for signals, _, _ in honest]), signal)
        rows.append(
            [
                name,
                signal.family,
                f"{'>' if signal.high else '<'} {signal.threshold:g}",
                _count([signals[name].speaks for signals, _, _ in honest]),
                _count([signals[name].speaks for signals, _, _ in busy_less]),
                _share(
                    [
                        signals[name].speaks[kind == simulated.HONEST]
                        for surveys in mixed.values()
                        for signals, _, kind in surveys
                    ]
                ),
                " / ".join(_found(mixed[kind], name, None) for kind in KINDS),
                " / ".join(_found(mixed[kind], name, bar) for kind in KINDS),
            ]
        )
    whole = [flagged for _, flagged, _ in honest]
    rows.append(
        [
            "**flagged: two families**",
            "",
            "2",
            _count(whole),
            _count([flagged for _, flagged, _ in busy_less]),
            _share([f[k == simulated.HONEST] for each in mixed.values() for _, f, k in each]),
            " / ".join(
                _share([f[k != simulated.HONEST] for _, f, k in mixed[kind]]) for kind in KINDS
            ),
            "",
        ]
    )
    answers = (800 * 10 // 40, SHORT_ITEMS * 10 // 40)
    return [
        (
            f"**Signals.** False positives: share of the {HONEST_CROWDS * 40:,} people of"
            f" {HONEST_CROWDS} crowds without a cheat for whom the signal speaks at its published"
            f" threshold, with Wilson's 95% interval: of people with {answers[0]} answers each, and"
            f" of others with {answers[1]}. Beside cheats: of the honest people in crowds with"
            f" {AMONG:.0%} of one kind ({MIXED_CROWDS} crowds of each). Found: share of the"
            f" {', '.join(KINDS)} in those crowds ({answers[0]} answers each; drifters give half of"
            " their last third of answers by chance). At 1%: the same with the threshold set so"
            " that 1% of the people of the crowds without cheats are hit. A signal need not see"
            f" every kind: the table says which it sees. One item in {GOLD_EVERY} has a known"
            " answer, without which the family gold is silent. Near-duplicate texts: section on"
            " real crowds."
        ),
        "",
        *page.table(
            [
                "signal",
                "family",
                "threshold",
                f"false positives, {answers[0]} answers",
                f"{answers[1]} answers",
                "beside cheats",
                f"found: {' / '.join(KINDS)}",
                "found at 1%",
            ],
            rows,
        ),
    ]


type _Survey = tuple[dict[str, Signal], np.ndarray, np.ndarray]


def _surveys(crowds: int, options: dict[str, float], *, first: int) -> list[_Survey]:
    found = []
    for seed in range(first, first + crowds):
        made = simulated.crowd(np.random.default_rng(seed), gold=True, **options)
        known = np.arange(len(made.answers.items)) % GOLD_EVERY == 0
        answers = replace(made.answers, gold=np.where(known, made.answers.gold, NO_GOLD))
        one = survey(answers, order=made.order, times=made.seconds)
        found.append((one.signals, one.flags.flagged, made.kind))
    return found


def _bar(null: np.ndarray, signal: Signal) -> float:
    """The threshold that 1% of honest people pass."""
    known = null[~np.isnan(null)]
    if not len(known):
        return float("nan")
    share = 1 - FALSE_POSITIVES if signal.high else FALSE_POSITIVES
    return float(np.quantile(known, share))


def _found(surveys: list[_Survey], name: str, bar: float | None) -> str:
    """Share of the cheats of these crowds, at the bar or at the published threshold."""
    hits = []
    for signals, _, kind in surveys:
        signal = signals[name]
        if bar is None:
            speaks = signal.speaks
        else:
            speaks = signal.value > bar if signal.high else signal.value < bar
        hits.append(speaks[kind != simulated.HONEST])
    return _share(hits)


def _share(hits: list[np.ndarray]) -> str:
    return f"{np.concatenate(hits).mean():.1%}"


def _count(hits: list[np.ndarray]) -> str:
    whole = np.concatenate(hits)
    low, high = wilson(np.array([whole.sum()]), np.array([len(whole)]))
    return f"{whole.mean():.2%} ({low[0]:.2%} – {high[0]:.2%})"
