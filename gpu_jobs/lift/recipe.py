"""What a recipe is: how rows become features of a linear head."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu_jobs.lift.features import DIMS, Matrix

type Encode = Callable[[Sequence[object], Sequence[object]], tuple[Matrix, Matrix]]


@dataclass(frozen=True)
class Recipe:
    """encode: distinct training inputs and test inputs to features, (u, d) and (t, d); it may
    learn from the training inputs only. inputs: columns of a run's table that make an input: the
    values of one, or tuples of those of several. l2: penalty of the head, 1 / C of scikit-learn.
    balanced: every class weighs the same in each coalition's loss, n / (classes · n_class) a row,
    so that the mix of answers which somebody happened to be given is no lift. dims: the most
    dimensions that the head sees, or None for all. says: what a reader of the result must know.
    keys: texts that are equal for equal inputs, where the inputs themselves do not say so (paths
    of pictures). mark: what decides the features besides inputs and recipe, such as the digest of
    an encoder's weights. intercept: False for comparisons, which have no side. skips: answers
    that teach this recipe nothing, such as ties. encoder: what its encoder or model is called, if
    it has one. fit: where there is no linear head: trains one model for a coalition and gives
    chances float32 (C, t) of the test inputs; epochs: of that training. writes: an answer is a text
    that the model writes, not one of some classes; `fit` then gives float32 (2, t), see
    `metrics.token_loss`. expand: where an answer is of many parts: rows and their keys to rows of
    parts, the place of each among the rows, and keys that sort the parts of a row behind each
    other.
    """

    name: str
    encode: Encode
    says: str
    inputs: tuple[str, ...] = ("features",)
    l2: float = 1.0
    balanced: bool = False
    dims: int | None = DIMS
    keys: Callable[[Sequence[object] | np.ndarray], list[str]] | None = None
    mark: Callable[[], str] | None = None
    intercept: bool = True
    skips: frozenset[str] = frozenset()
    encoder: str | None = None
    fit: "Fit | None" = None
    epochs: int = 0
    writes: bool = False
    expand: Callable[[Any, list[str]], tuple[Any, list[int], list[str]]] | None = None


@dataclass(frozen=True)
class Task:
    """One training: inputs (n), label int64 (n,), test inputs (t), what the classes are called,
    the passes over the rows, and a seed that follows from the coalition. truth: int64 (t,), right
    answers, by which a recipe that writes is scored; nothing may be learned from them.
    """

    inputs: Sequence[object]
    label: np.ndarray
    test: Sequence[object]
    names: tuple[str, ...]
    epochs: int
    seed: int
    truth: np.ndarray

    @property
    def classes(self) -> int:
        return len(self.names)


type Fit = Callable[[Task], np.ndarray]
