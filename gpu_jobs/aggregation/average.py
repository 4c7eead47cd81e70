"""The mean of several methods' probabilities, where nothing tells which of them is right.

    P(class k of item u) = 1/M Σ_m P_m(k of u)

A linear opinion pool with equal weights (M. Stone, "The opinion pool", Annals of Mathematical
Statistics 32, 1961). Probabilities are looked up only for classes that somebody gave the item or
that one of the methods takes for it, so nothing is as large as items × classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.aggregation.fits import Fit
from gpu_jobs.aggregation.labels import Labels, choose
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers

AVERAGE = "average"


@dataclass(frozen=True)
class Average:
    """iterations: of all members together. log_likelihood: the mean of theirs."""

    labels: Labels
    members: tuple[Fit, ...]
    iterations: int
    converged: bool
    log_likelihood: float

    def class_at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that the class of item[j] is value[j]."""
        return np.mean([fit.class_at(item, value) for fit in self.members], axis=0)

    def predictive(self, item: np.ndarray, worker: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that worker[j] answers item[j] with value[j]."""
        return np.mean([fit.predictive(item, worker, value) for fit in self.members], axis=0)


def average(fits: Sequence[Fit], answers: Answers, tally: Tally) -> Average:
    """The pool of fits to the same answers; one at least."""
    cells, classes = tally.cells, max(tally.classes, 1)
    keys = [cells.owner * classes + cells.value]
    keys += [fit.labels.tied_item * classes + fit.labels.tied_value for fit in fits]
    key = np.unique(np.concatenate(keys))
    item, value = key // classes, key % classes
    probability = np.mean([fit.class_at(item, value) for fit in fits], axis=0)
    return Average(
        labels=choose(item, value, probability, answers),
        members=tuple(fits),
        iterations=sum(fit.iterations for fit in fits),
        converged=all(fit.converged for fit in fits),
        log_likelihood=float(np.mean([fit.log_likelihood for fit in fits])),
    )
