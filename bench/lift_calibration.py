"""How often lift is paid to contributors without any effect, and with effects of known size.

A simulated project has good contributors (15% of their labels turned) and one each with labels of
a coin and with 40, 30, 20 and 10% turned, so that one project gives both curves.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from bench import page
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Problem, Rows, build
from gpu_jobs.lift.recipes import RECIPES
from gpu_jobs.lift.run import measure

SEED = 20
PROJECTS = 200
NOISE = "coin flips"
TURNED = {NOISE: 0.5, "40% turned": 0.4, "30% turned": 0.3, "20% turned": 0.2, "10% turned": 0.1}
GOALS = (0.05, 0.02, 0.8)
"""The most noise that may be paid; the effect of which at least that share must be."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """good, rows: of each good contributor, of each other one. test: test rows."""

    name: str
    width: int
    goods: int
    good: int
    rows: int
    test: int


LARGE = Size(name="large", width=60, goods=5, good=320, rows=300, test=3_000)
SMALL = Size(name="small", width=30, goods=3, good=60, rows=60, test=3_000)
SCARCE = Size(name="small, 400 test rows", width=30, goods=3, good=60, rows=60, test=400)
SIZES = (LARGE, SMALL, SCARCE)
METHODS = {
    "shapley": Settings(method="shapley"),
    "shapley, rows drawn": Settings(method="shapley", rows="drawn", seeds=12, rounds=12),
    "with-without": Settings(method="with-without", seeds=6),
    "with-without, rows drawn": Settings(method="with-without", rows="drawn", seeds=12),
}


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Of `projects`: how often it was paid, how often the interval lay above zero, and below.
    mean: of the values.
    """

    size: str
    who: str
    method: str
    projects: int
    paid: int
    above: int
    below: int
    mean: float


class Seen(NamedTuple):
    """Of one contributor in one project."""

    paid: bool
    above: bool
    below: bool
    value: float


def project(size: Size, seed: int) -> Problem:
    rng = np.random.default_rng([SEED, seed])
    direction = rng.standard_normal(size.width) / np.sqrt(size.width)

    def draw(rows: int, wrong: float) -> tuple[np.ndarray, np.ndarray]:
        features = rng.standard_normal((rows, size.width))
        label = features @ direction + 0.3 * rng.standard_normal(rows) > 0
        return features, (label ^ (rng.random(rows) < wrong)).astype(np.int64)

    parts = {f"good {number}": draw(size.good, 0.15) for number in range(size.goods)}
    parts |= {who: draw(size.rows, wrong) for who, wrong in TURNED.items()}
    away, right = draw(size.test, 0.0)
    train = Rows(
        inputs=np.vstack([features for features, _ in parts.values()]),
        label=[str(code) for _, label in parts.values() for code in label.tolist()],
        group=[name for name, (_, label) in parts.items() for _ in label],
    )
    test = Rows(inputs=away, label=[str(code) for code in right.tolist()])
    return build(train, test, recipe=RECIPES["tabular"], metric="accuracy")


def rates(
    size: Size, projects: int = PROJECTS, methods: Mapping[str, Settings] = METHODS
) -> list[Rate]:
    """By contributor and method; projects are simulated side by side, one a core."""
    seen: dict[tuple[str, str], list[Seen]] = {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for found in pool.map(partial(_measured, size, methods), range(projects), chunksize=5):
            for key, one in found.items():
                seen.setdefault(key, []).append(one)
    return [
        Rate(
            size=size.name,
            who=who,
            method=method,
            projects=len(found),
            paid=sum(each.paid for each in found),
            above=sum(each.above for each in found),
            below=sum(each.below for each in found),
            mean=float(np.mean([each.value for each in found])),
        )
        for (who, method), found in sorted(seen.items(), key=_place)
    ]


def _measured(
    size: Size, methods: Mapping[str, Settings], seed: int
) -> dict[tuple[str, str], Seen]:
    """By contributor and method, in one project."""
    threadpool_limits(1)
    problem = project(size, seed)
    return {
        (one.name, method): Seen(
            paid=one.significant == "positive",
            above=(one.low or 0) > 0,
            below=(one.high or 0) < 0,
            value=one.value,
        )
        for method, settings in methods.items()
        for one in measure(problem, settings).groups
        if one.name in TURNED and one.value is not None
    }


def _place(entry: tuple[tuple[str, str], object]) -> tuple[int, int]:
    (who, method), _ = entry
    return list(METHODS).index(method), list(TURNED).index(who)


def measured() -> list[Rate]:
    found: list[Rate] = []
    for size in SIZES:
        print(f"-> lift: calibration, {size.name} projects", flush=True)
        found += rates(size)
    return found


def lines(found: list[Rate]) -> list[str]:
    """Both curves: payments to noise, and to real effects, by size of the project."""
    sizes = "; ".join(
        f"{size.name}: {size.goods} good contributors of {size.good} rows, the others {size.rows}"
        f" each, {size.width} columns, {size.test:,} test rows"
        for size in SIZES
    )
    return [
        (
            f"Calibration over {PROJECTS} simulated projects of each size ({sizes}), each"
            " with one contributor of coin flips and four with 40 to 10% of their labels turned."
            " Paid: the interval lies above zero, and shuffled answers seldom do as well (the"
            " control of chance). Above: the interval alone. The mean value is the true effect,"
            " in points of accuracy."
        ),
        "",
        *page.table(
            ["projects", "contributor", "method", "mean value", "paid", "above zero", "below zero"],
            [list(_row(rate)) for rate in found],
        ),
        "",
        *_met(found),
    ]


def _row(rate: Rate) -> Iterator[str]:
    yield rate.size
    yield rate.who
    yield rate.method
    yield f"{100 * rate.mean:+.1f}"
    for count in (rate.paid, rate.above, rate.below):
        yield f"{count / rate.projects:.1%}"


def _met(found: list[Rate]) -> Iterator[str]:
    most, effect, least = GOALS
    for method in METHODS:
        mine = [rate for rate in found if rate.method == method]
        noise = max(rate.paid / rate.projects for rate in mine if rate.who == NOISE)
        told = f"- {method}: at most {noise:.1%} of noise paid"
        told += f" ({'meets' if noise <= most else 'misses'} the goal of {most:.0%})"
        real = [rate for rate in mine if rate.size == LARGE.name and rate.who != NOISE]
        near = min(real, key=lambda rate: abs(rate.mean - effect))
        share = near.paid / near.projects
        told += (
            f"; of {near.who} ({100 * near.mean:+.1f} points in large projects) {share:.1%} paid"
        )
        told += f" ({'meets' if share >= least else 'misses'} {least:.0%})."
        yield told
