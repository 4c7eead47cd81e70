"""Lift's batched coalitions beside pyDVL with scikit-learn, and how its intervals are calibrated.

Ground truth is exact Shapley over all coalitions of 10 groups: by `gpu_jobs`, by pyDVL, and from
scikit-learn's fits alone. The utility is the same on each side: accuracy on the same test rows,
a logistic regression with C = 1, and one half for nobody.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_info

from bench import lift_calibration as calibration
from bench import page, turns
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Problem, Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure

PYDVL = "0.10.0"
PYTHON = "3.12"
"""pyDVL 0.10 wants numpy 1, of which there are no wheels for Python 3.13."""
GROUPS, ROWS, TEST, WIDTH, SEED = 10, 3_000, 1_000, 384, 20
PAIRS = 3
GOAL, AGREEMENT = 20.0, 0.99
OURS, FITS, PYDVL_ONCE = "exact", "fits", "pydvl"
SIDES = {
    OURS: "ours",
    FITS: "scikit-learn's fits alone, two processes",
    PYDVL_ONCE: "pyDVL, two threads, each coalition once",
}
KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Left out of both sides' environments: they make BLAS use another processor's code."""
GROWTH = (
    *((groups, rows) for rows in (1_000, 100_000) for groups in (10, 100, 1_000)),
    *((groups, 1_000_000) for groups in (10, 1_000)),
)


def made(*, rows: int = ROWS, width: int = WIDTH, groups: int = GROUPS) -> dict[str, np.ndarray]:
    """Features whose spread falls as that of embeddings; group g has 5% · (g mod 10) wrong labels.

    train float32 (rows, width), label and group int64 (rows,), test and right likewise.
    """
    rng = np.random.default_rng(SEED)
    size = rows + TEST
    features = rng.standard_normal((size, width), dtype=np.float32)
    features /= np.sqrt(1 + np.arange(width, dtype=np.float32))
    features *= 3 / np.linalg.norm(features, axis=1, keepdims=True)
    score = features @ rng.standard_normal(width) + 0.7 * rng.standard_normal(size)
    label = score > 0
    group = np.arange(rows) * groups // rows
    label[:rows] ^= rng.random(rows) < 0.05 * (group % 10)
    return {
        "train": features[:rows],
        "label": label[:rows].astype(np.int64),
        "group": group,
        "test": features[rows:],
        "right": label[rows:].astype(np.int64),
    }


def rows_of(data: dict[str, np.ndarray]) -> tuple[Rows, Rows]:
    return (
        Rows(
            inputs=data["train"],
            label=[str(code) for code in data["label"].tolist()],
            group=[f"g{code:04d}" for code in data["group"].tolist()],
        ),
        Rows(
            inputs=data["test"],
            label=[str(code) for code in data["right"].tolist()],
        ),
    )


def problem_of(rows: tuple[Rows, Rows]) -> Problem:
    return build(*rows, recipe=RECIPES["plain"], metric="accuracy")


def kernels() -> dict[str, Any]:
    """A timed job: whose code BLAS runs."""
    found = {each.get("architecture", "") for each in threadpool_info()} - {""}
    return {"after": lambda: {"blas": ", ".join(sorted(found))}}


@dataclass(frozen=True, kw_only=True)
class Lift:
    """seconds: of each side, as often as it ran. values: exact Shapley by group, and models
    trained, for each side. kernels: of BLAS, by side. growth: (groups, rows, models, seconds).
    """

    seconds: dict[str, list[float]]
    values: dict[str, dict[str, float]]
    models: dict[str, int]
    versions: dict[str, str]
    kernels: dict[str, str]
    growth: list[tuple[int, int, int, float]]
    rates: list[calibration.Rate]


def run(folder: Path) -> Lift:
    """Everything; data and the peers' environment go into `folder`."""
    data = folder / "lift.npz"
    np.savez(data, **made())
    python = _peers(folder / "peers")
    cores = str(min(os.cpu_count() or 1, 2))
    seconds: dict[str, list[float]] = {}
    values: dict[str, dict[str, float]] = {}
    models: dict[str, int] = {}
    env = {name: value for name, value in os.environ.items() if name not in KERNELS}
    with (
        turns.Runner(Path(sys.executable), "bench.lift_ours", str(data), cores, env=env) as ours,
        turns.Runner(python, "bench.lift_peers", str(data), cores, env=env) as peer,
    ):
        kernels = {
            name: side.do("kernels")["answer"]["blas"]
            for name, side in ((OURS, ours), ("the peers", peer))
        }
        versions = peer.do("versions")["answer"]

        def once(name: str, *, counted: bool = True) -> None:
            done = (ours if name == OURS else peer).do(name)
            if "fault" in done:
                raise RuntimeError(f"{name}: {done['fault']}")
            if counted:
                seconds.setdefault(name, []).append(done["wall"])
            values[name] = done["answer"]["values"]
            models[name] = done["answer"]["models"]

        for pair in range(PAIRS + 1):
            print(f"-> lift: exact Shapley, turn {pair} of {PAIRS}", flush=True)
            # Turn 0 warms up and is not counted; then who goes first changes.
            for name in (OURS, FITS, PYDVL_ONCE)[:: 1 if pair % 2 else -1]:
                once(name, counted=pair > 0)
    return Lift(
        seconds=seconds,
        values=values,
        models=models,
        versions=versions,
        kernels=kernels,
        growth=list(_growth()),
        rates=calibration.measured(),
    )


def lines(found: Lift) -> list[str]:
    """The section of docs/benchmarks.md."""
    names = sorted(found.values[OURS])

    def spearman(other: str) -> float:
        two = [[found.values[side][name] for name in names] for side in (OURS, other)]
        return float(stats.spearmanr(*two).statistic)

    def ratio(other: str) -> dict[str, float]:
        pairs = zip(found.seconds[OURS], found.seconds[other], strict=True)
        return turns.spread(theirs / mine for mine, theirs in pairs)

    told = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    kernels = "; ".join(f"{side}: {names}" for side, names in found.kernels.items())
    rows = [
        [
            SIDES[side],
            f"{turns.spread(found.seconds[side])['median']:.2f}",
            "1" if side == OURS else page.ratio(ratio(side)),
            f"{found.models[side]:,}",
            "1" if side == OURS else f"{spearman(side):.4f}",
        ]
        for side in SIDES
    ]
    peer = ratio(PYDVL_ONCE)["median"]
    agreed = min(spearman(side) for side in SIDES)
    return [
        (
            f"Exact Shapley values of {GROUPS} groups, all coalitions, {ROWS:,} rows ×"
            f" {WIDTH}, accuracy on {TEST:,} test rows; made-up embeddings with 0 to 45% wrong"
            f" labels by group (seed {SEED}). Ours with numpy {version('numpy')} and scipy"
            f" {version('scipy')}, two threads, with the rotation of the features and 200"
            f" bootstrap draws of the test rows inside the time; the peers ({told}) in an"
            " environment of their own, without a bootstrap. BLAS has one thread on each side, and"
            f" chooses its kernels itself ({kernels}). The sides take turns after an uncounted"
            " turn. pyDVL is given a memory of coalitions: its own cache has the index in its key"
            " that a coalition was drawn for, and keeps nothing that took less than 0.3 s, so that"
            " as it is it trains each coalition ten times."
        ),
        "",
        *page.table(
            ["side", "seconds, median", "by ours", "models", "Spearman with ours"],
            rows,
        ),
        "",
        f"- Goal, at least {GOAL:g} times faster than pyDVL: {_met(peer, GOAL)}.",
        f"- Goal, Spearman at least {AGREEMENT}: {_met(agreed, AGREEMENT)}.",
        "",
        "Leave-one-out (one model a group, and everybody's), width 64, one thread:",
        "",
        *page.table(
            ["groups", "rows", "models", "seconds"],
            [
                [f"{groups:,}", f"{rows:,}", f"{count:,}", f"{seconds:.2f}"]
                for groups, rows, count, seconds in found.growth
            ],
        ),
        "",
        *calibration.lines(found.rates),
    ]


def _met(found: float, goal: float) -> str:
    return f"{'met' if found >= goal else 'missed'}, {found:.4g}"


def _peers(venv: Path) -> Path:
    """The interpreter of an environment of their own, so that the project never needs them."""
    print("-> lift: installing the peers", flush=True)
    uv = Path(sys.executable).with_name("uv")
    python = venv / "bin" / "python"
    wanted = f"pydvl=={PYDVL}"
    install = [uv, "pip", "install", "-q", "--only-binary", ":all:", "--python", python, wanted]
    try:
        subprocess.run(
            [uv, "venv", "-q", "--clear", "-p", os.environ.get("LIFT_PYTHON", PYTHON), venv],
            check=True,
        )
        subprocess.run(install, check=True)
    except subprocess.CalledProcessError as error:
        message = (
            f"{wanted} could not be installed for Python {PYTHON}, which LIFT_PYTHON=path may name"
        )
        raise RuntimeError(message) from error
    return python


def _growth() -> Iterator[tuple[int, int, int, float]]:
    for groups, rows in GROWTH:
        print(f"-> lift: {groups:,} groups, {rows:,} rows", flush=True)
        problem = problem_of(rows_of(made(rows=rows, width=64, groups=groups)))
        found = measure(problem, Settings(method="loo", chance=0))
        yield groups, rows, found.convergence["models"], found.seconds
