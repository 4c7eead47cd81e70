"""Masks over the pixels of a picture; the distance is that of `intervals`, 1 − IoU.

An answer is one mask or a JSON list of them, each {"size": [height, width], "counts": …,
"label": …} in COCO's run-length code (column by column, first the length of the zeros; `counts`
as a list or as COCO's compressed text), or a bitmap: {"bitmap": [[0, 1, …], …], "label": …} or
just the rows. Masks under one label are united.

Source of the code: T.-Y. Lin et al., "Microsoft COCO" (2014), and its public mask format.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpu_jobs.distances.cells import label_of, read_json, whole
from gpu_jobs.distances.intervals import Intervals, Lines, united


def parse(text: str) -> Intervals:
    value = read_json(text)
    alone = isinstance(value, dict) or (value and isinstance(value, list) and _is_row(value[0]))
    if not alone and not isinstance(value, list):
        raise ValueError("is neither a mask nor a list of masks")
    masks = [value] if alone else value
    return united([run for mask in masks for run in _runs(mask)])


def of(values: Sequence[Intervals]) -> Lines:
    return Lines.of(values, union=True)


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and all(not isinstance(pixel, dict | list) for pixel in value)


def _runs(mask: Any) -> list[tuple[str, int, int]]:
    if isinstance(mask, list):
        return _of_bitmap(mask, "")
    if not isinstance(mask, dict):
        raise ValueError("has a mask that is not {size, counts} or {bitmap}")  # noqa: TRY004
    if "bitmap" in mask:
        return _of_bitmap(mask["bitmap"], label_of(mask))
    size, counts = mask.get("size"), mask.get("counts")
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError("has a mask without its size [height, width]")
    pixels = whole(size[0], "height") * whole(size[1], "width")
    if isinstance(counts, str):
        counts = _uncompressed(counts)
    if not isinstance(counts, list):
        raise ValueError("has a mask without counts")  # noqa: TRY004
    ends = np.cumsum([0, *(whole(count, "count") for count in counts)])
    if ends[-1] != pixels:
        raise ValueError(f"has counts of {ends[-1]} pixels where its size says {pixels}")
    label = label_of(mask)
    return [(label, int(a), int(b)) for a, b in zip(ends[1::2], ends[2::2], strict=False)]


def _of_bitmap(rows: Any, label: str) -> list[tuple[str, int, int]]:
    """Runs column by column, as in the run-length code."""
    same = isinstance(rows, list) and all(_is_row(row) and len(row) == len(rows[0]) for row in rows)
    if not same or not {pixel for row in rows for pixel in row} <= {0, 1}:
        raise ValueError("has a bitmap that is not rows of equally many 0 and 1")
    line = np.array(rows, dtype=np.int8).T.ravel() if rows else np.empty(0, dtype=np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
    return [(label, int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _uncompressed(text: str) -> list[int]:
    """COCO's text: six bits a character from '0', five of them payload, differences after two."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError("has compressed counts with a foreign character")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("has compressed counts that break off")
    return counts
