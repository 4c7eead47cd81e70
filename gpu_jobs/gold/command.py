"""`python -m gpu_jobs gold`."""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.answers import NO_GOLD, Answers
from gpu_jobs.crowd_files import counted, read_beside, save_plot, task
from gpu_jobs.gold import exposure, posterior, rate, scores, suspects

TOP = 20
EQUAL = ("choice", "pairwise")
"""Types whose answers are right or wrong and nothing between."""


def add(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    known = commands.add_parser(
        "gold",
        parents=[common],
        help="workers against known answers; also reads the column skill",
    )
    known.add_argument("--prior", type=float, default=posterior.K, help="K of Beta(K, K)")
    known.add_argument("--bar", type=float, default=0.8, help="accuracy that is asked for")
    known.add_argument("--out", type=Path, metavar="WORKERS", help=".csv or .parquet")
    known.add_argument("--plot", type=Path, metavar="FILE.svg", help="a picture of the scores")
    known.set_defaults(command=run)


def run(options: argparse.Namespace) -> dict[str, Any]:
    answers, at, beside = read_beside(options, ("skill",))
    kind = task(answers, options)
    start = perf_counter()
    if options.type in EQUAL:
        each = posterior.choice_scores(answers)
        doubted = _suspects(answers, suspects.suspect_gold(answers))
    else:
        each = scores.type_scores(answers, kind)
        found = suspects.suspect_by_score(
            answers.item, answers.worker, each, scores.peer_scores(answers, kind, each)
        )
        doubted = _suspects_by_score(answers, found)
    workers = len(answers.workers)
    known = posterior.score_posterior(answers.worker, each, workers, k=options.prior)
    wanted = rate.gold_rate(known.correct, known.gold, bar=options.bar, k=options.prior)
    order = None if at is None or np.isnan(at).any() else at
    shown = exposure.exposure(answers, order=order)
    seconds = perf_counter() - start
    table = _workers(answers, known, wanted)
    if options.out:
        tables.write_named(table, options.out)
    save_plot(options.plot, lambda: known.plot(answers.workers))
    total, met = int(known.gold.sum()), known.gold > 0
    skills = _skills(answers, beside["skill"], each, options.prior) if "skill" in beside else None
    return {
        "type": options.type,
        "gold_items": int((answers.gold != NO_GOLD).sum()),
        "gold_answers": total,
        "share_correct": float(known.correct.sum()) / total if total else None,
        "workers_with_gold": int(met.sum()),
        "decisive_workers": int(known.decisive.sum()),
        "at_the_bar": int((known.decisive & (known.lower >= options.bar)).sum()),
        "prior": options.prior,
        "bar": options.bar,
        "mean_gold_rate": float(wanted.mean()) if len(wanted) else None,
        "exposure": {
            "most_shown": int(shown.shown.max(initial=0)),
            "median_shown": float(np.median(shown.shown)) if len(shown.shown) else None,
            "again": int(shown.again.sum()),
            "worn": int(shown.worn.sum()),
            "leaking": int(shown.leaking.sum()) if order is not None else None,
        },
        **doubted,
        "worker_scores": [] if options.out else table.to_pylist(),
        "skill_scores": skills,
        "seconds_compute": round(seconds, 6),
    } | counted(answers, options)


def _workers(answers: Answers, found: posterior.GoldScores, wanted: np.ndarray) -> pa.Table:
    names = {"worker_id": pa.array(answers.workers, pa.string())}
    given = np.bincount(answers.worker, minlength=len(answers.workers))
    return pa.table(names | {"answers": given} | vars(found) | {"gold_rate": wanted})


def _skills(
    answers: Answers, texts: list[str | None], each: np.ndarray, prior: float
) -> list[dict[str, Any]]:
    """A posterior for each worker and skill; rows without a skill are left out."""
    names = sorted({text for text in texts if text is not None})
    place: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    skill = np.array([place.get(text, -1) for text in texts], dtype=np.int64)
    there = skill >= 0
    found = posterior.scores_by_skill(answers.worker[there], skill[there], each[there], k=prior)
    who = {
        "worker_id": pa.array([answers.workers[w] for w in found.worker.tolist()], pa.string()),
        "skill": pa.array([names[s] for s in found.skill.tolist()], pa.string()),
    }
    rows: list[dict[str, Any]] = pa.table(who | vars(found.scores)).to_pylist()
    return rows


def _suspects(answers: Answers, found: suspects.Suspects) -> dict[str, Any]:
    """The gold items most probably wrong, at most 20."""
    order = np.lexsort((found.item, -found.against, -found.wrong))
    return {
        "suspect_gold": int(found.suspect.sum()),
        "correlation_of_errors": found.correlation,
        "suspects": [
            {
                "item_id": answers.items[found.item[i]],
                "gold": _name(answers, int(answers.gold[found.item[i]])),
                "answers_say": _name(answers, int(found.other[i])),
                "wrong": float(found.wrong[i]),
                "against": float(found.against[i]),
                "answers": int(found.answers[i]),
            }
            for i in order[:TOP]
            if found.suspect[i]
        ],
    }


def _suspects_by_score(answers: Answers, found: suspects.ScoreSuspects) -> dict[str, Any]:
    order = np.lexsort((found.item, found.z))
    return {
        "suspect_gold": int(found.suspect.sum()),
        "correlation_of_errors": found.correlation,
        "suspects": [
            {
                "item_id": answers.items[found.item[i]],
                "score": float(found.score[i]),
                "peers": float(found.peers[i]),
                "z": float(found.z[i]),
                "answers": int(found.answers[i]),
            }
            for i in order[:TOP]
            if found.suspect[i]
        ],
    }


def _name(answers: Answers, code: int) -> str | None:
    return answers.classes[code] if code >= 0 else None
