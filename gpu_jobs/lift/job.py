"""Kind `lift`: what each group's rows are worth to a model, for one worker or for many.

Input: Parquet with split ("train" or "test"), row_id (unique), item_id, group (null in test),
answer (the label), and the columns that the recipe takes (`Recipe.inputs`): text, text_b,
features (a list of numbers, equally long in all rows), image (a path, below the folder `pictures`
if that is given). Parameters (`Params`) have the
defaults shown. Training rows without an answer teach nothing and are left out; a test item that
also stands in training is an InputError that names it.

Figures: one key, lift. Files: groups.parquet (group, value, se, low, high, chance, n,
significant), examples.parquet (group, row_id, item_id, effect, size, split, low, high: see
`explained`; split says whose row it is, the group's own or the test set's). What was paid in
seconds differs from machine to machine and stands in cost.json in the workdir, not in the result.

Many workers: `plan` says how many chunks there can be, each `compute` makes one, in any order and
on any machine that sees the workdir; `enough` says when no more are needed, `finish` makes the
result of chunks 0, 1, … as far as there is no gap. `run` does it all in one process. Either way
gives the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from gpu_jobs import tables
from gpu_jobs.contracts import InputError, Report, Result, Spec, canonical
from gpu_jobs.lift.chunks import Chunk, Chunks, of_run
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.explained import explained
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.question import Question
from gpu_jobs.lift.results import LEVEL, GroupLift, LiftResult
from gpu_jobs.lift.run import compute_chunk, conclude, ended, planned
from gpu_jobs.lift.table import TEST, TRAIN, Sets


@dataclass(frozen=True, kw_only=True)
class Params(Question):
    """method, seeds, rounds, base, take, rows, chance: see `methods.Settings`. budget: seconds of
    computing, over all workers, after which no chunk is begun; null for none. confidence: of the
    intervals.
    """

    method: str = Settings.method
    seeds: int = Settings.seeds
    rounds: int = Settings.rounds
    base: int = Settings.base
    take: int = Settings.take
    rows: str = Settings.rows
    chance: int = Settings.chance
    budget: float | None = None
    confidence: float = LEVEL

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that is unknown or out of range."""
        params = cls.checked("lift", values)
        if params.budget is not None and not 0 < params.budget < float("inf"):
            raise InputError("budget must be above 0 seconds")
        if not 0.5 <= params.confidence < 1:
            raise InputError("confidence must be from 0.5 to below 1")
        params.settings(0)
        return params

    def settings(self, seed: int) -> Settings:
        names = {field.name for field in fields(Settings)} & {field.name for field in fields(self)}
        return Settings(seed=seed, **{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class _Job:
    """A run's question, ready to be answered."""

    sets: Sets
    problem: Problem
    settings: Settings
    params: Params
    utility: Utility
    digest: str


def plan(spec: Spec, workdir: Path) -> int:
    """How many chunks there are at most; the workdir is this run's from now on.

    Raises InputError for whatever is wrong with parameters or input.
    """
    job = _job(spec, workdir)
    of_run(spec, job.digest, workdir)
    return planned(job.problem, job.settings)


def compute(spec: Spec, workdir: Path, number: int) -> float:
    """Make chunk `number`, from 0, unless it is there; seconds that it took."""
    job = _job(spec, workdir)
    store = of_run(spec, job.digest, workdir)
    most = planned(job.problem, job.settings)
    if not 0 <= number < most:
        raise InputError(f"this run has chunks 0 to {most - 1}, not {number}")
    chunk = store.load(number)
    if chunk is None:
        chunk = compute_chunk(job.problem, job.settings, number, utility=job.utility)
        store.save(number, chunk)
    return chunk.seconds


def enough(spec: Spec, workdir: Path) -> bool:
    """Whether `finish` has no use for more chunks than are there."""
    job = _job(spec, workdir)
    return _done(job, of_run(spec, job.digest, workdir))[1] is not None


def finish(spec: Spec, workdir: Path) -> Result:
    """The result of the chunks that are there. With fewer than were wanted it says that a budget
    stopped it, and has wider intervals. Raises InputError when there is none.
    """
    job = _job(spec, workdir)
    done, why = _done(job, of_run(spec, job.digest, workdir))
    if not done:
        raise InputError("no chunk of this run has been computed")
    found = conclude(
        job.problem,
        job.settings,
        done,
        why or "budget",
        level=job.params.confidence,
        utility=job.utility,
    )
    files = {"groups.parquet": _groups(found), "examples.parquet": _examples(job, len(done))}
    for name, table in files.items():
        tables.write_parquet(table, workdir / name)
    tables.write_text(canonical(_cost(found, done)), workdir / "cost.json")
    return Result(
        kind=spec.kind,
        version=spec.version,
        input_sha256=job.digest,
        figures={"lift": _figures(found)},
        files={
            name: {"sha256": tables.sha256_of(workdir / name), "rows": table.num_rows}
            for name, table in files.items()
        },
    )


def run(spec: Spec, *, workdir: Path, report: Report) -> Result:
    """All chunks and the result; see `runner.run` for resuming and errors."""
    job = _job(spec, workdir)
    most = plan(spec, workdir)
    store = of_run(spec, job.digest, workdir)
    done: list[Chunk] = []
    while _why(job, done) is None:
        compute(spec, workdir, len(done))
        chunk = store.load(len(done))
        assert chunk is not None  # noqa: S101 - computed the line before
        done.append(chunk)
        report(len(done), most, f"chunk {len(done)} of at most {most}")
    return finish(spec, workdir)


def _job(spec: Spec, workdir: Path) -> _Job:
    digest = tables.sha256_of(Path(spec.input))
    job = _read(spec.input, digest, canonical(dict(spec.params)), spec.seed)
    job.utility.folder = workdir / "models"
    return job


@lru_cache(maxsize=1)
def _read(path: str, digest: str, params: str, seed: int) -> _Job:
    """Encoding is dear, and a worker mostly takes one chunk after the other of the same run."""
    known = Params.of(json.loads(params))
    sets, problem = known.read(Path(path), seed)
    return _Job(
        sets=sets,
        problem=problem,
        settings=known.settings(seed),
        params=known,
        utility=Utility(problem),
        digest=digest,
    )


def _why(job: _Job, done: list[Chunk]) -> str | None:
    why = ended(job.problem, job.settings, done)
    spent = sum(each.seconds for each in done)
    if why is None and done and job.params.budget is not None and spent >= job.params.budget:
        return "budget"
    return why


def _done(job: _Job, store: Chunks) -> tuple[list[Chunk], str | None]:
    """Chunks 0, 1, … as far as they count, and why no more are needed, if that is so."""
    done: list[Chunk] = []
    while (why := _why(job, done)) is None:
        chunk = store.load(len(done))
        if chunk is None:
            break
        done.append(chunk)
    return done, why


def _figures(found: LiftResult) -> dict[str, Any]:
    return {
        "method": found.method,
        "metric": found.metric,
        "recipe": found.recipe,
        "groups": [_figure(one) for one in found.groups],
        "controls": [_figure(one) for one in found.controls],
        "everybody": found.everybody,
        "nobody": found.nobody,
        "stopped": found.convergence["stopped"],
        "convergence": dict(found.convergence),
        "assumptions": list(found.assumptions),
        "warnings": list(found.warnings),
        "digest": found.digest,
    }


def _figure(one: GroupLift) -> dict[str, Any]:
    return {
        "group": one.name,
        "value": one.value,
        "se": one.standard_error,
        "low": one.low,
        "high": one.high,
        "chance": one.chance,
        "n": one.rows,
        "significant": one.significant,
    }


def _groups(found: LiftResult) -> pa.Table:
    types = {
        "group": pa.string(),
        "value": pa.float64(),
        "se": pa.float64(),
        "low": pa.float64(),
        "high": pa.float64(),
        "chance": pa.float64(),
        "n": pa.int64(),
        "significant": pa.string(),
    }
    lines = [_figure(one) for one in found.groups]
    return pa.table(
        {name: pa.array([line[name] for line in lines], kind) for name, kind in types.items()}
    )


def _examples(job: _Job, chunks: int) -> pa.Table:
    found = explained(
        job.problem, job.settings, chunks, utility=job.utility, level=job.params.confidence
    )
    sets = job.sets
    names = {TRAIN: (sets.row_id, sets.train.item), TEST: (sets.test_row_id, sets.test.item)}
    split = [TEST if one.is_test else TRAIN for one in found]
    ids = [[names[of][at][one.row] for of, one in zip(split, found, strict=True)] for at in (0, 1)]
    return pa.table(
        {
            "group": pa.array([one.group for one in found], pa.string()),
            "row_id": pa.array(ids[0], pa.string()),
            "item_id": pa.array(ids[1], pa.string()),
            "effect": pa.array([one.effect for one in found], pa.string()),
            "size": pa.array([one.size for one in found], pa.float64()),
            "split": pa.array(split, pa.string()),
            "low": pa.array([one.low for one in found], pa.float64()),
            "high": pa.array([one.high for one in found], pa.float64()),
        }
    )


def _cost(found: LiftResult, done: list[Chunk]) -> dict[str, Any]:
    return {
        "seconds": found.seconds,
        "chunks": [each.seconds for each in done],
        "groups": {one.name: one.seconds for one in found.groups},
    }
