"""The backend of torch: the same arithmetic on CUDA, or on the CPU to compare it with numpy.

Tensors are float64, as numpy's arrays are. A matrix of counts is a sparse CSR tensor, and so is its
transpose: both products are then sums along rows, in a fixed order. Sums by owner add in no fixed
order on CUDA, so two runs there may differ in the last bits.
"""

import warnings
from typing import Any, Self

import numpy as np
import torch

from gpu_jobs.contracts import InputError


class _Csr:
    def __init__(
        self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], device: str
    ) -> None:
        self._matrix = _csr(rows, columns, shape, device)
        self._transposed = _csr(columns, rows, (shape[1], shape[0]), device)

    def sum(self, of_columns: torch.Tensor) -> torch.Tensor:
        return self._matrix @ of_columns

    def spread(self, of_rows: torch.Tensor) -> torch.Tensor:
        return self._transposed @ of_rows


def _csr(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], device: str
) -> torch.Tensor:
    # A row may meet a column several times; torch wants it once, with how often.
    width = max(shape[1], 1)
    key, count = np.unique(rows.astype(np.int64) * width + columns, return_counts=True)
    start = np.append(0, np.cumsum(np.bincount(key // width, minlength=shape[0])))
    with warnings.catch_warnings():
        # Torch says once a process that its CSR tensors may still change their interface.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(
            torch.from_numpy(start.astype(np.int64)),
            torch.from_numpy(key % width),
            torch.from_numpy(count.astype(np.float64)),
            size=shape,
            device=device,
            check_invariants=True,
        )


class Torch:
    """Tensors on one device."""

    name, xp = "torch", torch
    block: int | None = None

    def __init__(self, device: str) -> None:
        self.device = device

    @classmethod
    def on(cls, device: str) -> Self:
        """A CUDA device. Raises InputError where it is not there."""
        if not torch.cuda.is_available():
            raise InputError(f"device {device} is not there: torch sees no card")
        if int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
            raise InputError(f"device {device} is not there; cards: {torch.cuda.device_count()}")
        return cls(device)

    def array(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def numpy(self, values: torch.Tensor) -> np.ndarray:
        return np.asarray(values.cpu().numpy())

    def full(self, shape: int | tuple[int, ...], value: float) -> torch.Tensor:
        size = (shape,) if isinstance(shape, int) else shape
        return torch.full(size, value, dtype=torch.float64, device=self.device)

    def incidence(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> _Csr:
        return _Csr(rows, columns, shape, self.device)

    def sums(self, owner: torch.Tensor, values: torch.Tensor, owners: int) -> torch.Tensor:
        return self.full(owners, 0.0).index_add_(0, owner, values)

    def maxima(
        self, owner: torch.Tensor, values: torch.Tensor, owners: int, initial: float
    ) -> torch.Tensor:
        return self.full(owners, initial).scatter_reduce_(0, owner, values, "amax")

    def digamma(self, values: torch.Tensor) -> torch.Tensor:
        return torch.digamma(values)

    def log_gamma(self, values: torch.Tensor) -> torch.Tensor:
        found: Any = torch.lgamma(values)
        return found
