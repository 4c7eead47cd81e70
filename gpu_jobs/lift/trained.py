"""Recipes without a linear head: one training for each coalition, kept as soon as it is done.

A model's chances on the test set are a file named by what they follow from, so a run that is
killed loses at most the training in its hands, and coalitions that occur again (everybody,
nobody) are trained once. The seed of a training follows from its rows: the same coalition gives
the same model, and other rows another start, so that what a start decides is part of the spread
between replicates.
"""

import hashlib
import io
import os
from pathlib import Path

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.problem import Problem
from gpu_jobs.lift.recipe import Task


def rows_of(problem: Problem, members: np.ndarray) -> np.ndarray:
    """int64: the training rows of a coalition bool (G,).

    Raises InputError for weights that are not 0 or 1: a training has whole rows.
    """
    whole = np.asarray(members, dtype=np.float64)
    if not np.isin(whole, (0.0, 1.0)).all():
        raise InputError(f"the recipe {problem.recipe.name} takes rows as given, not drawn")
    return np.flatnonzero(whole[problem.group] > 0)


def chances_of(
    problem: Problem, rows: np.ndarray, label: np.ndarray, *, folder: Path | None
) -> np.ndarray:
    """What `fit` gives for these rows with these labels, trained or read: chances float32 (C, t),
    or of a recipe that writes float32 (2, t).
    """
    order = np.lexsort((label, problem.feature[rows]))
    rows, label = rows[order], label[order]
    told = problem.digest.encode() + problem.feature[rows].tobytes() + label.tobytes()
    digest = hashlib.sha256(told)
    path = None if folder is None else folder / f"{digest.hexdigest()}.npy"
    if path is not None and path.exists():
        return np.load(path)
    fit = problem.recipe.fit
    assert fit is not None  # noqa: S101 - the caller asked
    train, test = problem.inputs
    found = fit(
        Task(
            inputs=[train[i] for i in problem.feature[rows].tolist()],
            label=label,
            test=test,
            names=problem.classes,
            epochs=problem.recipe.epochs,
            seed=int.from_bytes(digest.digest()[:4], "big"),
            truth=problem.test_label,
        )
    ).astype(np.float32)
    if not np.isfinite(found).all():
        raise InputError(f"a training of {problem.recipe.name} diverged; lower its rate or epochs")
    if path is not None:
        _write(found, path)
    return found


def guess(label: np.ndarray, classes: int, rows: int) -> np.ndarray:
    """float32 (C, t): shares of the classes, each with one row more than it has (Laplace), where
    there is nothing to be told apart.
    """
    count = np.bincount(label, minlength=classes) + (1.0 if len(label) else 0.0)
    share = count / count.sum() if count.sum() else np.full(classes, 1 / classes)
    return np.repeat(share[:, None], rows, axis=1).astype(np.float32)


def _write(found: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.save(content, found)
    waiting = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    with waiting.open("wb") as stream:
        stream.write(content.getvalue())
        stream.flush()
        os.fsync(stream.fileno())
    waiting.replace(path)
