"""A whole run: pictures, training, and one look at the test pictures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from gpu_jobs import device as device_module
from gpu_jobs.contracts import InputError
from gpu_jobs.ocr import images, ink, results, training
from gpu_jobs.ocr.recipe import Epoch, Recipe

VALIDATION = 1_000
SHIFTS = ((0, -1), (0, 1))
"""Of the second reading, beside the picture as it is: pixels down and right."""
MOST_STRINGS = 100_000


@dataclass(frozen=True)
class Run:
    """result: what is told. trained: the model behind it."""

    result: results.OcrResult
    trained: training.Trained


def device_of(name: str) -> device_module.Device:
    """That of the process for "auto", else the one that is named.

    Raises InputError where it is not there.
    """
    if name == "auto":
        return device_module.pick()
    if name == "cpu":
        return replace(device_module.pick(), name="cpu")
    if name == "cuda" and torch.cuda.is_available():
        return device_module.Device(name=name, half=bool(torch.cuda.is_bf16_supported()))
    if name == "cuda":
        raise InputError("there is no CUDA device here; --device cpu works, slower")
    raise InputError(f"device must be auto, cpu or cuda, not {name!r}")


def run(
    task: images.Task,
    *,
    samples: int,
    recipe: Recipe,
    seed: int = 0,
    test: int = 10_000,
    validation: int = VALIDATION,
    whole_strings: bool = False,
    shifted: bool = False,
    workdir: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    report: Callable[[Epoch], None] = lambda _epoch: None,
    stop: Callable[[Epoch], bool] = lambda _epoch: False,
) -> Run:
    """whole_strings: one head over all texts that there can be, in place of one a position.

    Raises InputError for counts below 1, an unknown backbone or device, too many strings for
    one head, or a workdir that holds another run.
    """
    if test < 1:
        raise InputError("samples, validation and test must be at least 1")
    trained = fit(
        task,
        samples=samples,
        recipe=recipe,
        seed=seed,
        validation=validation,
        whole_strings=whole_strings,
        workdir=workdir,
        resume=resume,
        device=device,
        report=report,
        stop=stop,
    )
    coded = Coded(task, whole_strings)
    fresh = images.make(task, test, seed=seed, part="test")
    paper = ink.of_pixels(fresh.pixels)
    start = perf_counter()
    still = chances(trained, paper)
    took = perf_counter() - start
    read = coded.characters(still.argmax(axis=2))
    again = None
    if shifted:
        both = still + len(SHIFTS) * chances(trained, paper, shifts=SHIFTS)
        again = coded.characters(both.argmax(axis=2))
    epochs = trained.epochs
    result = results.OcrResult(
        task=task,
        samples=samples,
        validation=validation,
        seed=seed,
        recipe=recipe,
        whole_strings=whole_strings,
        device=device_of(device).name,
        epochs=epochs,
        stopped="complete" if len(epochs) == recipe.epochs else f"after epoch {len(epochs)}",
        test=results.score(read, fresh.codes),
        shifted=None if again is None else results.score(again, fresh.codes),
        mistakes=results.mistakes(task, read, fresh.codes),
        confusions=results.confusions(task, read, fresh.codes),
        train_rate=sum(each.images for each in epochs) / sum(each.train_seconds for each in epochs),
        cpu_rate=sum(each.images for each in epochs) / sum(each.cpu_seconds for each in epochs),
        read_rate=test / took,
    )
    return Run(result, trained)


def fit(
    task: images.Task,
    *,
    samples: int,
    recipe: Recipe,
    seed: int = 0,
    validation: int = VALIDATION,
    whole_strings: bool = False,
    workdir: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    report: Callable[[Epoch], None] = lambda _epoch: None,
    stop: Callable[[Epoch], bool] = lambda _epoch: False,
    labels: np.ndarray | None = None,
) -> training.Trained:
    """The training of `run`. labels: int64 (samples, characters), in place of the right ones."""
    if min(samples, validation) < 1:
        raise InputError("samples, validation and test must be at least 1")
    if recipe.epochs < 1 or recipe.tail < 1:
        raise InputError("there must be at least one epoch, and one in the tail")
    if whole_strings and len(task.alphabet) ** task.characters > MOST_STRINGS:
        raise InputError(f"one head reads at most {MOST_STRINGS:,} different strings")
    where = device_of(device)
    recipe = replace(recipe, bf16=recipe.bf16 and where.half)
    if where.name != "cpu":
        # One card computes both shards anyway, and faster as one.
        recipe = replace(recipe, shards=1)
    # Threads meet once a step, not in every product.
    torch.set_num_threads(1)
    learned = images.make(task, samples, seed=seed, part="train")
    checked = images.make(task, validation, seed=seed, part="validation")
    coded = Coded(task, whole_strings)
    return training.train(
        ink.of_pixels(learned.pixels),
        coded.labels(learned.codes if labels is None else labels),
        (ink.of_pixels(checked.pixels), coded.labels(checked.codes)),
        letters=coded.letters,
        recipe=recipe,
        seed=seed,
        workdir=workdir,
        resume=resume,
        device=where.name,
        report=report,
        stop=stop,
    )


def reading(trained: training.Trained, paper: ink.Ink, *, threads: int = 2) -> np.ndarray:
    """Labels int64 (n, positions) of the likeliest letters."""
    return chances(trained, paper, threads=threads).argmax(axis=2)


def chances(
    trained: training.Trained,
    paper: ink.Ink,
    *,
    shifts: tuple[tuple[int, int], ...] = ((0, 0),),
    threads: int = 2,
) -> np.ndarray:
    """Logarithms float32 (n, positions, letters), their mean over moved pictures."""
    with ThreadPoolExecutor(threads) as pool:
        return training.scores(
            trained.model, paper, trained.size, pool=pool, shifts=shifts, bf16=trained.bf16
        )


def features(trained: training.Trained, paper: ink.Ink, *, threads: int = 2) -> np.ndarray:
    """What each position's head reads of each picture, float32 (n, positions, features)."""
    with ThreadPoolExecutor(threads) as pool:
        return training.pooled(trained.model, paper, trained.size, pool=pool, bf16=trained.bf16)


@dataclass(frozen=True)
class Coded:
    """Codes of characters as labels of heads, and back."""

    task: images.Task
    whole_strings: bool

    @property
    def letters(self) -> int:
        """Classes of a head."""
        size = len(self.task.alphabet)
        return size**self.task.characters if self.whole_strings else size

    def labels(self, codes: np.ndarray) -> np.ndarray:
        """int64 (n, characters) to (n, heads)."""
        if not self.whole_strings:
            return codes
        return codes @ self._places()[:, None]

    def characters(self, labels: np.ndarray) -> np.ndarray:
        """int64 (n, heads) to (n, characters)."""
        if not self.whole_strings:
            return labels
        return labels // self._places() % len(self.task.alphabet)

    def _places(self) -> np.ndarray:
        size, count = len(self.task.alphabet), self.task.characters
        return size ** np.arange(count - 1, -1, -1, dtype=np.int64)
