"""Dawid–Skene, majority and alpha of `gpu_jobs` against crowd-kit and krippendorff."""

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa

from bench import scoring_methods, turns
from gpu_jobs import tables

DATA = Path(os.environ.get("WAGEFILE_DATA") or turns.ROOT.parent / "shared" / "data")
SETS = ("rte", "bluebird", "polarity", "music", "ducks")
METHODS = ("majority", "dawid-skene", "alpha")
CROWD_KIT = "1.4.2"
PAIRS = 5
SECONDS = 40
"""A method of one crowd starts no other pair after this long."""
ITEMS, OVERLAP, WORKERS, CLASSES, SEED = 200_000, 5, 2_000, 4, 20
GENERATED = f"generated, {ITEMS * OVERLAP:,} answers"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """ours, peer: the first answers, with accuracy or alpha. ratio: wall seconds of the peer by
    ours, pair by pair; cpu_ratio: the same of CPU seconds. fault: why the peer gave no result.
    """

    crowd: str
    method: str
    ours: dict[str, Any]
    peer: dict[str, Any]
    pairs: int = 0
    ratio: dict[str, float] | None = None
    cpu_ratio: dict[str, float] | None = None
    seconds: tuple[float, float] | None = None
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """coding: median seconds of ours to turn each crowd's texts into codes, inside all of ours."""

    comparisons: list[Comparison]
    absent: list[str]
    coding: dict[str, float]
    versions: dict[str, str]
    methods: scoring_methods.Methods


def run(folder: Path) -> Scoring:
    """Everything; the peers' environment and the generated crowd go into `folder`."""
    python = _peers(folder / "peers")
    crowds = {name: DATA / f"{name}.csv" for name in SETS}
    absent = [name for name, path in crowds.items() if not path.is_file()]
    crowds = {name: path for name, path in crowds.items() if name not in absent}
    crowds[GENERATED] = _generate(folder / "generated.csv")
    comparisons: list[Comparison] = []
    versions: dict[str, str] = {}
    coding: dict[str, float] = {}
    for name, path in crowds.items():
        with (
            turns.Runner(Path(sys.executable), "bench.crowd_ours", str(path)) as ours,
            turns.Runner(python, "bench.crowd_peers", str(path)) as peer,
        ):
            versions = peer.do("versions")["answer"]
            for method in METHODS:
                print(f"-> scoring: {name}, {method}", flush=True)
                comparisons.append(_compare(name, method, ours, peer))
            coding[name] = turns.spread(ours.do("codes")["wall"] for _ in range(PAIRS))["median"]
    crowds.pop(GENERATED)
    methods = scoring_methods.run(python, crowds, DATA, folder)
    return Scoring(
        comparisons=comparisons, absent=absent, coding=coding, versions=versions, methods=methods
    )


def _compare(crowd: str, method: str, ours: turns.Runner, peer: turns.Runner) -> Comparison:
    """One uncounted pair that warms both up and gives the answers, then counted pairs."""
    start = monotonic()
    first = [ours.do(method), peer.do(method)]
    if "fault" in first[0]:
        raise RuntimeError(f"{method} of gpu_jobs on {crowd}: {first[0]['fault']}")
    if "fault" in first[1]:
        return Comparison(
            crowd=crowd,
            method=method,
            ours=first[0]["answer"],
            peer={},
            fault=first[1]["fault"],
        )
    pairs: list[tuple[dict[str, float], dict[str, float]]] = []
    while not pairs or (len(pairs) < PAIRS and monotonic() - start < SECONDS):
        # Who goes first changes from pair to pair.
        runners = (ours, peer) if len(pairs) % 2 else (peer, ours)
        done = [runner.do(method) for runner in runners]
        pairs.append((done[0], done[1]) if runners[0] is ours else (done[1], done[0]))
    answers = [first[0]["answer"], first[1]["answer"]]
    if "labels" in answers[0]:
        mine, theirs = (answer.pop("labels") for answer in answers)
        answers[0]["same_labels"] = sum(theirs[item] == mine[item] for item in mine) / len(mine)
    return Comparison(
        crowd=crowd,
        method=method,
        ours=answers[0],
        peer=answers[1],
        pairs=len(pairs),
        ratio=turns.spread(theirs["wall"] / mine["wall"] for mine, theirs in pairs),
        cpu_ratio=turns.spread(theirs["cpu"] / mine["cpu"] for mine, theirs in pairs),
        seconds=(
            turns.spread(mine["wall"] for mine, _ in pairs)["median"],
            turns.spread(theirs["wall"] for _, theirs in pairs)["median"],
        ),
    )


def _peers(venv: Path) -> Path:
    """The interpreter of an environment of their own, so that the project never needs them."""
    print("-> scoring: installing the peers", flush=True)
    uv = Path(sys.executable).with_name("uv")
    python = venv / "bin" / "python"
    wanted = [f"crowd-kit=={CROWD_KIT}", f"krippendorff=={version('krippendorff')}"]
    try:
        subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, venv], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", python, *wanted], check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"The peers ({', '.join(wanted)}) could not be installed.") from error
    return python


def _generate(path: Path) -> Path:
    """Workers with an accuracy each (Beta(6, 2.5)), wrong answers even over the other classes."""
    rng = np.random.default_rng(SEED)
    truth = rng.integers(0, CLASSES, ITEMS)
    item = np.repeat(np.arange(ITEMS), OVERLAP)
    # Steps of a number coprime to the workers: nobody meets an item twice.
    first = rng.integers(0, WORKERS, ITEMS)
    worker = (first[:, None] + np.arange(OVERLAP) * 397).ravel() % WORKERS
    right = rng.random(len(item)) < rng.beta(6, 2.5, WORKERS)[worker]
    wrong = (truth[item] + rng.integers(1, CLASSES, len(item))) % CLASSES
    value = np.where(right, truth[item], wrong)
    columns = {"item_id": ("i", item), "worker_id": ("w", worker), "answer": ("c", value)}
    columns["gold"] = ("c", truth[item])
    order = rng.permutation(len(item))
    tables.write_csv(
        pa.table(
            {
                name: pa.array([f"{letter}{code}" for code in codes[order].tolist()])
                for name, (letter, codes) in columns.items()
            }
        ),
        path,
    )
    return path
