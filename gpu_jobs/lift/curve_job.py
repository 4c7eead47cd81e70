"""Kind `curve`: what the next answers of each group would gain, for one worker or for many.

Input: the Parquet of kind `lift` (`table`), whose groups are kinds of items, or tiers. Parameters
(`Params`) have the defaults shown.

Figures: one key, curve: curves (see `curve.Curve`, without prices), the largest gain first; those
that a budget left out say "not reached". File: points.parquet (group, rows, value, low, high), what
was measured. Seconds of computing stand in no result.

A chunk is the models of one curve; the first is of everything. `plan`, `compute`, `enough`,
`finish` and `run` are those of `job`: any order, any worker, the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.contracts import InputError, Report, Result, Spec, canonical
from gpu_jobs.lift.chunks import Chunk, of_run
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.curve import (
    LEAST,
    REPLICATES,
    SAYS,
    Curve,
    check_numbers,
    fitted,
    measured,
    names_of,
    ranked,
    unreached,
)
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.question import Question
from gpu_jobs.lift.table import Sets


@dataclass(frozen=True, kw_only=True)
class Params(Question):
    """further: answers to look ahead. least_gain: of the metric, that is worth having. everything:
    also a curve of all rows together; always where there is one group.
    """

    further: int = 1000
    least_gain: float = 0.001
    replicates: int = REPLICATES
    everything: bool = True

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        params = cls.checked("curve", values)
        check_numbers(params.further, params.replicates)
        if not 0 <= params.least_gain < float("inf"):
            raise InputError("least_gain must be 0 or more")
        return params


@dataclass(frozen=True)
class _Job:
    problem: Problem
    params: Params
    digest: str

    @property
    def numbers(self) -> list[int]:
        """Which of `names_of` there is a chunk of, in their order."""
        every = list(range(len(names_of(self.problem))))
        return every if self.params.everything or len(every) == 1 else every[1:]


def plan(spec: Spec, workdir: Path) -> int:
    """How many curves there are; the workdir is this run's from now on.

    Raises InputError for whatever is wrong with parameters or input.
    """
    job = _job(spec)
    of_run(spec, job.digest, workdir)
    return len(job.numbers)


def compute(spec: Spec, workdir: Path, number: int) -> float:
    """Train the models of curve `number`, from 0, unless they are there; seconds that it took."""
    job = _job(spec)
    store = of_run(spec, job.digest, workdir)
    if not 0 <= number < len(job.numbers):
        raise InputError(f"this run has chunks 0 to {len(job.numbers) - 1}, not {number}")
    chunk = store.load(number)
    if chunk is None:
        utility = Utility(job.problem, folder=workdir / "models")
        start = perf_counter()
        values = measured(
            job.problem,
            utility,
            job.numbers[number],
            replicates=job.params.replicates,
            seed=spec.seed,
        )
        chunk = Chunk(values, utility.trained, utility.unsolved, perf_counter() - start)
        store.save(number, chunk)
    return chunk.seconds


def enough(spec: Spec, workdir: Path) -> bool:
    """Whether every curve is there."""
    job = _job(spec)
    store = of_run(spec, job.digest, workdir)
    return all(store.load(number) is not None for number in range(len(job.numbers)))


def finish(spec: Spec, workdir: Path) -> Result:
    """The result of the curves that are there. Raises InputError when there is none."""
    job = _job(spec)
    store = of_run(spec, job.digest, workdir)
    chunks = {number: store.load(number) for number in range(len(job.numbers))}
    done = {number: chunk for number, chunk in chunks.items() if chunk is not None}
    if not done:
        raise InputError("no chunk of this run has been computed")
    found = ranked(
        _curve(job, spec.seed, job.numbers[number], done[number].values)
        if number in done
        else unreached(job.problem, job.numbers[number], further=job.params.further)
        for number in chunks
    )
    points = _points(found)
    name = "points.parquet"
    tables.write_parquet(points, workdir / name)
    figures = {
        "metric": job.problem.metric,
        "recipe": job.problem.recipe.name,
        "rows": len(job.problem.label),
        "test_rows": len(job.problem.test_label),
        "curves": [_figure(one) for one in found],
        "models": sum(chunk.trained for chunk in done.values()),
        "models_not_converged": sum(chunk.unsolved for chunk in done.values()),
        "stopped": "complete" if len(done) == len(chunks) else "budget",
        "says": [job.problem.recipe.says, *SAYS],
        "digest": job.problem.digest,
    }
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=job.digest,
        figures={"curve": figures},
        files={name: {"sha256": tables.sha256_of(workdir / name), "rows": points.num_rows}},
    )


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """All chunks and the result; see `runner.run` for resuming and errors."""
    most = plan(spec, workdir)
    for number in range(most):
        compute(spec, workdir, number)
        report(number + 1, most, f"curve {number + 1} of {most}")
    return finish(spec, workdir)


def _job(spec: Spec) -> _Job:
    digest = tables.sha256_of(Path(spec.input))
    return _read(spec.input, digest, canonical(dict(spec.params)), spec.seed)


@lru_cache(maxsize=1)
def _read(path: str, digest: str, params: str, seed: int) -> _Job:
    """Kept, as in `job`: a worker mostly takes one chunk after the other of the same run."""
    known = Params.of(json.loads(params))
    _, problem = known.read(Path(path), seed, check=_check_size)
    return _Job(problem=problem, params=known, digest=digest)


def _check_size(sets: Sets) -> None:
    there = len(sets.train.label)
    if there < LEAST:
        raise InputError(
            f"a learning curve needs at least {LEAST} answers to train on; there are {there}"
        )


def _curve(job: _Job, seed: int, number: int, values: np.ndarray) -> Curve:
    return fitted(
        job.problem,
        number,
        values,
        further=job.params.further,
        least_gain=job.params.least_gain,
        replicates=job.params.replicates,
        seed=seed,
    )


def _figure(one: Curve) -> dict[str, Any]:
    """Without prices: what an answer costs is the caller's to say, and may change."""
    left_out = ("cents_per_point", "cents_low", "cents_high")
    found = {name: value for name, value in asdict(one).items() if name not in left_out}
    return found | {"points": [asdict(point) for point in one.points]}


def _points(found: tuple[Curve, ...]) -> pa.Table:
    rows = [{"group": one.group, **asdict(point)} for one in found for point in one.points]
    types = {
        "group": pa.string(),
        "rows": pa.int64(),
        "value": pa.float64(),
        "low": pa.float64(),
        "high": pa.float64(),
    }
    return pa.table(
        {name: pa.array([row[name] for row in rows], kind) for name, kind in types.items()}
    )
