"""What a run of kind `lift` and one of kind `curve` both ask: a file, a recipe, a metric."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gpu_jobs.contracts import InputError
from gpu_jobs.lift.problem import RESAMPLES, Problem, build
from gpu_jobs.lift.recipes import adapted, recipe_of
from gpu_jobs.lift.table import Sets, check_params, read_sets


@dataclass(frozen=True, kw_only=True)
class Question:
    """recipe, metric: keys of their registries. positive: class, for the metric f1. l2, balanced,
    dims: in place of the recipe's. encoder: name or folder of another than the recipe's;
    random_weights: of pictures, those that nobody trained. epochs: of a recipe that trains a
    network. min_rows: smaller groups become one, "others". pictures: the folder that they lie in.
    """

    recipe: str = "text-linear"
    metric: str = "accuracy"
    positive: str | None = None
    l2: float | None = None
    balanced: bool | None = None
    dims: int | None = None
    encoder: str | None = None
    random_weights: bool = False
    epochs: int | None = None
    min_rows: int = 1
    resamples: int = RESAMPLES
    pictures: str | None = None

    @classmethod
    def checked(cls, kind: str, values: Mapping[str, Any]) -> Self:
        """Raises InputError for a parameter that `kind` does not know, or that is out of range."""
        check_params(kind, cls, values)
        params = cls(**values)
        if params.min_rows < 1:
            raise InputError("min_rows must be at least 1")
        return params

    def read(
        self, path: Path, seed: int, *, check: Callable[[Sets], None] = lambda _sets: None
    ) -> tuple[Sets, Problem]:
        """The rows of the file and their problem. check: of the rows, before they are encoded."""
        recipe = adapted(
            recipe_of(self.recipe),
            l2=self.l2,
            balanced=self.balanced,
            dims=self.dims,
            encoder=self.encoder,
            random_weights=self.random_weights,
            epochs=self.epochs,
        )
        sets = read_sets(path, recipe, min_rows=self.min_rows, pictures=self.pictures)
        check(sets)
        problem = build(
            sets.train,
            sets.test,
            recipe=recipe,
            metric=self.metric,
            positive=self.positive,
            resamples=self.resamples,
            seed=seed,
        )
        return sets, problem
