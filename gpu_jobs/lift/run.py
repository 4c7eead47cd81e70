"""A lift run: chunks until they are enough, until there are no more, or until the budget ends.

Each finished chunk is a file of the workdir, written whole or not at all. What a run says
follows from chunks 0, 1, … without a gap and from nothing else, so a killed run that is taken up
again, and a run whose chunks several workers computed, give the same values as an undisturbed
one. Only where the budget ends it does the machine's speed decide how many chunks there are.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np

from gpu_jobs.contracts import InputError, Report, canonical
from gpu_jobs.lift.chunks import Chunk, Chunks
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.methods import METHODS, Settings, chosen
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.results import LEVEL, Estimate, LiftResult, lifts

ENOUGH = 0.5
"""Sampling has converged when no group's sampling error is above this share of the median
group's error from the test set: four times the work would then narrow intervals by a tenth."""


def identity(problem: Problem, settings: Settings) -> str:
    """Hex digest of what the chunks depend on; workers compare it before they share a folder."""
    told = canonical({"problem": problem.digest} | asdict(settings))
    return hashlib.sha256(told.encode()).hexdigest()


def compute_chunk(
    problem: Problem, settings: Settings, number: int, *, utility: Utility | None = None
) -> Chunk:
    """Chunk `number`: a pure function of its arguments but for `seconds`.

    utility: of the same problem, where the caller has one that already holds everybody's head.
    """
    utility = utility or Utility(problem)
    start, trained, unsolved = perf_counter(), utility.trained, utility.unsolved
    values = METHODS[chosen(problem, settings)].compute(utility, settings, number)
    return Chunk(
        values, utility.trained - trained, utility.unsolved - unsolved, perf_counter() - start
    )


def measure(
    problem: Problem,
    settings: Settings,
    *,
    workdir: Path | None = None,
    budget: float | None = None,
    report: Report = lambda _done, _total, _message: None,
    threads: int = 1,
    level: float = LEVEL,
    clock: Callable[[], float] = perf_counter,
) -> LiftResult:
    """The whole run. budget: seconds; the chunk in work when it ends is finished, and at least
    one chunk is made. level: of the intervals.

    Raises InputError for a workdir of another run, and what `report` raises.
    """
    name = chosen(problem, settings)
    if budget is not None and not budget > 0:
        raise InputError("the budget must be above 0 seconds")
    store = Chunks(workdir, canonical({"kind": "lift", "digest": identity(problem, settings)}))
    utility = Utility(problem, threads=threads)
    total, start = METHODS[name].chunks(problem, settings), clock()
    done: list[Chunk] = []
    while True:
        why = ended(problem, settings, done)
        if why is None and done and budget is not None and clock() - start >= budget:
            why = "budget"
        if why is not None:
            break
        number = len(done)
        chunk = store.load(number)
        if chunk is None:
            chunk = compute_chunk(problem, settings, number, utility=utility)
            store.save(number, chunk)
        done.append(chunk)
        report(len(done), total, f"{name}: chunk {len(done)} of at most {total}")
    return conclude(problem, settings, done, why, level=level, utility=utility)


def ended(problem: Problem, settings: Settings, done: Sequence[Chunk]) -> str | None:
    """Why no more chunks are needed: "complete", "converged"; None while they are."""
    method = METHODS[chosen(problem, settings)]
    if len(done) >= method.chunks(problem, settings):
        return "complete"
    if method.sampled and len(done) >= method.least(settings):
        estimate = method.combine(problem, [each.values for each in done])
        if _enough(estimate):
            return "converged"
    return None


def _enough(estimate: Estimate) -> bool:
    if estimate.drawn is None:
        return False
    return bool(estimate.drawn.max() <= ENOUGH**2 * float(np.median(estimate.tested)))


def conclude(
    problem: Problem,
    settings: Settings,
    done: Sequence[Chunk],
    why: str,
    *,
    level: float = LEVEL,
    utility: Utility | None = None,
) -> LiftResult:
    """What chunks 0, 1, … say, of which there is at least one. why: the run ended."""
    name = chosen(problem, settings)
    method = METHODS[name]
    utility = utility or Utility(problem)
    arrays = [each.values for each in done]
    estimate = method.combine(problem, arrays)
    seconds = sum(each.seconds for each in done)
    controls = method.controls
    size = len(problem.groups)
    resamples = len(problem.resamples) - 1
    ends = utility.of_groups(np.array([[False] * size, [True] * size]))
    convergence = {
        "stopped": why,
        "chunks": len(done),
        "chunks_at_most": method.chunks(problem, settings),
        "models": sum(each.trained for each in done),
        "models_not_converged": sum(each.unsolved for each in done),
        "sampling_error": _largest(estimate.drawn),
        "test_error": _largest(estimate.tested),
        "halves_agree": _halves(arrays) if method.sampled or controls else None,
        "advice": _advice(estimate, why, sampled=method.sampled or bool(controls)),
    }
    return LiftResult(
        method=name,
        metric={"knn": "nearest-neighbour vote", "influence": "log-loss"}.get(name, problem.metric),
        recipe=problem.recipe.name,
        groups=lifts(
            problem.groups,
            problem.sizes,
            _part(estimate, slice(0, size)),
            resamples=resamples,
            seconds=seconds,
            level=level,
        ),
        everybody=float(ends[1, 0]),
        nobody=float(ends[0, 0]),
        controls=lifts(
            controls,
            np.zeros(len(controls), dtype=np.int64),
            _part(estimate, slice(size, None)),
            resamples=resamples,
            seconds=0.0,
            level=level,
        ),
        convergence=convergence,
        assumptions=(*method.says, *_also(problem, level)),
        digest=identity(problem, settings),
        seconds=seconds,
    )


def _part(estimate: Estimate, which: slice) -> Estimate:
    drawn = None if estimate.drawn is None else estimate.drawn[which]
    handed = np.broadcast_to(estimate.handed, estimate.value.shape)[which]
    return Estimate(
        estimate.value[which], drawn, estimate.tested[which], estimate.replicates, handed
    )


def _largest(variance: np.ndarray | None) -> float | None:
    if variance is None or not np.isfinite(variance).any():
        return None
    return float(np.sqrt(np.nanmax(variance)))


def _halves(arrays: list[np.ndarray]) -> float | None:
    """Spearman between the values of even and of odd chunks; None where it is not defined."""
    if len(arrays) < 2:
        return None
    two = [np.mean([each[:, 0] for each in arrays[at::2]], axis=0) for at in (0, 1)]
    if len(two[0]) < 3 or min(np.ptp(half) for half in two) == 0:
        return None
    return float(np.corrcoef(_ranks(two[0]), _ranks(two[1]))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, the mean of them for equal values."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def _advice(estimate: Estimate, why: str, *, sampled: bool) -> str:
    if not np.isfinite(estimate.value).all():
        return "The budget ended before every group had a value; give it more seconds."
    if why == "converged":
        return "More permutations would hardly narrow the intervals; a larger test set would."
    if not sampled:
        return "Nothing was sampled but the test rows; a larger test set narrows the intervals."
    if estimate.drawn is None:
        return "One replicate gives no interval; make at least two."
    if _enough(estimate):
        return "More seeds would hardly narrow the intervals; a larger test set would."
    return "More seeds or a larger budget would narrow the intervals."


def _also(problem: Problem, level: float) -> tuple[str, ...]:
    kept = problem.axes.kept
    found = [problem.recipe.says]
    if kept < 1:
        found.append(
            f"Features were reduced to {len(problem.axes.variance)} dimensions, which hold"
            f" {kept:.0%} of their squares."
        )
    found.append(
        f"Intervals are {100 * level:g}%, over {len(problem.resamples) - 1} bootstrap draws of the"
        f" {len(problem.test_label):,} test rows (the same for every model) and over what the"
        " method draws. They are made for each group alone, not for all groups at once."
    )
    return tuple(found)
