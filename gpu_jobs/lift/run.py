"""A lift run: chunks until they are enough, until there are no more, or until the budget ends.

Each finished chunk is a file of the workdir, written whole or not at all. What a run says
follows from chunks 0, 1, … without a gap and from nothing else, so a killed run that is taken up
again, and a run whose chunks several workers computed, give the same values as an undisturbed
one. Only where the budget ends it does the machine's speed decide how many chunks there are.
"""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np

from gpu_jobs.contracts import InputError, Report, canonical
from gpu_jobs.lift import chance
from gpu_jobs.lift.chunks import Chunk, Chunks
from gpu_jobs.lift.coalitions import Utility
from gpu_jobs.lift.methods import METHODS, Settings, chosen
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.results import LEVEL, Estimate, LiftResult, lifts

ENOUGH = 0.5
"""Sampling has converged when no group's sampling error is above this share of the median
group's error from the test set: four times the work would then narrow intervals by a tenth."""

RARE = 0.2
"""Where all classes but one have less than this of the test rows, accuracy overlooks them."""
FEW = 100
"""Test rows below which their bootstrap understates the error."""


def identity(problem: Problem, settings: Settings) -> str:
    """Hex digest of what the chunks depend on; workers compare it before they share a folder."""
    told = canonical({"problem": problem.digest} | asdict(settings))
    return hashlib.sha256(told.encode()).hexdigest()


def planned(problem: Problem, settings: Settings) -> int:
    """How many chunks there can be: the method's, and after the first of them those of the
    control of chance, so that a budget which ends soon still gives values.
    """
    method = METHODS[chosen(problem, settings)]
    return method.chunks(problem, settings) + _controls(problem, settings)


def own_chunks(problem: Problem, settings: Settings, chunks: int) -> int:
    """How many of chunks 0, 1, … are the method's own, numbered from 0, and not of the control."""
    return min(chunks, 1) + max(chunks - 1 - _controls(problem, settings), 0)


def _controls(problem: Problem, settings: Settings) -> int:
    return settings.chance if METHODS[chosen(problem, settings)].pays else 0


def _values(
    problem: Problem, settings: Settings, done: Sequence[Chunk]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The method's arrays, and those of the control of chance."""
    arrays, control = [each.values for each in done], _controls(problem, settings)
    return arrays[:1] + arrays[1 + control :], arrays[1 : 1 + control]


def compute_chunk(
    problem: Problem, settings: Settings, number: int, *, utility: Utility | None = None
) -> Chunk:
    """Chunk `number`: a pure function of its arguments but for `seconds`.

    utility: of the same problem, where the caller has one that already holds everybody's head.
    """
    start, mine = perf_counter(), (utility or Utility(problem)).fresh()
    if number == 0 and mine.folder is not None and problem.recipe.fit is not None:
        # Every result names both ends: they are trained, and metered, with the first chunk.
        mine.fresh().ends()
    control = _controls(problem, settings)
    if 1 <= number <= control:
        values = chance.compute(
            mine,
            seed=settings.seed,
            number=number - 1,
            base=settings.base,
            take=settings.take,
        )
    else:
        own = max(number - control, 0)
        values = METHODS[chosen(problem, settings)].compute(mine, settings, own)
    return Chunk(values, mine.trained, mine.unsolved, perf_counter() - start)


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
    one chunk is made. threads: chunks at a time, which changes no result. level: of the intervals.

    Raises InputError for a workdir of another run, and what `report` raises.
    """
    name = chosen(problem, settings)
    if budget is not None and not budget > 0:
        raise InputError("the budget must be above 0 seconds")
    store = Chunks(workdir, canonical({"kind": "lift", "digest": identity(problem, settings)}))
    utility = Utility(problem, folder=None if workdir is None else workdir / "models")
    total, start = planned(problem, settings), clock()

    def made(number: int) -> Chunk:
        chunk = store.load(number)
        if chunk is None:
            chunk = compute_chunk(problem, settings, number, utility=utility)
            store.save(number, chunk)
        return chunk

    # Threads share everybody's head, so it is made before them.
    if problem.recipe.fit is None:
        utility.full()
    done: list[Chunk] = []
    begun: dict[int, Future[Chunk]] = {}
    pool = ThreadPoolExecutor(threads)
    try:
        while True:
            why = ended(problem, settings, done)
            if why is None and done and budget is not None and clock() - start >= budget:
                why = "budget"
            if why is not None:
                break
            for number in range(len(done), min(len(done) + threads, total)):
                if number not in begun:
                    begun[number] = pool.submit(made, number)
            done.append(begun.pop(len(done)).result())
            report(len(done), total, f"{name}: chunk {len(done)} of at most {total}")
    finally:
        pool.shutdown(cancel_futures=True)
    return conclude(problem, settings, done, why, level=level, utility=utility)


def ended(problem: Problem, settings: Settings, done: Sequence[Chunk]) -> str | None:
    """Why no more chunks are needed: "complete", "converged"; None while they are."""
    method = METHODS[chosen(problem, settings)]
    if len(done) >= planned(problem, settings):
        return "complete"
    arrays, control = _values(problem, settings, done)
    controlled = len(control) == _controls(problem, settings)
    if method.sampled and controlled and len(arrays) >= method.least(settings):
        estimate = method.combine(problem, arrays)
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
    arrays, control = _values(problem, settings, done)
    estimate = method.combine(problem, arrays)
    seconds = sum(each.seconds for each in done)
    controls = method.controls
    size = len(problem.groups)
    resamples = len(problem.resamples) - 1
    ends = utility.ends()
    convergence = {
        "stopped": why,
        "chunks": len(done),
        "chunks_at_most": planned(problem, settings),
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
            chance=chance.chances(np.stack(control)) if len(control) > 1 else None,
            controlled=_controls(problem, settings) > 0,
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
        assumptions=(*method.says, *_also(problem, level), *_of_chance(problem, settings, level)),
        warnings=warnings(problem),
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


def warnings(problem: Problem) -> tuple[str, ...]:
    """What of the question itself is likely to mislead."""
    size = len(problem.test_label)
    count = np.bincount(problem.test_label, minlength=len(problem.classes))
    most = int(count.argmax())
    found = []
    if problem.metric == "accuracy" and count[most] > (1 - RARE) * size:
        found.append(
            f"{count[most] / size:.0%} of the test rows are {problem.classes[most]!r}: a model that"
            " always says so is right as often, and accuracy hardly tells whether the others are"
            " found. f1 of a rare class, macro-f1, or a loss (brier, log-loss) does."
        )
    if size < FEW:
        found.append(
            f"The test set has {size} rows; below {FEW}, intervals are narrower than they should"
            " be."
        )
    return tuple(found)


def _of_chance(problem: Problem, settings: Settings, level: float) -> tuple[str, ...]:
    count = _controls(problem, settings)
    if not count:
        return ()
    return (
        (
            "A gain is called significant only if the group's answers, shuffled among its rows,"
            f" seldom do as well (p at most {(1 - level) / 2:.4g}, from {count} shuffles, by"
            f" {'the loss of tokens' if problem.recipe.writes else 'the Brier score'})."
        ),
    )
