"""What a reader got right, with 95% intervals by Wilson (`gpu_jobs.shares`)."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from gpu_jobs.ocr.images import Task
from gpu_jobs.ocr.recipe import Epoch, Recipe
from gpu_jobs.shares import wilson

SHOWN = 50


@dataclass(frozen=True)
class Share:
    """right of n, with the ends of its interval."""

    right: int
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """character: of all characters, each counted alone. sequence: of whole texts. by_position:
    shares of characters right, first position first.
    """

    character: Share
    sequence: Share
    by_position: tuple[float, ...]


@dataclass(frozen=True)
class Mistake:
    """index: of the picture in its part."""

    index: int
    text: str
    read: str


@dataclass(frozen=True)
class Confusion:
    letter: str
    read: str
    count: int


@dataclass(frozen=True)
class OcrResult:
    """test: on pictures that were made once and looked at once. shifted: the same with chances
    averaged over each picture and two moved copies, where asked for. mistakes: at most 50.
    train_rate, read_rate: pictures a second of wall clock, read_rate on the test; cpu_rate:
    trained pictures a second of processor time, epochs' own tests included. stopped: "complete",
    or the epoch after which the caller stopped.
    """

    task: Task
    samples: int
    validation: int
    seed: int
    recipe: Recipe
    whole_strings: bool
    device: str
    epochs: tuple[Epoch, ...]
    stopped: str
    test: Score
    shifted: Score | None
    mistakes: tuple[Mistake, ...]
    confusions: tuple[Confusion, ...]
    train_rate: float
    cpu_rate: float
    read_rate: float


def share(right: int, n: int) -> Share:
    low, high = wilson(np.array([float(right)]), np.array([float(n)]))
    return Share(right, n, right / n, float(low[0]), float(high[0]))


def score(read: np.ndarray, codes: np.ndarray) -> Score:
    """Both int64 (n, positions), n at least 1."""
    right = read == codes
    return Score(
        character=share(int(right.sum()), right.size),
        sequence=share(int(right.all(axis=1).sum()), len(right)),
        by_position=tuple(float(each) for each in right.mean(axis=0)),
    )


def mistakes(task: Task, read: np.ndarray, codes: np.ndarray) -> tuple[Mistake, ...]:
    wrong = np.flatnonzero((read != codes).any(axis=1))[:SHOWN]
    return tuple(
        Mistake(int(index), task.text(codes[index]), task.text(read[index])) for index in wrong
    )


def confusions(task: Task, read: np.ndarray, codes: np.ndarray) -> tuple[Confusion, ...]:
    """Letters read as others, the most frequent first; at most 50."""
    wrong = read != codes
    pairs = Counter(zip(codes[wrong].tolist(), read[wrong].tolist(), strict=True))
    ordered = sorted(pairs.items(), key=lambda each: (-each[1], each[0]))[:SHOWN]
    return tuple(
        Confusion(task.alphabet[letter], task.alphabet[other], count)
        for (letter, other), count in ordered
    )
