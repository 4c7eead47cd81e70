"""Spans of text; the distance is that of `intervals`.

An answer is a JSON list of {"start": 3, "end": 9, "label": "PER"} or [3, 9, "PER"]: characters
start, …, end − 1; the label may be left out.
"""

from collections.abc import Sequence
from typing import Any

from gpu_jobs.distances.cells import label_of, listed, read_json, whole
from gpu_jobs.distances.intervals import Intervals, Lines, united


def parse(text: str) -> Intervals:
    return united([_span(each) for each in listed(read_json(text), "spans")])


def of(values: Sequence[Intervals]) -> Lines:
    return Lines.of(values, union=False)


def _span(value: Any) -> tuple[str, int, int]:
    if isinstance(value, list) and len(value) in {2, 3}:
        value = dict(zip(("start", "end", "label"), value, strict=False))
    if not isinstance(value, dict):
        raise ValueError("has a span that is not {start, end, label}")  # noqa: TRY004
    start, end = whole(value.get("start"), "start"), whole(value.get("end"), "end")
    if end <= start:
        raise ValueError(f"has a span that ends at {end}, not after its start {start}")
    return label_of(value), start, end
