"""The one place that decides where arrays live.

Two answers: numpy and scipy on the CPU, which is the default and needs nothing else, and torch
(`devices.torch_backend`) on CUDA or, for tests, on the CPU. The seam is narrow on purpose. The
heavy arithmetic of the aggregators is the product of a sparse matrix of ones, or of its transpose,
with a vector (`Incidence`), sums and maxima by owner, and elementwise functions that numpy and
torch call by the same names (`xp`). What comes out of a fit is numpy again.

The device is chosen once a process: by `choose` (the command line's `--device`), else by the
environment's WAGEFILE_DEVICE, else the CPU, also where there is a card; why, is in
docs/adr/0005-gpu-boundary.md.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy import sparse, special

from gpu_jobs.contracts import InputError
from gpu_jobs.device import VARIABLE

DEVICES = ("cpu", "cuda")

type Array = Any
"""A numpy array, or a tensor of the backend at work."""


class Incidence(Protocol):
    """A matrix (rows, columns) that counts how often each row met each column."""

    def sum(self, of_columns: Array) -> Array:
        """float64 (rows,): for each row the sum of what its columns hold."""

    def spread(self, of_rows: Array) -> Array:
        """float64 (columns,): for each column the sum of what its rows hold."""


class Backend(Protocol):
    """name and device as they are printed with results; xp is the array namespace. block: answers
    that are worked on at a time, so that what belongs to them stays in the processor's cache; None
    where all at once is best.
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def xp(self) -> Any: ...
    @property
    def block(self) -> int | None: ...

    def array(self, values: np.ndarray) -> Array:
        """The same numbers where this backend works; numpy's floats stay float64."""

    def numpy(self, values: Array) -> np.ndarray:
        """And back."""

    def full(self, shape: int | tuple[int, ...], value: float) -> Array:
        """float64."""

    def incidence(
        self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
    ) -> Incidence: ...

    def sums(self, owner: Array, values: Array, owners: int) -> Array:
        """float64 (owners,): for each owner the sum of its values; owner int64 as values."""

    def maxima(self, owner: Array, values: Array, owners: int, initial: float) -> Array:
        """float64 (owners,): for each owner the greatest value, at least `initial`; owner
        ascending.
        """

    def digamma(self, values: Array) -> Array: ...

    def log_gamma(self, values: Array) -> Array: ...


BLOCK = 65_536
"""Answers: a block's codes and ones are 12 bytes each, and with the tables of a thousand workers
they fit into a second cache of 1 MiB."""
_ONES = np.ones(BLOCK)
"""Blocks look at the same ones, which so stay in the cache."""


class _Scipy:
    def __init__(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> None:
        if len(rows) and np.any(rows[1:] < rows[:-1]):
            order = np.argsort(rows, kind="stable")
            rows, columns = rows[order], columns[order]
        # Sorted rows are compressed by counting them; repeats stay as they are, and add up.
        start = np.append(0, np.cumsum(np.bincount(rows, minlength=shape[0])))
        ones = _ONES[: len(rows)] if len(rows) <= BLOCK else np.ones(len(rows))
        parts = (ones, columns.astype(np.int32, copy=False), start.astype(np.int32))
        self._matrix = sparse.csr_array(parts, shape=shape)
        self._transposed = self._matrix.T

    def sum(self, of_columns: np.ndarray) -> np.ndarray:
        return self._matrix @ of_columns

    def spread(self, of_rows: np.ndarray) -> np.ndarray:
        return self._transposed @ of_rows


class Numpy:
    """numpy and scipy on one processor."""

    name, device, xp = "numpy", "cpu", np
    block = BLOCK

    def array(self, values: np.ndarray) -> np.ndarray:
        return values

    def numpy(self, values: np.ndarray) -> np.ndarray:
        return values

    def full(self, shape: int | tuple[int, ...], value: float) -> np.ndarray:
        return np.full(shape, value, dtype=np.float64)

    def incidence(self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Incidence:
        return _Scipy(rows, columns, shape)

    def sums(self, owner: np.ndarray, values: np.ndarray, owners: int) -> np.ndarray:
        return np.bincount(owner, weights=values, minlength=owners)

    def maxima(
        self, owner: np.ndarray, values: np.ndarray, owners: int, initial: float
    ) -> np.ndarray:
        top = np.full(owners, initial)
        if len(owner):
            first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
            found = np.maximum.reduceat(values, first)
            top[owner[first]] = np.maximum(found, initial)
        return top

    def digamma(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(special.digamma(values))

    def log_gamma(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(special.gammaln(values))


HOST: Backend = Numpy()
"""What is not behind the seam works here."""


@dataclass
class _Process:
    chosen: Backend | None = None


_PROCESS = _Process()


def pick() -> Backend:
    """The backend of this process. Raises InputError where WAGEFILE_DEVICE asks for what is not
    there.
    """
    chosen = _PROCESS.chosen
    return choose(os.environ.get(VARIABLE, "").strip() or DEVICES[0]) if chosen is None else chosen


def choose(device: str) -> Backend:
    """Take a device for all that follows; a run never mixes two. Raises InputError for one that
    is unknown or not there.
    """
    _PROCESS.chosen = of(device)
    return _PROCESS.chosen


def of(device: str) -> Backend:
    """The backend of a device (cpu, cuda, cuda:1), without taking it."""
    kind, _, number = device.partition(":")
    if kind not in DEVICES or (number and not number.isdigit()):
        raise InputError(f"the device must be cpu, cuda or cuda:0, not {device!r}")
    if kind == DEVICES[0]:
        return HOST
    try:
        # Torch takes seconds and gigabytes, so only who asks for it gets it.
        from gpu_jobs.devices.torch_backend import Torch  # noqa: PLC0415
    except ImportError as error:
        raise InputError("device cuda needs torch, which is not installed") from error
    return Torch.on(device)


@contextmanager
def use(backend: Backend) -> Iterator[Backend]:
    """Work with this one for a while, for tests and for comparisons."""
    before, _PROCESS.chosen = _PROCESS.chosen, backend
    try:
        yield backend
    finally:
        _PROCESS.chosen = before
