"""Does a worker agree with the others more than if the same answers lay on other items?

The worker's n answers v_1 … v_n are held fixed and dealt to the worker's n items at random. With
f_t(c) the share of the other workers who say c on item t, the agreement A = Σ_t f_t(v_t) then has
(W. Hoeffding, "A combinatorial central limit theorem", Annals of Mathematical Statistics 22, 1951)

    E[A] = n f̄..      Var[A] = 1/(n − 1) Σ_t Σ_j (f_t(v_j) − f̄_t. − f̄.j + f̄..)²

    z = (A − E[A]) / √Var[A]

Nothing is assumed about classes or skills: a worker who only ever says the commonest class has
no variance, and z = 0. z < −2.33: below chance, as of somebody who answers in reverse or has
understood the classes the other way round.

Beyond chance, a worker's agreement is κ = (A − E[A]) / (n − E[A]), 0 for whoever ignores the items.
How large it is for honest people depends on how hard the project is, so it is compared with the
project's median worker: the signal is (κ + 1.64 σ) / median κ < 0.5, σ = √Var[A] / (n − E[A]). Even
the upper bound is then less than half of what people here reach. Where the median itself is not
above 0, nobody is compared.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.anomalies.peers import incidence, others, row_products, shares
from gpu_jobs.anomalies.signals import Signal, below
from gpu_jobs.answers import Answers

BELOW_CHANCE = -2.33
LITTLE = 0.5
UPPER = 1.64
LEAST = 20
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Chance:
    """Arrays (W,): answers to items with others, mean agreement, expected mean agreement and its
    spread √Var[A]/n, z (NaN below two answers; 0 where dealing the answers anew changes nothing).
    """

    answers: np.ndarray
    agreement: np.ndarray
    expected: np.ndarray
    spread: np.ndarray
    z: np.ndarray


def chance(answers: Answers) -> Chance:
    """The z of every worker, in O(answers × classes of an item)."""
    workers, classes = len(answers.workers), max(len(answers.classes), 1)
    share = shares(others(answers))
    met = np.flatnonzero(np.diff(share.indptr) > 0)
    share, worker, value = share[met], answers.worker[met], answers.value[met]
    n = np.bincount(worker, minlength=workers)
    given = incidence(worker, value, (workers, classes))
    mine = given[worker]
    of_worker = incidence(worker, np.arange(len(met)), (workers, len(met)))
    agreed = row_products(share, incidence(np.arange(len(met)), value, (len(met), classes)))
    observed = np.bincount(worker, weights=agreed, minlength=workers)
    # Row, column and grand means of f_t(v_j), a worker's n × n table that is never made.
    size = np.maximum(n, 1).astype(np.float64)
    by_item = row_products(share, mine) / size[worker]
    by_class = of_worker @ share
    by_class.data /= np.repeat(size, np.diff(by_class.indptr))
    mean = np.bincount(worker, weights=by_item, minlength=workers) / size
    squares = np.bincount(worker, weights=row_products(share, share, mine), minlength=workers)
    rows = size * np.bincount(worker, weights=np.square(by_item), minlength=workers)
    columns = size * row_products(by_class, by_class, given)
    total = squares - rows - columns + np.square(size * mean)
    variance = np.maximum(total, 0) / np.maximum(n - 1, 1)
    varies = variance > _ROUNDING * np.maximum(size, 1)
    z = np.divide(observed - size * mean, np.sqrt(variance), out=np.zeros(workers), where=varies)
    z[n < 2] = np.nan
    return Chance(
        answers=n,
        agreement=np.where(n > 0, observed / size, np.nan),
        expected=np.where(n > 0, mean, np.nan),
        spread=np.where(n > 0, np.sqrt(variance) / size, np.nan),
        z=z,
    )


def below_chance(found: Chance, *, threshold: float = BELOW_CHANCE, least: int = LEAST) -> Signal:
    """Speaks for workers with at least `least` answers whose z is under the threshold."""
    value = np.where(found.answers >= least, found.z, np.nan)
    return below("below chance", "crowd", threshold, value)


def little_agreement(found: Chance, *, threshold: float = LITTLE, least: int = LEAST) -> Signal:
    """Speaks for workers with at least `least` answers who agree far less than the median one."""
    room = np.where(1 - found.expected > 0, 1 - found.expected, np.nan)
    enough = found.answers >= least
    beyond = np.where(enough, (found.agreement - found.expected) / room, np.nan)
    known = beyond[~np.isnan(beyond)]
    usual = float(np.median(known)) if len(known) else 0.0
    upper = beyond + UPPER * found.spread / room
    value = upper / usual if usual > 0 else np.full(len(upper), np.nan)
    return below("little agreement", "crowd", threshold, value)
