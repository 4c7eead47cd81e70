"""The aggregators by name, with one way to fit each and what all fits have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gpu_jobs.aggregation.dawid_skene import Prior, dawid_skene
from gpu_jobs.aggregation.em import MAX_ITER, STOPS, TOL
from gpu_jobs.aggregation.glad import glad
from gpu_jobs.aggregation.labels import Labels
from gpu_jobs.aggregation.mace import mace
from gpu_jobs.aggregation.majority import majority, shares_at
from gpu_jobs.aggregation.one_coin import one_coin
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers

STRENGTH = 3.0
ACCURACY = 0.8
"""The prior of "dawid-skene-map": each row of a matrix begins with three answers, of which 80% are
right and the rest is even. "one-coin" with priors takes as many."""


class Fit(Protocol):
    """What every method gives. predictive(item, worker, value) → float64 (m,): probability that
    worker[j] answers item[j] with value[j]. class_at(item, value) → float64 (m,): probability that
    the class of item[j] is value[j].
    """

    @property
    def labels(self) -> Labels: ...
    @property
    def iterations(self) -> int: ...
    @property
    def converged(self) -> bool: ...
    @property
    def log_likelihood(self) -> float: ...
    def predictive(self, item: np.ndarray, worker: np.ndarray, value: np.ndarray) -> np.ndarray: ...
    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Majority:
    """The vote, with the predictions of its model: one accuracy for everybody."""

    labels: Labels
    iterations: int
    converged: bool
    log_likelihood: float
    predictive: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    tally: Tally

    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): the share of value[j] among the answers to item[j]."""
        return shares_at(self.tally, item, value)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """max_iter and tol: None for each method's own. stop: of the EM of `em` only."""

    max_iter: int | None = None
    tol: float | None = None
    stop: str = STOPS[0]
    seed: int = 0

    @property
    def em(self) -> dict[str, int | float]:
        return {
            "max_iter": MAX_ITER if self.max_iter is None else self.max_iter,
            "tol": TOL if self.tol is None else self.tol,
        }

    @property
    def own(self) -> dict[str, int | float]:
        given = {"max_iter": self.max_iter, "tol": self.tol}
        return {name: value for name, value in given.items() if value is not None}


def prior_of(classes: int, machine: np.ndarray | None = None) -> Prior:
    """The default prior on confusion matrices; a machine has none, as people's errors are not
    its errors.
    """
    pseudo = np.full((classes, classes), STRENGTH * (1 - ACCURACY) / max(classes - 1, 1))
    np.fill_diagonal(pseudo, STRENGTH * ACCURACY)
    return Prior(pseudo, machine)


def _majority(answers: Answers, tally: Tally, _: Settings) -> Fit:
    model = one_coin(answers, stop="likelihood", shared=True, tally=tally)
    return Majority(
        labels=majority(answers, tally=tally),
        iterations=1,
        converged=True,
        log_likelihood=model.log_likelihood,
        predictive=model.predictive,
        tally=tally,
    )


def _dawid_skene(answers: Answers, tally: Tally, how: Settings) -> Fit:
    return dawid_skene(answers, tally=tally, stop=how.stop, **how.em)  # type: ignore[arg-type]


def _dawid_skene_map(answers: Answers, tally: Tally, how: Settings) -> Fit:
    prior = prior_of(tally.classes, tally.machine)
    return dawid_skene(
        answers,
        tally=tally,
        stop=how.stop,
        prior=prior,
        **how.em,  # type: ignore[arg-type]
    )


def _one_coin(answers: Answers, tally: Tally, how: Settings) -> Fit:
    return one_coin(answers, tally=tally, stop=how.stop, **how.em)  # type: ignore[arg-type]


def _one_coin_map(answers: Answers, tally: Tally, how: Settings) -> Fit:
    hits, misses = STRENGTH * ACCURACY, STRENGTH * (1 - ACCURACY)
    return one_coin(
        answers,
        tally=tally,
        stop=how.stop,
        hits=hits,
        misses=misses,
        **how.em,  # type: ignore[arg-type]
    )


def _glad(answers: Answers, tally: Tally, how: Settings) -> Fit:
    return glad(answers, tally=tally, **how.own)  # type: ignore[arg-type]


def _mace(answers: Answers, tally: Tally, how: Settings) -> Fit:
    return mace(answers, tally=tally, seed=how.seed, **how.own)  # type: ignore[arg-type]


def _mace_em(answers: Answers, tally: Tally, how: Settings) -> Fit:
    return mace(
        answers,
        tally=tally,
        variant="em",
        seed=how.seed,
        **how.own,  # type: ignore[arg-type]
    )


FITS: dict[str, Callable[[Answers, Tally, Settings], Fit]] = {
    "dawid-skene": _dawid_skene,
    "majority": _majority,
    "dawid-skene-map": _dawid_skene_map,
    "one-coin": _one_coin,
    "one-coin-map": _one_coin_map,
    "glad": _glad,
    "mace": _mace,
    "mace-em": _mace_em,
}
