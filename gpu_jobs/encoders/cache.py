"""Vectors on disk by what they were made from: content, encoder, precision.

A folder for each encoder and precision holds shards, files of digests and vectors. A shard's name
is the digest of what it holds; it is written aside, synced and renamed. So nothing is ever half
there, two processes that write at the same time add to each other, and one that is killed loses
the shard in its hands. A shard that cannot be read is passed over, and what it held is computed
again. The cache holds vectors and digests, no texts; deleting the folder forgets it all.
"""

import hashlib
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gpu_jobs.contracts import InputError

VARIABLE = "WAGEFILE_EMBEDDINGS"
_BYTES = 32


def folder() -> Path:
    """Of the environment variable WAGEFILE_EMBEDDINGS, else ~/.cache/wagefile/embeddings."""
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named) if named else Path.home() / ".cache" / "wagefile" / "embeddings"


class Cache:
    """Vectors of one encoder in one precision. key: names both; letters, digits, - and _."""

    def __init__(self, root: Path, key: str) -> None:
        self._folder = root / key
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._folder} cannot be made: {error.strerror}") from error
        self._place: dict[bytes, tuple[Path, int]] = {}
        self._read: set[Path] = set()

    def __len__(self) -> int:
        self._look()
        return len(self._place)

    def missing(self, digests: Sequence[bytes]) -> list[int]:
        """Places of the digests that are not there, the first of equal ones."""
        self._look()
        seen: set[bytes] = set()
        found = []
        for place, digest in enumerate(digests):
            if digest not in self._place and digest not in seen:
                seen.add(digest)
                found.append(place)
        return found

    def take(self, digests: Sequence[bytes]) -> np.ndarray:
        """float32 (n, d). Raises KeyError for a digest that is not there."""
        wanted: dict[Path, tuple[list[int], list[int]]] = {}
        for place, digest in enumerate(digests):
            path, row = self._place[digest]
            rows, places = wanted.setdefault(path, ([], []))
            rows.append(row)
            places.append(place)
        found: np.ndarray | None = None
        for path, (rows, places) in wanted.items():
            with np.load(path) as shard:
                vectors = shard["vectors"]
            if found is None:
                found = np.empty((len(digests), vectors.shape[1]), dtype=np.float32)
            found[places] = vectors[rows]
        return np.empty((0, 0), dtype=np.float32) if found is None else found

    def add(self, digests: Sequence[bytes], vectors: np.ndarray) -> None:
        """One shard of SHA-256 digests (n) and finite float32 vectors (n, d)."""
        if not len(digests):
            return
        name = hashlib.sha256(b"".join(digests)).hexdigest()
        path = self._folder / f"{name}.npz"
        content = io.BytesIO()
        listed = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, _BYTES)
        np.savez(content, digests=listed, vectors=vectors.astype(np.float32, copy=False))
        waiting = path.with_name(f"{name}.{os.urandom(4).hex()}.part")
        try:
            with waiting.open("wb") as stream:
                stream.write(content.getvalue())
                stream.flush()
                os.fsync(stream.fileno())
            waiting.replace(path)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from error
        self._read.add(path)
        self._place |= {digest: (path, row) for row, digest in enumerate(digests)}

    def _look(self) -> None:
        """Shards that others wrote since."""
        for path in sorted(self._folder.glob("*.npz")):
            if path in self._read:
                continue
            self._read.add(path)
            try:
                with path.open("rb") as stream, np.load(stream) as shard:
                    listed = np.ascontiguousarray(shard["digests"])
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                continue
            for row, digest in enumerate(listed):
                self._place.setdefault(digest.tobytes(), (path, row))
