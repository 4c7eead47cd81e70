"""Crowds for the tests: written by hand, generated, or read from the reference data."""

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from gpu_jobs import tables
from gpu_jobs.answers import Answers, encode

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Path]:
    """Path of a reference CSV; skips where the folder ../shared/data is not there."""
    folder = Path(os.environ.get("WAGEFILE_DATA") or ROOT.parent / "shared" / "data")

    def path(name: str) -> Path:
        if not folder.is_dir():
            pytest.skip("reference data absent: ../shared/data (or WAGEFILE_DATA) is no folder")
        return folder / f"{name}.csv"

    return path


@pytest.fixture(scope="session")
def load(reference: Callable[[str], Path]) -> Callable[[str], Answers]:
    return lambda name: encode(tables.read_crowd(reference(name)), repeats="keep")


@pytest.fixture(scope="session")
def crowd() -> Callable[..., Answers]:
    """Answers from rows (item, worker, answer[, gold])."""

    def build(rows, *, repeats="keep", classes=None) -> Answers:
        names = ("item_id", "worker_id", "answer", "gold")
        columns = {
            name: pa.array([row[i] if i < len(row) else None for row in rows], pa.string())
            for i, name in enumerate(names)
        }
        return encode(pa.table(columns), repeats=repeats, classes=classes)

    return build
