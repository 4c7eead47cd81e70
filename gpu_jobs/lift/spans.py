"""Recipe `spans`: a token head on the vectors of words in their texts.

An answer is a JSON list of spans (`distances.spans`). Each word that a span touches has the span's
label, each other one the class O; a row of the run is a word. Which words follow each other in one
class is read as a span, so two spans of one class that touch become one.
"""

from functools import partial

import numpy as np

from gpu_jobs.contracts import InputError
from gpu_jobs.distances.spans import parse
from gpu_jobs.encoders.hub import MINILM
from gpu_jobs.encoders.texts import word_encoder, words_of
from gpu_jobs.lift.encoded import each, mark_of
from gpu_jobs.lift.metrics import OUTSIDE
from gpu_jobs.lift.problem import Rows
from gpu_jobs.lift.recipe import Recipe

UNNAMED = "span"
"""The class of spans without a label."""


def spans(name: str = MINILM) -> Recipe:
    made = partial(word_encoder, name)
    return Recipe(
        name="spans",
        encode=partial(each, made),
        says=(
            f"The model is a logistic regression on vectors of words by {name}, each in its text,"
            " which is not trained further; a row is a word. Test texts are drawn whole."
        ),
        inputs=("text",),
        mark=partial(mark_of, made),
        encoder=name,
        expand=expanded,
    )


def expanded(rows: Rows, keys: list[str]) -> tuple[Rows, list[int], list[str]]:
    """Rows of words, the place of each word's text among the rows, and keys.

    Raises InputError for an answer that is no list of spans, or reaches beyond its text.
    """
    words: list[object] = []
    labels: list[str] = []
    source: list[int] = []
    named: list[str] = []
    for row, (value, answer, key) in enumerate(zip(rows.inputs, rows.label, keys, strict=True)):
        text = str(value)
        found = words_of(text)
        label = _labels(answer, text, [(start, end) for _, start, end in found])
        words += [word for word, _, _ in found]
        labels += label
        source += [row] * len(found)
        named += [f"{key}\x1e{place:06d}" for place in range(len(found))]
    group = [rows.group[row] for row in source] if len(rows.group) else ()
    item = [rows.item[row] for row in source] if len(rows.item) else ()
    return Rows(inputs=words, label=labels, group=group, item=item), source, named


def _labels(answer: str, text: str, places: list[tuple[int, int]]) -> list[str]:
    try:
        found = parse(answer)
    except (ValueError, TypeError) as error:
        raise InputError(f"the answer {answer[:60]!r} {error}") from error
    start = np.array([a for a, _ in places], dtype=np.int64)
    end = np.array([b for _, b in places], dtype=np.int64)
    label = np.full(len(places), OUTSIDE, dtype=object)
    for name, first, last in found:
        if last > len(text):
            raise InputError(f"the answer {answer[:60]!r} has a span beyond the end of its text")
        label[(start < last) & (end > first)] = name or UNNAMED
    return [str(one) for one in label]
