"""What was found about errors, as JSON values: for the command and for runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpu_jobs.answers import Answers
from gpu_jobs.errors import bias, confusion


def coded(texts: Sequence[str | None]) -> tuple[np.ndarray, list[str]]:
    """Codes int64 (n,) into the sorted names, −1 for blank."""
    names = sorted({text for text in texts if text is not None})
    place: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    return np.array([place.get(text, -1) for text in texts], dtype=np.int64), names


def pairs(answers: Answers, truth: np.ndarray, top: int) -> list[dict[str, Any]]:
    """The most confused pairs, with the items on which it happened most; truth (I,)."""
    return [
        {
            "truth": answers.classes[pair.truth],
            "answer": answers.classes[pair.answer],
            "count": pair.count,
            "rate": pair.rate,
            "low": pair.low,
            "high": pair.high,
            "items": [answers.items[code] for code in pair.items],
        }
        for pair in confusion.confused_pairs(answers, truth, top=top)
    ]


def rows(found: bias.Gap, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row a group that is shown."""
    return [
        {
            "name": name,
            "people": int(found.people[i]),
            "answers": int(found.answers[i]),
            "error_rate": number(found.share[i]),
            "low": number(found.low[i]),
            "high": number(found.high[i]),
            "difference": number(found.difference[i]),
            "apart": bool(found.apart[i]),
        }
        for i, name in enumerate(names)
        if found.shown[i]
    ]


def leanings(
    answers: Answers, truth: np.ndarray, group: np.ndarray, names: Sequence[str]
) -> list[dict[str, Any]]:
    """A row a group and class; truth and group (n,)."""
    found = bias.leanings(
        answers.value,
        truth,
        group,
        answers.worker,
        classes=len(answers.classes),
        groups=len(names),
    )
    return [
        {
            "name": name,
            "answer": answer,
            "lean": number(found.lean[g, c]),
            "low": float(found.low[g, c]),
            "high": float(found.high[g, c]),
            "apart": bool(found.apart[g, c]),
        }
        for g, name in enumerate(names)
        for c, answer in enumerate(answers.classes)
    ]


def number(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if np.isnan(value) else float(value)
