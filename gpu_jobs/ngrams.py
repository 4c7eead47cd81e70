"""Texts as numbers: hashed n-grams of characters and words, over all texts at once.

Characters: every window of k code points of the normalised text (lower case, white space
collapsed). Words: every run of n words. A gram is hashed to 64 bits;
two different ones share a hash with probability about 2⁻⁶⁴. As features the hash is cut to a
number of buckets (K. Weinberger et al., "Feature hashing for large scale multitask learning",
ICML 2009). One numpy pass over all code points; no loop over texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from gpu_jobs.contracts import InputError

BUCKETS = 2**18
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Grams:
    """text int64 (g,), hash uint64 (g,): each distinct gram of each text, and how often (count);
    sorted by text, then hash. texts: how many texts there are.
    """

    text: np.ndarray
    hash: np.ndarray
    count: np.ndarray
    texts: int


def normalise(texts: Sequence[str | None] | pa.ChunkedArray) -> pa.Array:
    """Lower case, white space collapsed and trimmed; null becomes empty."""
    given = (
        texts
        if isinstance(texts, pa.ChunkedArray)
        else pa.chunked_array([pa.array(texts, pa.string())])
    )
    column = pc.fill_null(given.combine_chunks().cast(pa.large_string()), "")
    lower = pc.utf8_lower(column)
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(lower, r"\s+", " "))


def character_grams(texts: pa.Array, size: int) -> Grams:
    """Windows of `size` characters within each text; a shorter text is one gram of its own."""
    if size < 1:
        raise InputError("a gram has one character at least")
    points, text, place, length = _points(texts)
    width = np.minimum(length, size)[text]
    mixed = _mix(points.astype(np.uint64) + np.uint64(1))
    found = np.zeros(len(points), dtype=np.uint64)
    for offset in range(size):
        inside = offset < width
        at = np.minimum(np.arange(len(points)) + offset, max(len(points) - 1, 0))
        found = np.where(inside, _mix(found * np.uint64(31) + mixed[at]), found)
    starts = place + width <= length[text]
    return _counted(text[starts], found[starts], len(length))


def word_grams(texts: pa.Array, size: int = 1) -> Grams:
    """Runs of `size` words (separated by one space) within each text; fewer words: none."""
    if size < 1:
        raise InputError("a gram has one word at least")
    points, text, place, length = _points(texts)
    space = points == ord(" ")
    begins = ~space & ((place == 0) | np.append(True, space[:-1])) if len(points) else space
    word = np.cumsum(begins) - 1
    letters = np.flatnonzero(~space)
    words = int(begins.sum())
    # A word's hash is the sum of its letters mixed with their places: order matters, no loop.
    first = np.flatnonzero(begins)
    within = (letters - first[word[letters]]).astype(np.uint64)
    mixed = _mix(points[letters].astype(np.uint64) * _MIX + _mix(within + np.uint64(7)))
    hashed = _sums(mixed, word[letters], words)
    of_text = text[first]
    found = _mix(hashed)
    for offset in range(1, size):
        at = np.minimum(np.arange(words) + offset, max(words - 1, 0))
        found = _mix(found * np.uint64(31) + hashed[at])
    last = np.minimum(np.arange(words) + size - 1, max(words - 1, 0))
    whole = (np.arange(words) + size - 1 < words) & (of_text[last] == of_text)
    return _counted(of_text[whole], found[whole], len(length))


def features(grams: Sequence[Grams], *, buckets: int = BUCKETS) -> sparse.csr_array:
    """float64 CSR (texts, buckets): 1 + ln count of each bucket, all kinds of grams together.

    Kinds do not share hashes: each is mixed with its place in the list.
    """
    texts = grams[0].texts if grams else 0
    rows = np.concatenate([one.text for one in grams]) if grams else np.empty(0, dtype=np.int64)
    columns = [
        (_mix(one.hash + np.uint64(kind)) % np.uint64(buckets)).astype(np.int64)
        for kind, one in enumerate(grams)
    ]
    counts = np.concatenate([one.count for one in grams]) if grams else np.empty(0)
    shape = (texts, buckets)
    bucket = np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)
    found = sparse.csr_array(
        sparse.coo_array((counts.astype(np.float64), (rows, bucket)), shape=shape)
    )
    found.data = 1 + np.log(found.data)
    return found


def inverse_frequency(counts: sparse.csr_array) -> np.ndarray:
    """float64 (buckets,): ln((1 + texts)/(1 + texts with it)) + 1 (Spärck Jones 1972), smooth."""
    seen = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.asarray(np.log((1 + counts.shape[0]) / (1 + seen)) + 1)


def unit_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Rows of length 1; empty ones stay empty."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    factor = np.divide(1, length, out=np.zeros(len(length)), where=length > 0)
    return sparse.csr_array(sparse.diags_array(factor) @ matrix)


def _points(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Code points of all texts, the text of each, its place in the text, and each text's length."""
    length = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
    whole = "".join(texts.to_pylist())
    points = np.frombuffer(whole.encode("utf-32-le"), dtype=np.uint32)
    text = np.repeat(np.arange(len(length)), length)
    place = np.arange(len(points)) - (np.cumsum(length) - length)[text]
    return points, text, place, length


def _counted(text: np.ndarray, found: np.ndarray, texts: int) -> Grams:
    order = np.lexsort((found, text))
    text, found = text[order], found[order]
    new = np.ones(len(text), dtype=bool)
    new[1:] = (text[1:] != text[:-1]) | (found[1:] != found[:-1])
    start = np.flatnonzero(new)
    count = np.diff(np.append(start, len(text)))
    return Grams(text=text[start], hash=found[start], count=count, texts=texts)


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014)."""
    x = x + _MIX
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _sums(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Sums modulo 2⁶⁴ of sorted groups, none of them empty."""
    if not groups:
        return np.empty(0, dtype=np.uint64)
    start = np.searchsorted(group, np.arange(groups))
    return np.asarray(np.add.reduceat(values, start))
