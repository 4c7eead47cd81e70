"""Content-addressed private files: a name is the SHA-256 of the bytes; nothing is overwritten."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from apps.core.errors import NotThere


def root() -> Path:
    """The folder below which every file stands at its `place`."""
    return Path(settings.DATA_DIR) / "blobs"


def place(digest: str) -> str:
    """Where a file of these bytes stands below the root."""
    return f"{digest[:2]}/{digest}"


def _path(digest: str) -> Path:
    return root() / place(digest)


def put(chunks: Iterable[bytes] | bytes) -> str:
    """Store bytes; their SHA-256 in hex. Written beside, synced and renamed: whole or absent."""
    if isinstance(chunks, bytes):
        chunks = (chunks,)
    folder = root()
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return _adopt(Path(file.name), digest.hexdigest())


def put_file(path: Path) -> str:
    """Store a finished file of the data folder by moving it."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _adopt(path, digest)


def _adopt(path: Path, name: str) -> str:
    target = _path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return name


def path(digest: str) -> Path:
    """Where the bytes are; NotThere when they are gone."""
    found = _path(digest)
    if not found.exists():
        raise NotThere("This file is no longer stored.")
    return found


def read(digest: str) -> bytes:
    return path(digest).read_bytes()
