"""An encoder, and what turns inputs into vectors through the cache.

A new encoder is a function that gives an `Encoder`: how to read an input's bytes, what its
weights are called, and how to compute a batch.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpu_jobs.contracts import InputError, Report
from gpu_jobs.encoders.cache import Cache, folder

SHARD = 1024
"""Inputs that are encoded before they are kept: what a kill can cost."""


def _quiet(_done: int, _total: int, _message: str) -> None:
    return None


@dataclass(frozen=True)
class Encoder:
    """name: as it was asked for. fingerprint: hex digest of weights and of all else that decides
    the vectors but the precision. precision: "float32" or "bfloat16", what products are taken in;
    vectors are float32 either way. content: an input's bytes, equal for equal inputs. size: of an
    input, to batch alike ones. compute: inputs to float32 (n, d). says: for the result's reader.
    """

    name: str
    fingerprint: str
    precision: str
    content: Callable[[object], bytes]
    size: Callable[[object], int]
    compute: Callable[[Sequence[object]], np.ndarray]
    says: str

    @property
    def key(self) -> str:
        """Name of its folder in the cache."""
        readable = re.sub(r"[^A-Za-z0-9]+", "-", Path(self.name).name).strip("-").lower()[:40]
        return f"{readable}-{self.fingerprint[:32]}-{self.precision}"


def embed(
    encoder: Encoder,
    inputs: Sequence[object],
    *,
    root: Path | None = None,
    report: Report = _quiet,
) -> np.ndarray:
    """float32 (n, d); what the cache below `root` holds is read, the rest computed and kept.

    What `report` raises stops it, without loss of the shards that are done. Raises InputError
    for no inputs and for vectors that are not finite.
    """
    if not len(inputs):
        raise InputError("there is nothing to encode")
    cache = Cache(root or folder(), encoder.key)
    digests = [hashlib.sha256(encoder.content(each)).digest() for each in inputs]
    todo = sorted(cache.missing(digests), key=lambda i: (encoder.size(inputs[i]), digests[i]))
    for at in range(0, len(todo), SHARD):
        part = todo[at : at + SHARD]
        vectors = encoder.compute([inputs[i] for i in part])
        if not np.isfinite(vectors).all():
            raise InputError(f"the encoder {encoder.name} gave something that is no finite number")
        cache.add([digests[i] for i in part], vectors)
        report(at + len(part), len(todo), f"{encoder.name}: encoded {at + len(part):,}")
    return cache.take(digests)
