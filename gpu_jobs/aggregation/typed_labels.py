"""Labels for the types whose answers are no classes: numbers, transcripts, boxes, spans, …

| type | methods, the first by default |
|---|---|
| ordinal | ordinal (and all of `methods`) |
| number | weighted, factor, mean, median |
| transcript | rover, medoid |
| spans, masks | vote, medoid |
| boxes | fusion, medoid |
| set, polygons, keypoints, ranking, rubric, text | medoid |

With gold the figures hold `accuracy` (equal to the gold) and `similarity` (1 − the type's distance
to it, mean), beside those of the plainest label (`baseline`: mean or medoid without weights);
for numbers `mae` and `rmse` in place of both.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gpu_jobs.aggregation import boxes as box_fusion
from gpu_jobs.aggregation import numeric as numbers
from gpu_jobs.aggregation.cover import cover
from gpu_jobs.aggregation.medoid import medoid
from gpu_jobs.aggregation.rover import rover
from gpu_jobs.aggregation.tally import Tally
from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.distances.boxes import Boxes
from gpu_jobs.distances.transcripts import Transcripts
from gpu_jobs.types import TYPES, Typed

NUMBERS = ("weighted", "factor", "mean", "median")
OF_TYPE = {
    "number": NUMBERS,
    "transcript": ("rover", "medoid"),
    "spans": ("vote", "medoid"),
    "masks": ("vote", "medoid"),
    "boxes": ("fusion", "medoid"),
} | dict.fromkeys(("set", "polygons", "keypoints", "ranking", "rubric", "text"), ("medoid",))


@dataclass(frozen=True)
class TypedLabels:
    """label: the text of each item's label. probability float64 (I,), or None for numbers, which
    have deviation (I,), the standard deviation of the label. figures: JSON values.
    """

    label: list[str]
    probability: np.ndarray | None
    deviation: np.ndarray | None
    figures: dict[str, Any]

    def table(self, answers: Answers) -> pa.Table:
        """item_id, answer, probability or deviation, n."""
        sure = (
            {"deviation": self.deviation}
            if self.probability is None
            else {"probability": self.probability}
        )
        return pa.table(
            {
                "item_id": pa.array(answers.items, pa.string()),
                "answer": pa.array(self.label, pa.string()),
                **sure,
                "n": np.bincount(answers.item, minlength=len(answers.items)),
            }
        )


def aggregate_typed(
    answers: Answers, task: Typed, *, method: str | None = None, non_human: np.ndarray | None = None
) -> TypedLabels:
    """Labels of a type of OF_TYPE; non_human: bool (W,), workers that are no people: they are
    left out here, but for items that nobody else answered.
    """
    allowed = OF_TYPE[task.type]
    method = allowed[0] if method is None else method
    if method not in allowed:
        raise InputError(f"method must be one of {', '.join(allowed)} for type {task.type}")
    tally, marked = _tally(answers, task, non_human)
    if task.type == "number":
        return _numbers(task, tally, method, marked)
    code = np.arange(tally.classes)
    plain = medoid(tally, code, task.distance, np.ones(tally.workers))
    best = medoid(tally, code, task.distance)
    texts = _texts(answers, task)
    if method == "medoid":
        values = [task.values[v] for v in best.value.tolist()]
        label = [texts[v] for v in best.value.tolist()]
        probability = best.support
    else:
        values, label, probability = _COMBINED[method](task, tally, best.value, best.weight)
    figures = {
        "method": method,
        "iterations": 1,
        "converged": True,
        **_against_gold(task, values, plain.value),
        **marked,
    }
    return TypedLabels(label, np.clip(probability, 0.0, 1.0), None, figures)


def _tally(
    answers: Answers, task: Typed, non_human: np.ndarray | None
) -> tuple[Tally, dict[str, Any]]:
    """Texts that mean the same are one class."""
    value = task.code[answers.value] if len(answers) else answers.value
    whole = Tally(
        item=answers.item,
        worker=answers.worker,
        value=value,
        items=len(answers.items),
        workers=len(answers.workers),
        classes=len(task.values),
    )
    if non_human is None or not non_human.any():
        return whole, {}
    theirs = non_human[answers.worker]
    people = np.bincount(answers.item[~theirs], minlength=whole.items)
    marked = {
        "workers": int(non_human.sum()),
        "answers": int(theirs.sum()),
        "items_without_people": int((people == 0).sum()),
    }
    return whole.part(~theirs | (people[answers.item] == 0)), {"non_human": marked}


def _texts(answers: Answers, task: Typed) -> dict[int, str]:
    """Of each value the first text that means it."""
    found: dict[int, str] = {}
    for text, value in zip(answers.classes, task.code.tolist(), strict=True):
        found.setdefault(value, text)
    return found


def _numbers(task: Typed, tally: Tally, method: str, marked: dict[str, Any]) -> TypedLabels:
    x = np.array(task.values, dtype=np.float64)[tally.value] if len(tally) else np.empty(0)
    mean = numbers.means(tally, x)
    figures: dict[str, Any] = {"method": method, "iterations": 1, "converged": True}
    if method in {"mean", "median"}:
        found = mean if method == "mean" else numbers.medians(tally, x)
        deviation = numbers.deviations(tally, x)
    else:
        fit = numbers.numeric(tally, x)
        found, deviation = getattr(fit, method), fit.deviation
        figures |= {"iterations": fit.iterations, "converged": fit.converged}
    known = np.flatnonzero(task.gold >= 0)
    if len(known):
        gold = np.array(task.values, dtype=np.float64)[task.gold[known]]

        def errors(label: np.ndarray) -> dict[str, float]:
            off = label[known] - gold
            return {
                "mae": float(np.abs(off).mean()),
                "rmse": float(np.sqrt(np.square(off).mean())),
            }

        figures |= {**errors(found), "baseline": errors(mean)}
    figures |= {"accuracy": None, "gold_items": len(known), **marked}
    return TypedLabels([repr(float(each)) for each in found], None, deviation, figures)


type _Combined = tuple[list[Any], list[str], np.ndarray]


def _rover(task: Typed, tally: Tally, backbone: np.ndarray, weight: np.ndarray) -> _Combined:
    texts = Transcripts.of(task.values)
    found = rover(tally, np.arange(tally.classes), backbone, weight, texts)
    # The words behind the codes, in the order in which `Transcripts` numbered them.
    words = list(dict.fromkeys(word for text in task.values if text for word in text.split(" ")))
    parts: list[list[str]] = [[] for _ in range(tally.items)]
    for item, token in zip(found.item.tolist(), found.token.tolist(), strict=True):
        parts[item].append(words[token])
    label = [" ".join(each) for each in parts]
    return label, label, found.confidence


def _vote(task: Typed, tally: Tally, _: np.ndarray, __: np.ndarray) -> _Combined:
    found = cover(tally, task.values)
    label = [
        json.dumps(
            [
                {"start": start, "end": end} | ({"label": name} if name else {})
                for name, start, end in value
            ],
            ensure_ascii=False,
        )
        for value in found.labels
    ]
    return found.labels, label, found.probability


def _fusion(task: Typed, tally: Tally, _: np.ndarray, __: np.ndarray) -> _Combined:
    found = box_fusion.fuse(tally, np.arange(tally.classes), Boxes.of(task.values))
    names = list(dict.fromkeys(box[0] for value in task.values for box in value))
    parts: list[list[tuple[Any, ...]]] = [[] for _ in range(tally.items)]
    columns = (found.item.tolist(), found.label.tolist(), found.corners.tolist())
    for item, label, corners in zip(*columns, strict=True):
        parts[item].append((names[label], *corners))
    values = [tuple(sorted(each)) for each in parts]
    texts = [
        json.dumps(
            [{"box": list(box[1:])} | ({"label": box[0]} if box[0] else {}) for box in value],
            ensure_ascii=False,
        )
        for value in values
    ]
    return values, texts, found.probability


_COMBINED: dict[str, Callable[[Typed, Tally, np.ndarray, np.ndarray], _Combined]] = {
    "rover": _rover,
    "vote": _vote,
    "fusion": _fusion,
}


def _against_gold(task: Typed, values: list[Any], plain: np.ndarray) -> dict[str, Any]:
    known = np.flatnonzero(task.gold >= 0)
    if not len(known):
        return {"accuracy": None, "gold_items": 0}
    gold = task.gold[known]
    mine = [values[item] for item in known.tolist()]
    # The combined labels are values of their own, behind those that somebody gave.
    distance = TYPES[task.type].prepare([*task.values, *mine])
    own = len(task.values) + np.arange(len(mine))
    equal = [value == task.values[code] for value, code in zip(mine, gold.tolist(), strict=True)]
    base = plain[known]
    return {
        "accuracy": float(np.mean(equal)),
        "similarity": float(1 - distance.between(own, gold).mean()),
        "baseline": {
            "accuracy": float(np.mean(base == gold)),
            "similarity": float(1 - task.distance.between(base, gold).mean()),
        },
        "gold_items": len(known),
    }
