"""A whole run: pictures, training, and one look at the test pictures."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from gpu_jobs.contracts import InputError
from gpu_jobs.ocr import images, ink, results, training
from gpu_jobs.ocr.recipe import Epoch, Recipe

VALIDATION = 1_000
SHIFTS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""Of the second reading: pixels of the picture as the backbone sees it, down and right."""
MOST_STRINGS = 100_000


@dataclass(frozen=True)
class Run:
    """result: what is told. trained: the model behind it."""

    result: results.OcrResult
    trained: training.Trained


def device_of(name: str) -> str:
    """The device meant by auto, cpu or cuda. Raises InputError where it is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device here; --device cpu works, slower")
    if name not in ("cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda, not {name!r}")
    return name


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
    if min(samples, test, validation) < 1:
        raise InputError("samples, validation and test must be at least 1")
    if recipe.epochs < 1:
        raise InputError("there must be at least one epoch")
    if whole_strings and len(task.alphabet) ** task.characters > MOST_STRINGS:
        raise InputError(f"one head reads at most {MOST_STRINGS:,} different strings")
    where = device_of(device)
    if where == "cuda":
        # One device computes both shards anyway, and faster as one.
        recipe = replace(recipe, shards=1)
    # Threads meet once a step, not in every product.
    torch.set_num_threads(1)
    learned = images.make(task, samples, seed=seed, part="train")
    checked = images.make(task, validation, seed=seed, part="validation")
    coded = Coded(task, whole_strings)
    trained = training.train(
        ink.of_pixels(learned.pixels),
        coded.labels(learned.codes),
        (ink.of_pixels(checked.pixels), coded.labels(checked.codes)),
        letters=coded.letters,
        recipe=recipe,
        seed=seed,
        workdir=workdir,
        resume=resume,
        device=where,
        report=report,
        stop=stop,
    )
    fresh = images.make(task, test, seed=seed, part="test")
    paper = ink.of_pixels(fresh.pixels)
    start = perf_counter()
    read = coded.characters(reading(trained, paper))
    took = perf_counter() - start
    again = coded.characters(reading(trained, paper, shifts=SHIFTS)) if shifted else None
    epochs = trained.epochs
    result = results.OcrResult(
        task=task,
        samples=samples,
        validation=validation,
        seed=seed,
        recipe=recipe,
        whole_strings=whole_strings,
        device=where,
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


def reading(
    trained: training.Trained,
    paper: ink.Ink,
    *,
    shifts: tuple[tuple[int, int], ...] = ((0, 0),),
    threads: int = 2,
) -> np.ndarray:
    """Labels int64 (n, positions) of the likeliest letters."""
    with ThreadPoolExecutor(threads) as pool:
        return training.scores(trained.model, paper, trained.size, pool=pool, shifts=shifts).argmax(
            axis=2
        )


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
