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

import numpy as np
from scipy import stats

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
GROWTH = ((10, 1_000), (100, 1_000), (1_000, 1_000), (10, 10_000), (10, 100_000), (10, 1_000_000))
PROJECTS = 200
PROJECT_TEST = 3_000
NOISE, REAL = "noise", "real"


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


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Of PROJECTS simulated ones: how often the interval lay above zero, and below; the mean
    value over all of them.
    """

    who: str
    method: str
    above: int
    below: int
    mean: float


@dataclass(frozen=True, kw_only=True)
class Lift:
    """ours, sklearn: seconds, pair by pair. pydvl: seconds, or None with the fault. values: exact
    Shapley by group, and models trained, for each side. growth: (groups, rows, models, seconds).
    """

    ours: list[float]
    sklearn: list[float]
    pydvl: float | None
    fault: str | None
    values: dict[str, dict[str, float]]
    models: dict[str, int]
    versions: dict[str, str]
    growth: list[tuple[int, int, int, float]]
    rates: list[Rate]


def run(folder: Path) -> Lift:
    """Everything; data and the peers' environment go into `folder`."""
    data = folder / "lift.npz"
    np.savez(data, **made())
    python = _peers(folder / "peers")
    cores = str(min(os.cpu_count() or 1, 2))
    seconds: dict[str, list[float]] = {"ours": [], "scikit-learn": []}
    values: dict[str, dict[str, float]] = {}
    models: dict[str, int] = {}
    with (
        turns.Runner(Path(sys.executable), "bench.lift_ours", str(data), cores) as ours,
        turns.Runner(python, "bench.lift_peers", str(data), cores) as peer,
    ):
        versions = peer.do("versions")["answer"]
        sides = {"ours": ours, "scikit-learn": peer}
        for pair in range(PAIRS + 1):
            print(f"-> lift: exact Shapley, pair {pair} of {PAIRS}", flush=True)
            # Pair 0 warms up and is not counted; then who goes first changes.
            for name in list(sides)[:: 1 if pair % 2 else -1]:
                done = sides[name].do("exact")
                if "fault" in done:
                    raise RuntimeError(f"{name}: {done['fault']}")
                if pair:
                    seconds[name].append(done["wall"])
                values[name] = done["answer"]["values"]
                models[name] = done["answer"]["models"]
        print("-> lift: pyDVL", flush=True)
        done = peer.do("pydvl")
        if "fault" not in done:
            values["pyDVL"] = done["answer"]["values"]
            models["pyDVL"] = done["answer"]["models"]
    return Lift(
        ours=seconds["ours"],
        sklearn=seconds["scikit-learn"],
        pydvl=done.get("wall"),
        fault=done.get("fault"),
        values=values,
        models=models,
        versions=versions,
        growth=list(_growth()),
        rates=calibration(),
    )


def lines(found: Lift) -> list[str]:
    """The section of docs/benchmarks.md."""
    names = sorted(found.values["ours"])

    def spearman(other: str) -> float:
        two = [[found.values[side][name] for name in names] for side in ("ours", other)]
        return float(stats.spearmanr(*two).statistic)

    pairs = zip(found.ours, found.sklearn, strict=True)
    ratio = turns.spread(theirs / mine for mine, theirs in pairs)
    mine, theirs = (turns.spread(side)["median"] for side in (found.ours, found.sklearn))
    told = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    rows = [
        ["ours", f"{mine:.2f}", "1", f"{found.models['ours']:,}", "1"],
        [
            "scikit-learn's fits alone, two processes",
            f"{theirs:.2f}",
            page.ratio(ratio),
            f"{found.models['scikit-learn']:,}",
            f"{spearman('scikit-learn'):.4f}",
        ],
    ]
    if found.pydvl is None:
        rows.append(["pyDVL", found.fault or "", "", "", ""])
    else:
        rows.append(
            [
                "pyDVL, two threads",
                f"{found.pydvl:.2f}",
                f"{found.pydvl / mine:.1f}",
                f"{found.models['pyDVL']:,}",
                f"{spearman('pyDVL'):.4f}",
            ]
        )
    peer = found.pydvl / mine if found.pydvl is not None else None
    agreed = min(spearman(side) for side in found.values)
    return [
        (
            f"Exact Shapley values of {GROUPS} groups, all coalitions, {ROWS:,} rows ×"
            f" {WIDTH}, accuracy on {TEST:,} test rows; made-up embeddings with 0 to 45% wrong"
            f" labels by group (seed {SEED}). Ours with numpy {version('numpy')} and scipy"
            f" {version('scipy')}, two threads, with the rotation of the features and 200"
            f" bootstrap draws of the test rows inside the time; the peers ({told}) in an"
            " environment of their own, without a bootstrap. BLAS has one thread on each side."
            " scikit-learn and ours take turns after an uncounted pair; pyDVL runs once, with"
            " its cache in memory, so that it trains each coalition once, too."
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
        (
            f"Calibration over {PROJECTS} simulated projects, each with five good contributors,"
            f" one of pure noise, one with a real effect, and {PROJECT_TEST:,} test rows;"
            " base 800; exact Shapley, and with-without with 6 seeds for given rows, 20 for drawn"
            " ones. Share of intervals above and below zero, and the mean value, which is the true"
            " effect:"
        ),
        "",
        *page.table(
            ["contributor", "method", "above zero", "below zero", "mean value"],
            [
                [
                    rate.who,
                    rate.method,
                    f"{rate.above / PROJECTS:.1%}",
                    f"{rate.below / PROJECTS:.1%}",
                    f"{rate.mean:+.4f}",
                ]
                for rate in found.rates
            ],
        ),
    ]


def _met(found: float | None, goal: float) -> str:
    if found is None:
        return "not run"
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
        found = measure(problem, Settings(method="loo"))
        yield groups, rows, found.convergence["models"], found.seconds


def project(seed: int, *, test: int = PROJECT_TEST) -> Problem:
    """One simulated project: five contributors of 320 rows whose labels are right or, for 15%,
    turned; `noise`, 300 rows with labels of a coin; `real`, 300 rows with 20% turned, which
    add about two points.
    """
    rng = np.random.default_rng([SEED, seed])
    width, each = 60, 320
    direction = rng.standard_normal(width) / np.sqrt(width)

    def draw(size: int, wrong: float) -> tuple[np.ndarray, np.ndarray]:
        features = rng.standard_normal((size, width))
        label = features @ direction + 0.3 * rng.standard_normal(size) > 0
        return features, (label ^ (rng.random(size) < wrong)).astype(np.int64)

    parts = {f"good {number}": draw(each, 0.15) for number in range(5)}
    parts |= {NOISE: draw(300, 0.5), REAL: draw(300, 0.2)}
    away, right = draw(test, 0.0)
    train = Rows(
        inputs=np.vstack([features for features, _ in parts.values()]),
        label=[str(code) for _, label in parts.values() for code in label.tolist()],
        group=[name for name, (_, label) in parts.items() for _ in label],
    )
    return build(
        train,
        Rows(
            inputs=away,
            label=[str(code) for code in right.tolist()],
        ),
        recipe=RECIPES["tabular"],
        metric="accuracy",
    )


def calibration(projects: int = PROJECTS) -> list[Rate]:
    """How often noise, and a real effect, are called significant by each paying method."""
    methods = {
        "with-without": Settings(method="with-without", seeds=6),
        "with-without, rows drawn": Settings(method="with-without", seeds=20, rows="drawn"),
        "shapley": Settings(method="shapley"),
    }
    seen: dict[tuple[str, str], list[tuple[str | None, float]]] = {}
    for seed in range(projects):
        problem = project(seed)
        for method, settings in methods.items():
            for one in measure(problem, settings).groups:
                if one.name in {NOISE, REAL} and one.value is not None:
                    seen.setdefault((one.name, method), []).append((one.significant, one.value))
    return [
        Rate(
            who=who,
            method=method,
            above=sum(sign == "positive" for sign, _ in found),
            below=sum(sign == "negative" for sign, _ in found),
            mean=float(np.mean([value for _, value in found])),
        )
        for (who, method), found in sorted(seen.items())
    ]
