"""How items lie to a reference set that stands for what a model will meet: its test set.

Coverage: the share of the reference that has one of the items nearer than its own K-th neighbour
in the reference (M. F. Naeem et al., ICML 2020, as in `space`). Tail: the share of the items that
lie farther from their K-th neighbour in the reference than TAIL of the reference do; about 1 − TAIL
where items come as the reference does, less where they come from its middle alone, more where they
lie beside it.
"""

from dataclasses import dataclass

import numpy as np

from gpu_jobs.diversity.space import NEIGHBOURS, SAMPLE, TAIL, similarities
from gpu_jobs.diversity.vendi import Rows


@dataclass(frozen=True)
class Against:
    """covers: uint8 (n, ⌈R / 8⌉), as bits which of the R reference rows an item reaches. far: bool
    (n,), items in the tail. expected: the share of the reference that lies there itself: ties make
    it more or less than 1 − TAIL. reference: R.
    """

    covers: np.ndarray
    far: np.ndarray
    expected: float
    reference: int

    def covered(self, items: np.ndarray) -> float:
        """Share of the reference that these items (places in the n) reach."""
        reached = np.bitwise_or.reduce(self.covers[items], axis=0)
        return float(np.unpackbits(reached, count=self.reference).mean())


def against(
    rows: Rows, items: np.ndarray, reference: np.ndarray, rng: np.random.Generator
) -> Against | None:
    """rows: unit vectors (D, d); items (n,), reference: places in them. None with too few
    reference rows; beyond SAMPLE they are drawn.
    """
    reference = np.unique(reference)
    if len(reference) <= NEIGHBOURS + 1:
        return None
    if len(reference) > SAMPLE:
        reference = np.sort(rng.choice(reference, SAMPLE, replace=False))
    own = _own(rows, reference)
    covers = np.zeros((len(items), -(-len(reference) // 8)), dtype=np.uint8)
    near = np.empty(len(items))
    for part, alike in similarities(rows, items, reference):
        # Nothing in common is not near, also where a neighbour has nothing in common.
        covers[part] = np.packbits((alike >= own) & (alike > 0), axis=1)
        near[part] = np.partition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS]
    bound = np.quantile(1 - own, TAIL)
    # With ties at the end of the scale there is nothing beyond; then the end itself is the tail.
    is_tied = not (1 - own > bound).any()
    far, expected = ((1 - each >= bound) if is_tied else (1 - each > bound) for each in (near, own))
    return Against(
        covers=covers, far=far, expected=float(expected.mean()), reference=len(reference)
    )


def _own(rows: Rows, reference: np.ndarray) -> np.ndarray:
    """float64 (R,): similarity of each to its K-th neighbour among the others."""
    found = np.empty(len(reference))
    for part, alike in similarities(rows, reference, reference):
        alike[np.arange(len(alike)), np.arange(part.start, part.start + len(alike))] = -np.inf
        found[part] = np.partition(alike, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS]
    return found
