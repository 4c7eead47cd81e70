"""What an item's class may be when only the classes that somebody gave need a number each.

In the models whose workers are either right or wrong (one-coin, GLAD, MACE) all classes that
nobody gave an item look alike, but for their prior. So the posterior of an item is a number a
cell, and one for all other classes together; nothing is as large as items × classes.

    P(k | answers) = p_k e^{s_ik} / Z_i,   s_ik = 0 for a class that nobody gave
    Z_i = Σ_{k given} p_k e^{s_ik} + Σ_{k not given} p_k
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs import backend
from gpu_jobs.aggregation.labels import TIED, Labels, choose
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.backend import Array

_BLOCK = 4_000_000
TINY = 1e-10


@dataclass(frozen=True)
class Posterior:
    """priors (C,). of_cell (K,): probability of each cell's class. scale (I,): a class k that
    nobody gave item i has probability p_k · scale_i. log_norm (I,): ln Z_i. All where the backend
    works, until `on_host`; `at` and `labels` are asked afterwards.
    """

    tally: Tally
    priors: Array
    of_cell: Array
    scale: Array
    log_norm: Array

    def on_host(self) -> "Posterior":
        """The same in numpy."""
        host = backend.pick().numpy
        return Posterior(
            tally=self.tally,
            priors=host(self.priors),
            of_cell=host(self.of_cell),
            scale=host(self.scale),
            log_norm=host(self.log_norm),
        )

    def at(self, item: np.ndarray, value: np.ndarray) -> np.ndarray:
        """float64 (m,): probability that the class of item[j] is value[j]."""
        cells, classes = self.tally.cells, max(self.tally.classes, 1)
        unseen = self.priors[value] * self.scale[item]
        if not len(cells):
            return unseen
        key, keys = item * classes + value, cells.owner * classes + cells.value
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        return np.where(keys[place] == key, self.of_cell[place], unseen)

    def class_means(self) -> Array:
        """float64 (C,): mean over the items of the probability of each class."""
        cells, size, chosen = self.tally.cells.there, self.tally.classes, backend.pick()
        given = chosen.sums(cells.value, self.of_cell, size)
        elsewhere = self.scale.sum() - chosen.sums(cells.value, self.scale[cells.owner], size)
        rest = self.priors * chosen.xp.clip(elsewhere, min=0)
        return (given + rest) / max(self.tally.items, 1)

    def labels(self, answers: Answers) -> Labels:
        """The most probable classes; among them may be one that nobody gave."""
        cells = self.tally.cells
        best = cells.max(self.of_cell, 0.0)
        rivals = np.flatnonzero(self.scale * self.priors.max(initial=0) >= best - TIED)
        item, value = [cells.owner], [cells.value]
        probability = [self.of_cell]
        step = max(1, _BLOCK // max(self.tally.classes, 1))
        for low in range(0, len(rivals), step):
            some = rivals[low : low + step]
            whole = self.priors * self.scale[some, None]
            for_some = np.isin(cells.owner, some)
            row = np.searchsorted(some, cells.owner[for_some])
            whole[row, cells.value[for_some]] = -1
            near = whole >= np.maximum(best[some], whole.max(axis=1))[:, None] - TIED
            place, found = np.nonzero(near & (whole >= 0))
            item.append(some[place])
            value.append(found)
            probability.append(whole[place, found])
        return choose(
            np.concatenate(item), np.concatenate(value), np.concatenate(probability), answers
        )


def posterior(tally: Tally, score: Array, priors: Array) -> Posterior:
    """Posterior from the scores s (K,) of the cells."""
    chosen, cells = backend.pick(), tally.cells.there
    xp = chosen.xp
    seen = cells.sum(priors[cells.value])
    full = tally.full
    rest = xp.where(full, 0.0, xp.clip(1 - seen, min=0.0))
    with_prior = score + xp.log(xp.clip(priors, min=TINY))[cells.value]
    log_rest = xp.where(rest > 0, xp.log(xp.clip(rest, min=TINY)), -np.inf)
    top = xp.maximum(cells.max(with_prior, -np.inf), log_rest)
    top = xp.where(xp.isfinite(top), top, 0.0)
    with_prior -= top[cells.owner]
    xp.exp(with_prior, out=with_prior)
    # Where there is no rest, top may lie so low that its inverse would overflow.
    down = xp.where(rest > 0, xp.exp(-xp.clip(top, min=2 * np.log(TINY))), 0.0)
    total = cells.sum(with_prior) + rest * down
    total = xp.where(total == 0, 1.0, total)
    return Posterior(
        tally=tally,
        priors=priors,
        of_cell=with_prior / total[cells.owner],
        scale=xp.where(full, 0.0, down / total),
        log_norm=xp.log(total) + top,
    )


def from_shares(tally: Tally) -> Posterior:
    """The majority's shares as a posterior: where EM starts."""
    chosen = backend.pick()
    return Posterior(
        tally=tally,
        priors=chosen.full(tally.classes, 0.0),
        of_cell=chosen.array(tally.shares),
        scale=chosen.full(tally.items, 0.0),
        log_norm=chosen.full(tally.items, 0.0),
    )
