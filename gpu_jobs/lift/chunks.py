"""Finished chunks of a run as files of a folder, each written whole or not at all.

Several processes may share the folder: whoever computes a chunk that is there already writes the
same bytes again.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpu_jobs.contracts import InputError, Spec, canonical


@dataclass(frozen=True)
class Chunk:
    """values: what the method's `compute` gives. trained, unsolved: heads, and heads that missed
    the tolerance. seconds: of computing.
    """

    values: np.ndarray
    trained: int
    unsolved: int
    seconds: float


def of_run(spec: Spec, digest: str, workdir: Path) -> "Chunks":
    """The chunks of a run that is asked for, in its workdir. digest: of the input."""
    claim = {
        "kind": spec.kind,
        "version": spec.version,
        "params": dict(spec.params),
        "seed": spec.seed,
        "input_sha256": digest,
    }
    workdir.mkdir(parents=True, exist_ok=True)
    return Chunks(workdir / "chunks", canonical(claim))


class Chunks:
    """The folder of one run; without a folder, nothing is kept.

    claim: what the run is, as text. Raises InputError when the folder belongs to another run.
    """

    def __init__(self, folder: Path | None, claim: str) -> None:
        self._folder = folder
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made: {error.strerror}") from error
        claimed = folder / "run.json"
        if not claimed.exists():
            _write(claim.encode(), claimed)
        if claimed.read_text(encoding="utf-8") != claim:
            raise InputError(f"{folder} holds the chunks of another run")

    def load(self, number: int) -> Chunk | None:
        path = self._path(number)
        if path is None or not path.exists():
            return None
        with np.load(path) as found:
            trained, unsolved = (int(each) for each in found["heads"])
            seconds = float(path.with_suffix(".seconds").read_text(encoding="ascii"))
            return Chunk(found["values"], trained, unsolved, seconds)

    def save(self, number: int, chunk: Chunk) -> None:
        path = self._path(number)
        if path is None:
            return
        # The time goes beside the values, whose bytes are the same wherever they were computed.
        _write(repr(chunk.seconds).encode(), path.with_suffix(".seconds"))
        content = io.BytesIO()
        np.savez(content, values=chunk.values, heads=np.array([chunk.trained, chunk.unsolved]))
        _write(content.getvalue(), path)

    def _path(self, number: int) -> Path | None:
        return None if self._folder is None else self._folder / f"chunk-{number:06d}.npz"


def _write(content: bytes, path: Path) -> None:
    # Another process may be writing the same file.
    waiting = path.with_name(f"{path.name}.{os.getpid()}.part")
    with waiting.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    waiting.replace(path)
