"""The task types: how the text of an answer is read, and how far two answers lie apart.

| type | an answer is | distance | level of α |
|---|---|---|---|
| choice, pairwise | a text | equal or not | nominal |
| ordinal | a class in an order | steps between | ordinal |
| number | a number | difference | interval |
| set | `["a", "b"]`, or a and b with a bar between | Jaccard; MASI on request | — |
| spans | `[{"start", "end", "label"}]` | 1 − F1 of characters | — |
| boxes | `[{"box": [left, top, right, bottom], "label"}]` | matched 1 − IoU | — |
| polygons | `[{"points": [[x, y], …], "label"}]` | matched 1 − IoU | — |
| masks | COCO run-length code or bitmap | 1 − IoU of pixels | — |
| keypoints | `{"points": {name: [x, y]}, "area"}` | 1 − OKS | — |
| ranking | `["best", …]` or `a > b = c` | Kendall, normalised | — |
| transcript | a text | word or character error rate | — |
| rubric | `{"line": score}` | weighted mean of lines | — |
| text | a text | 1 − cosine of n-grams | — |

Types with a level have closed forms for α; the others (—) take their distance as it is. Formulas,
sources and options stand in the modules of `distances`.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpu_jobs.answers import Answers, as_numbers, positions
from gpu_jobs.contracts import InputError, RowError
from gpu_jobs.distances import (
    boxes,
    keypoints,
    masks,
    polygons,
    rankings,
    rubrics,
    scales,
    sets,
    spans,
    texts,
    transcripts,
)
from gpu_jobs.distances.pairs import Distance


def number(text: str) -> float:
    """Raises ValueError for what is no finite number."""
    found = as_numbers([text])
    if found is None:
        raise ValueError("is not a number")
    return float(found[0])


@dataclass(frozen=True)
class TaskType:
    """parse: text → canonical value, ValueError with half a sentence when it is none. prepare:
    distinct values [, options] → their distance. level: of α, None where it takes the distance.
    """

    name: str
    parse: Callable[[str], Hashable]
    prepare: Callable[..., Distance]
    level: str | None = None


def _nominal(_: Sequence[str]) -> scales.Nominal:
    return scales.Nominal()


TYPES: dict[str, TaskType] = {
    each.name: each
    for each in (
        TaskType("choice", str, _nominal, "nominal"),
        TaskType("pairwise", str, _nominal, "nominal"),
        TaskType("ordinal", str, scales.Scale.of_ranks, "ordinal"),
        TaskType("number", number, scales.Scale.of_numbers, "interval"),
        TaskType("set", sets.parse, sets.Sets.of),
        TaskType("spans", spans.parse, spans.of),
        TaskType("boxes", boxes.parse, boxes.Boxes.of),
        TaskType("polygons", polygons.parse, polygons.Polygons.of),
        TaskType("masks", masks.parse, masks.of),
        TaskType("keypoints", keypoints.parse, keypoints.Keypoints.of),
        TaskType("ranking", rankings.parse, rankings.Rankings.of),
        TaskType("transcript", transcripts.parse, transcripts.Transcripts.of),
        TaskType("rubric", rubrics.parse, rubrics.Rubrics.of),
        TaskType("text", texts.parse, texts.Texts.of),
    )
}


@dataclass(frozen=True)
class Typed:
    """The V distinct values behind the classes of some answers, and their distance.

    code: int64 (C,), class → value (several texts may mean the same). gold: int64 (I,), value of
    the right answer, also where nobody gave it, or −1 where none is known. level: of α, or None.
    """

    type: str
    values: list[Any]
    code: np.ndarray
    gold: np.ndarray
    distance: Distance
    level: str | None


def typed(answers: Answers, name: str, **options: Any) -> Typed:
    """Parsed once for each distinct text. options: of the distance, e.g. masi, unit, weights.

    Raises InputError for an unknown type, RowError for an answer that the type does not allow.
    """
    if name not in TYPES:
        raise InputError(f"type must be one of {', '.join(TYPES)}, not {name!r}")
    kind = TYPES[name]
    unseen = sorted(set(answers.gold_unseen.values()))
    place: dict[Hashable, int] = {}
    code = [
        place.setdefault(_parsed(kind, text, answers, index), len(place))
        for index, text in enumerate(answers.classes + unseen)
    ]
    values: list[Any] = list(place)
    if name == "ordinal":
        values, code = _ordered(answers, unseen)
    of_unseen = dict(zip(unseen, code[len(answers.classes) :], strict=True))
    codes = np.array(code[: len(answers.classes)], dtype=np.int64)
    gold = np.full(len(answers.items), -1, dtype=np.int64)
    known = answers.gold >= 0
    gold[known] = codes[answers.gold[known]]
    for item, text in answers.gold_unseen.items():
        gold[item] = of_unseen[text]
    return Typed(
        type=name,
        values=values,
        code=codes,
        gold=gold,
        distance=kind.prepare(values, **options),
        level=kind.level,
    )


def _parsed(kind: TaskType, text: str, answers: Answers, index: int) -> Hashable:
    try:
        return kind.parse(text)
    except ValueError as error:
        shown = text if len(text) <= 60 else f"{text[:57]}…"
        if index >= len(answers.classes):
            raise InputError(f"the right answer {shown!r} {error}; type is {kind.name}") from error
        row = int(answers.row[answers.value == index].min())
        message = f"column answer: {shown!r} {error}; type is {kind.name}"
        raise RowError(message, row=row) from error


def _ordered(answers: Answers, unseen: list[str]) -> tuple[list[float], list[int]]:
    """Places on the scale; a right answer outside the order that nobody gave has none (NaN)."""
    place = positions(answers, "ordinal")
    numbers = [as_numbers([text]) for text in unseen]
    by_number = answers.classes_from == "numbers"
    beside = [float("nan") if n is None or not by_number else float(n[0]) for n in numbers]
    found, code = np.unique(np.concatenate([place, beside]), return_inverse=True)
    return found.tolist(), code.tolist()
