"""The automatic choice without gold on simulated crowds of many kinds, beside every fixed method.

One crowd a seed; sizes, skills, how errors lean, how alike people are, spammers, shared beliefs
and difficulty are drawn anew for each, so that no method's own model is the truth of all.
"""

import numpy as np
import pyarrow as pa

from bench import page
from gpu_jobs.aggregation.choice import CANDIDATES, CHANCE, FOLDS
from gpu_jobs.aggregation.fingerprints import folds
from gpu_jobs.aggregation.fits import FITS, Settings
from gpu_jobs.aggregation.labels import accuracy
from gpu_jobs.aggregation.methods import aggregate
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import NO_GOLD, Answers, encode

CROWDS = 60
FIRST_SEED = 5_000
PLAIN = "greatest ln p alone"


def lines() -> list[str]:
    names = ("auto", *CANDIDATES)
    found = {name: np.zeros(CROWDS) for name in (*names, PLAIN)}
    averaged = 0
    for number in range(CROWDS):
        answers = crowd(np.random.default_rng(FIRST_SEED + number))
        blind = Answers(**(vars(answers) | {"gold": np.full(len(answers.items), NO_GOLD)}))
        for name in names:
            made = aggregate(blind, method=name)
            found[name][number] = accuracy(made.labels, answers.gold) or 0.0
            averaged += made.figures["method"] == "average"
        found[PLAIN][number] = found[_predicts_best(blind)][number]
    best = max(CANDIDATES, key=lambda name: found[name].mean())
    rows = []
    for name, accuracies in found.items():
        behind = found["auto"] - accuracies
        error = behind.std(ddof=1) / np.sqrt(CROWDS)
        apart = "" if name == "auto" else f"{behind.mean():+.4f} ± {error:.4f}"
        rows.append([name, f"{accuracies.mean():.4f}", apart])
    return [
        (
            f"**Automatic choice without gold.** {CROWDS} simulated crowds of many kinds, a seed"
            " each (`bench/choices.py`): 100 to 800 items, 20 to 160 people, 2 to 10 classes, 3 to"
            " 20 answers an item; people alike or not, errors that lean or not, spammers, beliefs"
            f" that people share, hard items. Mean accuracy of the labels; the best fixed method"
            f" is {best}. Auto minus each, with one standard error over crowds. It averaged"
            f" methods in {averaged} crowds. {PLAIN}: the method that gives held-out answers the"
            " greatest likelihood, without regard to habit and without an average."
        ),
        "",
        *page.table(["method", "accuracy", "auto minus it"], rows),
    ]


def _predicts_best(answers: Answers) -> str:
    tally = Tally.of(answers)
    fold, total = folds(tally, FOLDS), dict.fromkeys(CANDIDATES, 0.0)
    for number in range(FOLDS):
        held = fold == number
        part, what = tally.part(~held), [each[held] for each in (tally.item, tally.worker)]
        for name in CANDIDATES:
            p = FITS[name](answers, part, Settings()).predictive(*what, tally.value[held])
            total[name] += float(np.log((1 - CHANCE) * p + CHANCE / tally.classes).sum())
    return max(CANDIDATES, key=lambda name: total[name])


def crowd(draw: np.random.Generator) -> Answers:
    """With the truth as gold."""
    classes = int(draw.choice([2, 2, 2, 3, 4, 6, 10]))
    items = int(draw.choice([100, 200, 400, 800]))
    workers = int(draw.choice([20, 40, 80, 160]))
    overlap = min(int(draw.choice([3, 5, 8, 12, 20])), workers)
    truth = draw.choice(classes, items, p=draw.dirichlet(np.full(classes, 5.0)))
    matrices = _matrices(draw, classes, workers)
    item = np.repeat(np.arange(items), overlap)
    worker = np.argsort(draw.random((items, workers)), axis=1)[:, :overlap].ravel()
    seen = truth[item]
    shared = float(draw.choice([0, 0, 0, 0.1, 0.2]))
    fooled = draw.random(items) < shared
    taken_in = fooled[item] & (draw.random(len(item)) < 0.7)
    seen = np.where(taken_in, (seen + 1) % classes, seen)
    chance = matrices[worker, seen]
    spread = float(draw.choice([0, 0, 0.7, 1.5]))
    if spread:
        hardness = np.maximum(np.exp(draw.normal(0, spread, items)), 0.3)
        chance = chance ** (1 / hardness)[item][:, None]
    chance /= chance.sum(axis=1, keepdims=True)
    value = (chance.cumsum(axis=1) > draw.random(len(item))[:, None]).argmax(axis=1)
    columns = {"item_id": item, "worker_id": worker, "answer": value, "gold": truth[item]}
    return encode(
        pa.table({name: pa.array([f"{c:05d}" for c in codes]) for name, codes in columns.items()}),
        repeats="keep",
    )


def _matrices(draw: np.random.Generator, classes: int, workers: int) -> np.ndarray:
    """(W, C, C): around one matrix of the crowd, nearer or farther; some answer without looking."""
    lean = float(draw.choice([1.0, 0.3, 50.0]))
    skill = np.clip(draw.uniform(0.5, 0.85) + draw.normal(0, 0.1, classes), 0.35, 0.95)
    usual = np.zeros((classes, classes))
    for truth in range(classes):
        others = np.arange(classes) != truth
        usual[truth, truth] = skill[truth]
        usual[truth, others] = (1 - skill[truth]) * draw.dirichlet(np.full(classes - 1, lean))
    alike = float(draw.choice([4.0, 10.0, 40.0]))
    rows = draw.standard_gamma(np.broadcast_to(usual * alike + 1e-3, (workers, classes, classes)))
    spammers = draw.random(workers) < draw.choice([0, 0, 0.15, 0.35])
    for who in np.flatnonzero(spammers).tolist():
        rows[who] = draw.dirichlet(np.full(classes, 0.3)) if draw.random() < 0.5 else 1 / classes
    rows = np.maximum(rows / rows.sum(axis=2, keepdims=True), 1e-6)
    return np.asarray(rows / rows.sum(axis=2, keepdims=True))
