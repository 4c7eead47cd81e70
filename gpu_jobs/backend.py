"""The one place that decides where arrays live.

Today there is one answer: numpy and scipy on the CPU, which is what the tests check. The seam
for another one is narrow on purpose. The only heavy arithmetic of the aggregators is the product
of a sparse matrix of ones, or of its transpose, with a vector (`Incidence`), and elementwise
functions (`Backend.xp`); so a torch backend is a second Backend whose `incidence` holds a
`torch.sparse_csr` tensor on CUDA and whose `xp` speaks the array API. It is not shipped, as
nobody has run it; see docs/adr/0005-gpu-boundary.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from scipy import sparse


class Incidence(Protocol):
    """A matrix (rows, columns) that counts how often each row met each column."""

    def sum(self, of_columns: np.ndarray) -> np.ndarray:
        """float64 (rows,): for each row the sum of what its columns hold."""

    def spread(self, of_rows: np.ndarray) -> np.ndarray:
        """float64 (columns,): for each column the sum of what its rows hold."""


@dataclass(frozen=True)
class Backend:
    """name and device as they are printed with results; xp is the array namespace."""

    name: str
    device: str
    xp: Any
    incidence: Callable[[np.ndarray, np.ndarray, tuple[int, int]], Incidence]


class _Scipy:
    def __init__(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
        if len(rows) and np.any(rows[1:] < rows[:-1]):
            order = np.argsort(rows, kind="stable")
            rows, columns = rows[order], columns[order]
        # Sorted rows are compressed by counting them; repeats stay as they are, and add up.
        start = np.append(0, np.cumsum(np.bincount(rows, minlength=shape[0])))
        parts = (np.ones(len(rows)), columns.astype(np.int32), start.astype(np.int32))
        self._matrix = sparse.csr_array(parts, shape=shape)
        self._transposed = self._matrix.T

    def sum(self, of_columns: np.ndarray) -> np.ndarray:
        return self._matrix @ of_columns

    def spread(self, of_rows: np.ndarray) -> np.ndarray:
        return self._transposed @ of_rows


@cache
def pick() -> Backend:
    """The backend of this process; chosen once, so that one run never mixes two."""
    return Backend(name="numpy", device="cpu", xp=np, incidence=_Scipy)
