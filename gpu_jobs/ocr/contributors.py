"""What contributors' labels of pictures are worth: the reader's features, a linear head a position.

The backbone is trained once, on everybody's labels, right or wrong; each position's head is then
trained anew for every coalition of contributors by the lift engine (`gpu_jobs.lift`), on what
that position's pooling reads of each picture. The value of a contributor is the mean over
positions, so with accuracy as the metric it is in characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.methods import Settings
from gpu_jobs.lift.problem import Problem, Rows, build
from gpu_jobs.lift.recipe import Recipe
from gpu_jobs.lift.results import LiftResult
from gpu_jobs.lift.run import measure

DIMS = 64


def _leading(train: Sequence[object], test: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """The leading principal axes of the training rows, with 1 as the mean square of an entry."""
    rows, others = np.asarray(train, dtype=np.float64), np.asarray(test, dtype=np.float64)
    mean = rows.mean(axis=0)
    rows, others = rows - mean, others - mean
    _, vectors = np.linalg.eigh(rows.T @ rows)
    axes = vectors[:, -DIMS:]
    rows, others = rows @ axes, others @ axes
    scale = float(np.sqrt((rows * rows).mean())) or 1.0
    return rows / scale, others / scale


OCR_HEAD = Recipe(
    name="ocr-head",
    encode=_leading,
    says=(
        "The model is a logistic regression for one character position on what the reader's"
        f" backbone, trained once on everybody's labels, sees of the pictures, in {DIMS} axes."
    ),
)


@dataclass(frozen=True)
class Labelled:
    """codes: int64 (n, positions), as handed in. contributor: int64 (n,)."""

    codes: np.ndarray
    contributor: np.ndarray


@dataclass(frozen=True)
class ContributorLift:
    """value: mean over positions, in units of the metric. low, high: means of the positions'
    interval ends, so too wide rather than too narrow, as positions err on the same pictures.
    """

    name: str
    rows: int
    value: float
    low: float
    high: float


def with_wrong_labels(
    codes: np.ndarray, shares: Sequence[float], *, letters: int, seed: int
) -> Labelled:
    """Rows dealt evenly to len(shares) contributors, each of whom names another random text for
    exactly this share of their pictures (rounded to whole ones).
    """
    count = len(shares)
    if len(codes) % count:
        raise InputError(f"{len(codes)} pictures cannot be dealt evenly to {count} contributors")
    rng = np.random.default_rng([seed, 7])
    size = len(codes) // count
    contributor = np.repeat(np.arange(count), size)
    found = codes.copy()
    for code, share in enumerate(shares):
        wrong = code * size + rng.permutation(size)[: round(share * size)]
        # Another text: the right one's number in base `letters` plus a shift that is never whole.
        base = letters ** np.arange(codes.shape[1] - 1, -1, -1, dtype=np.int64)
        most = letters ** codes.shape[1]
        other = (codes[wrong] @ base + rng.integers(1, most, len(wrong))) % most
        found[wrong] = other[:, None] // base % letters
    return Labelled(found, contributor)


def problems(
    train: np.ndarray,
    labelled: Labelled,
    test: np.ndarray,
    codes: np.ndarray,
    *,
    names: Sequence[str],
    metric: str,
    seed: int = 0,
) -> tuple[Problem, ...]:
    """One for each position. train, test: float32 (n, positions, features), (t, positions,
    features). codes: int64 (t, positions), right.
    """
    groups = [names[code] for code in labelled.contributor.tolist()]
    return tuple(
        build(
            Rows(
                inputs=train[:, position],
                label=[str(code) for code in labelled.codes[:, position].tolist()],
                group=groups,
            ),
            Rows(
                inputs=test[:, position],
                label=[str(code) for code in codes[:, position].tolist()],
            ),
            recipe=OCR_HEAD,
            metric=metric,
            seed=seed,
        )
        for position in range(train.shape[1])
    )


def lift(
    asked: Sequence[Problem], settings: Settings, *, threads: int = 1
) -> tuple[ContributorLift, ...]:
    """By falling value, then by name."""
    return joined([measure(problem, settings, threads=threads) for problem in asked])


def joined(results: Sequence[LiftResult]) -> tuple[ContributorLift, ...]:
    """Means of the same contributors over positions."""
    of: dict[str, list[tuple[float, float, float]]] = {}
    rows: dict[str, int] = {}
    for result in results:
        for one in result.groups:
            if one.value is None:
                raise InputError("the lift of a position ended before every contributor was seen")
            low = one.value if one.low is None else one.low
            high = one.value if one.high is None else one.high
            of.setdefault(one.name, []).append((one.value, low, high))
            rows[one.name] = one.rows
    means = {name: np.mean(each, axis=0).tolist() for name, each in of.items()}
    found = [ContributorLift(name, rows[name], *means[name]) for name in of]
    return tuple(sorted(found, key=lambda one: (-one.value, one.name)))
