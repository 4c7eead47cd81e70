"""Every aggregator beside crowd-kit's: accuracy on every crowd, an iteration, a whole fit."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.metrics import cohen_kappa_score

from bench import turns
from gpu_jobs import tables
from gpu_jobs.agreement.kappa import kappas
from gpu_jobs.answers import encode

PEERS = ("majority", "dawid-skene", "one-coin", "glad", "mace", "mace-em")
OURS = (*PEERS, "dawid-skene-map", "auto")
PUBLISHED = {
    "bluebird": {"majority": "MV .7593", "dawid-skene": "iBCC .889"},
    "rte": {"majority": "MV .8969", "dawid-skene": "iBCC, BWA .9275"},
    "polarity": {"dawid-skene": "iBCC .915", "one-coin": "BWA .917"},
    "music": {"dawid-skene": "iBCC .790", "one-coin": "BWA .786"},
}
"""As the README of the data quotes them, beside the method that is nearest."""
ITERATED = {
    # method: (items, overlap, workers, classes), iterations of ours, of theirs
    "dawid-skene": ((100_000, 10, 1_000, 4), (5, 25), (2, 5)),
    "glad": ((3_000, 10, 300, 2), (5, 25), (1, 2)),
    "mace": ((100_000, 10, 1_000, 4), (5, 25), (2, 5)),
}
ROUNDS = {"dawid-skene": 3, "glad": 1, "mace": 3}
"""One of GLAD, whose iterations take crowd-kit long."""
SIZES = (1_000_000, 3_000_000, 10_000_000)
SEED = 21


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """ours, peer: wall seconds an iteration, the median of the rounds; ratio, cpu_ratio: of them,
    round by round. answers: of the crowd.
    """

    method: str
    answers: int
    ours: float
    peer: float
    ratio: dict[str, float]
    cpu_ratio: dict[str, float]


@dataclass(kw_only=True)
class Methods:
    """fits: (crowd, method) → {"ours": figures, "peer": figures} with wall seconds. reached:
    (crowd, method) → what the peer's parameters are worth by our formulas. scaling: a line a size.
    """

    fits: dict[tuple[str, str], dict[str, dict[str, Any]]] = field(default_factory=dict)
    reached: dict[tuple[str, str], float] = field(default_factory=dict)
    iterations: list[Iteration] = field(default_factory=list)
    scaling: list[dict[str, float]] = field(default_factory=list)
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    intervals: list[str] = field(default_factory=list)
    kappas: dict[str, float] = field(default_factory=dict)


def run(python: Path, crowds: dict[str, Path], data: Path, folder: Path) -> Methods:
    """crowds: name → CSV with gold. data: where affect, pandalm and anesthesia are."""
    found = Methods()
    for name, source in crowds.items():
        path = folder / source.name
        shutil.copyfile(source, path)
        with (
            turns.Runner(Path(sys.executable), "bench.crowd_ours", str(path)) as ours,
            turns.Runner(python, "bench.crowd_peers", str(path)) as peer,
        ):
            for method in OURS:
                print(f"-> scoring: {name}, {method}", flush=True)
                ours.do(f"fit {method}")
                both = {"ours": ours.do(f"fit {method}")}
                if method in PEERS:
                    both["peer"] = peer.do(f"fit {method}")
                found.fits[name, method] = {
                    side: {"wall": done.get("wall"), "cpu": done.get("cpu")}
                    | done.get("answer", {"fault": done.get("fault")})
                    for side, done in both.items()
                }
            for method, value in ours.do("at")["answer"].items():
                found.reached[name, method] = value
    for method, (shape, our_steps, their_steps) in ITERATED.items():
        print(f"-> scoring: an iteration of {method}", flush=True)
        path = generate(folder / f"{method}.csv", *shape)
        found.iterations.append(_iteration(python, path, method, shape, our_steps, their_steps))
        path.unlink()
    for size in SIZES:
        print(f"-> scoring: {size:,} answers", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "bench.scoring_scale", str(size)],
            cwd=turns.ROOT,
            env={**os.environ, **turns.ONE_THREAD},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        found.scaling.append(json.loads(done.stdout))
    found.others = _others(data)
    print("-> scoring: intervals of alpha, kappas", flush=True)
    found.intervals = _said_by("bench.intervals")
    if "bluebird" in crowds:
        found.kappas = _kappas(crowds["bluebird"])
    return found


def _said_by(module: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=turns.ROOT,
        env={**os.environ, **turns.ONE_THREAD},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout.strip().splitlines()


def _kappas(path: Path) -> dict[str, float]:
    """Cohen's kappa of every two workers, beside scikit-learn called for each pair."""
    answers = encode(tables.read_crowd(path), repeats="reject")
    start = process_time()
    ours = kappas(answers)
    mine = process_time() - start
    size = len(answers.items)
    # The crowd is complete, so that each worker is a column.
    table = np.empty((len(answers.workers), size), dtype=np.int64)
    table[answers.worker, answers.item] = answers.value
    start = process_time()
    theirs = [
        cohen_kappa_score(table[a], table[b]) for a, b in zip(ours.first, ours.second, strict=True)
    ]
    return {
        "pairs": len(theirs),
        "ours": mine,
        "peer": process_time() - start,
        "difference": float(np.nanmax(np.abs(ours.kappa - np.array(theirs)))),
    }


def _iteration(
    python: Path,
    path: Path,
    method: str,
    shape: tuple[int, int, int, int],
    our_steps: tuple[int, int],
    their_steps: tuple[int, int],
) -> Iteration:
    """The slope between few iterations and many, so that what is done once is not in it."""
    rounds: list[dict[str, tuple[float, float]]] = []
    with (
        turns.Runner(Path(sys.executable), "bench.crowd_ours", str(path)) as ours,
        turns.Runner(python, "bench.crowd_peers", str(path)) as peer,
    ):
        ours.do(f"{method} {our_steps[0]}")
        for _ in range(ROUNDS[method]):
            sides = {}
            for side, runner, steps in (("ours", ours, our_steps), ("peer", peer, their_steps)):
                few, many = (runner.do(f"{method} {count}") for count in steps)
                for done in (few, many):
                    if "fault" in done:
                        raise RuntimeError(f"{method} of {side}: {done['fault']}")
                more = many["answer"]["iterations"] - few["answer"]["iterations"]
                if more < 1:
                    raise RuntimeError(f"{method} of {side} stopped by itself")
                sides[side] = tuple((many[k] - few[k]) / more for k in ("wall", "cpu"))
            rounds.append(sides)
    middle = {
        side: turns.spread(one[side][0] for one in rounds)["median"] for side in ("ours", "peer")
    }
    return Iteration(
        method=method,
        answers=shape[0] * shape[1],
        ours=middle["ours"],
        peer=middle["peer"],
        ratio=turns.spread(one["peer"][0] / one["ours"][0] for one in rounds),
        cpu_ratio=turns.spread(one["peer"][1] / one["ours"][1] for one in rounds),
    )


def _others(data: Path) -> dict[str, dict[str, Any]]:
    """The crowds whose answers are no plain classes, through the command line."""
    wanted = {
        "affect": ["affect.csv", "--type", "number"],
        "anesthesia": ["anesthesia.csv", "--method", "dawid-skene"],
        "pandalm": [
            "pandalm.csv", "--type", "pairwise", "--method", "bradley-terry",
            "--items", str(data / "pandalm.items.csv"),
        ],
    }  # fmt: skip
    found = {}
    for name, (file, *options) in wanted.items():
        if not (data / file).is_file():
            continue
        done = subprocess.run(
            [sys.executable, "-m", "gpu_jobs", "aggregate", str(data / file), *options],
            cwd=turns.ROOT,
            env={**os.environ, **turns.ONE_THREAD},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        found[name] = json.loads(done.stdout)
    return found


def codes(items: int, overlap: int, workers: int, classes: int) -> dict[str, np.ndarray]:
    """item, worker, value, truth: accuracies from Beta(6, 2.5), wrong answers fall evenly."""
    rng = np.random.default_rng(SEED)
    truth = rng.integers(0, classes, items)
    item = np.repeat(np.arange(items), overlap)
    first = rng.integers(0, workers, items)
    # Steps of a number coprime to the workers: nobody meets an item twice.
    worker = (first[:, None] + np.arange(overlap) * 97) % workers
    worker.sort(axis=1)
    worker = worker.ravel()
    right = rng.random(len(item)) < rng.beta(6, 2.5, workers)[worker]
    wrong = (truth[item] + rng.integers(1, classes, len(item))) % classes
    value = np.where(right, truth[item], wrong)
    return {"item": item, "worker": worker, "value": value, "truth": truth}


def generate(path: Path, items: int, overlap: int, workers: int, classes: int) -> Path:
    """The same as CSV."""
    made = codes(items, overlap, workers, classes)
    columns = {
        "item_id": ("i", made["item"]),
        "worker_id": ("w", made["worker"]),
        "answer": ("c", made["value"]),
        "gold": ("c", made["truth"][made["item"]]),
    }
    tables.write_csv(
        pa.table(
            {
                name: pa.array([f"{letter}{code}" for code in each.tolist()])
                for name, (letter, each) in columns.items()
            }
        ),
        path,
    )
    return path
