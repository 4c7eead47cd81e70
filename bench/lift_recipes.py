"""Recipes of lift beside each other on polarity, by the published protocol.

python -m bench.lift_recipes [--seeds 12] [--recipe NAME --encoder NAME]: one line of JSON a
recipe. Embeddings are computed anew in a folder that is deleted afterwards, so that their time is
in the line; set OMP_NUM_THREADS to say how many cores are used.
"""

import argparse
import csv
import json
import os
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from scipy.stats import spearmanr

from gpu_jobs.encoders.cache import VARIABLE
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Rows, build
from gpu_jobs.lift.recipe import Recipe
from gpu_jobs.lift.recipes import RECIPES, adapted
from gpu_jobs.lift.run import measure

LEAST = 200
SPAMMERS = ("w098", "w093", "w194")


def polarity(folder: Path) -> tuple[Rows, Rows, dict[str, float]]:
    """Training rows, test rows, and the gold accuracy of who gave at least 200 answers."""
    items = {row["item_id"]: row for row in _table(folder / "polarity.items.csv")}
    answers = _table(folder / "polarity.csv")
    right = defaultdict(list)
    for row in answers:
        right[row["worker_id"]].append(row["answer"] == row["gold"])
    large = {name: float(np.mean(each)) for name, each in right.items() if len(each) >= LEAST}
    away = [row for row in items.values() if row["split"] == "test"]
    train = Rows(
        inputs=[items[row["item_id"]]["text"] for row in answers],
        label=[row["answer"] for row in answers],
        group=[row["worker_id"] if row["worker_id"] in large else "others" for row in answers],
        item=[row["item_id"] for row in answers],
    )
    test = Rows(
        inputs=[row["text"] for row in away],
        label=[row["gold"] for row in away],
        item=[row["item_id"] for row in away],
    )
    return train, test, large


def line(recipe: Recipe, seeds: int, seed: int, rows: tuple[Rows, Rows, dict[str, float]]) -> dict:
    train, test, large = rows
    with TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        start = perf_counter()
        problem = build(train, test, recipe=recipe, metric="accuracy", seed=seed)
        encoded = perf_counter() - start
        found = measure(
            problem, Settings(method="with-without", seeds=seeds, seed=seed, base=800, take=300)
        )
    value = {one.name: one.value for one in found.groups}
    lift = [value[name] for name in large]
    (control,) = found.controls
    return {
        "recipe": recipe.name,
        "encoder": recipe.encoder,
        "l2": recipe.l2,
        "everybody": round(found.everybody, 4),
        "spearman_with_gold_accuracy": round(float(spearmanr(lift, list(large.values()))[0]), 3),
        "best": round(max(lift), 4),
        "median_standard_error": round(
            float(np.median([one.standard_error or 0.0 for one in found.groups])), 4
        ),
        **{
            one.name: [round(one.value or 0.0, 4), one.significant]
            for one in found.groups
            if one.name in SPAMMERS
        },
        "a/a": [round(control.low or 0.0, 4), round(control.high or 0.0, 4)],
        "seconds_to_features": round(encoded, 1),
        "seconds_of_heads": round(found.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../../shared/data"))
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", action="append", choices=RECIPES)
    parser.add_argument("--l2", type=float)
    options = parser.parse_args()
    rows = polarity(options.data)
    for name in options.recipe or ("text-linear", "text-minilm"):
        recipe = adapted(RECIPES[name], l2=options.l2)
        print(json.dumps(line(recipe, options.seeds, options.seed, rows)), flush=True)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main()
