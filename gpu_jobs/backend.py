"""The one place that decides where arrays live.

Today there is one answer: numpy and scipy on the CPU, which is what the tests check. The seam
for another one is narrow on purpose. The only heavy arithmetic of this package is the EM of
`dawid_skene`: products of a sparse 0/1/2… matrix with a dense one, and elementwise logarithms
and maxima. It gets its sparse matrix from `Backend.incidence` and its array functions from
`Backend.xp`, so a torch backend is a second Backend whose `incidence` returns a
`torch.sparse_csr` tensor on CUDA and whose `xp` speaks the array API. It is not shipped, as
nobody has run it; see docs/adr/0005-gpu-boundary.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Backend:
    """name and device as they are printed with results; xp is the array namespace."""

    name: str
    device: str
    xp: Any
    incidence: Callable[[np.ndarray, np.ndarray, tuple[int, int]], Any]


def _scipy_incidence(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> sparse.csr_array:
    """Matrix of shape `shape` that counts each (row, column); repeated pairs add up."""
    ones = np.ones(len(rows), dtype=np.float64)
    return sparse.coo_array((ones, (rows, columns)), shape=shape).tocsr()


@cache
def pick() -> Backend:
    """The backend of this process; chosen once, so that one run never mixes two."""
    return Backend(name="numpy", device="cpu", xp=np, incidence=_scipy_incidence)
