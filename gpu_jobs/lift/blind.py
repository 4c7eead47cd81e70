"""Answers of people and of a model for a grader who must not know which is which.

Each different answer to an item stands in the list once, in random order under a number; who gave
it, and how many, stands in the key alone. Grades come back by number: 1 right, 0 wrong, or
anything between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.answers import Answers
from gpu_jobs.contracts import InputError
from gpu_jobs.lift.human import RESAMPLES, Figure


@dataclass(frozen=True)
class Entry:
    """number: in the list, from 1. workers: who gave this answer; only the key may show it."""

    number: int
    item: str
    answer: str
    workers: tuple[str, ...]


def blind_list(answers: Answers, *, seed: int = 0) -> list[Entry]:
    """Every (item, answer) once, in an order that tells nothing. Raises InputError for none."""
    if not len(answers):
        raise InputError("there are no answers to be graded")
    key = answers.item * len(answers.classes) + answers.value
    found, place = np.unique(key, return_inverse=True)
    who: list[list[str]] = [[] for _ in found]
    for row, at in enumerate(place.tolist()):
        who[at].append(answers.workers[answers.worker[row]])
    order = np.random.default_rng([seed, 9]).permutation(len(found))
    return [
        Entry(
            number=number,
            item=answers.items[int(found[at]) // len(answers.classes)],
            answer=answers.classes[int(found[at]) % len(answers.classes)],
            workers=tuple(sorted(who[at])),
        )
        for number, at in enumerate(order.tolist(), start=1)
    ]


@dataclass(frozen=True)
class Graded:
    """Mean grades over items that both answered; a difference is paired by item."""

    items: int
    model: Figure
    people: Figure
    people_over_model: Figure


def graded(
    entries: Sequence[Entry],
    grades: Mapping[int, float],
    *,
    machines: set[str],
    model: str,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Graded:
    """Raises InputError for a grade outside of 0 to 1, a number that is not in the list, an entry
    without a grade, and when no two items were answered by both.
    """
    numbers = {entry.number for entry in entries}
    for number, grade in grades.items():
        if number not in numbers:
            raise InputError(f"number {number} of the grades is not in the list")
        if not 0 <= grade <= 1:
            raise InputError(f"the grade of number {number} must be from 0 to 1, not {grade:g}")
    of_model: dict[str, list[float]] = {}
    of_people: dict[str, list[float]] = {}
    for entry in entries:
        if entry.number not in grades:
            raise InputError(f"number {entry.number} of the list has no grade")
        for worker in entry.workers:
            if worker == model:
                of_model.setdefault(entry.item, []).append(grades[entry.number])
            elif worker not in machines:
                of_people.setdefault(entry.item, []).append(grades[entry.number])
    both = sorted(set(of_model) & set(of_people))
    if len(both) < 2:
        raise InputError("fewer than two items were answered by the model and by a person")
    means = np.array([[np.mean(of_model[name]), np.mean(of_people[name])] for name in both])
    rng = np.random.default_rng([seed, 10])
    picked = rng.multinomial(len(both), np.full(len(both), 1 / len(both)), size=resamples)

    def figure(values: np.ndarray) -> Figure:
        low, high = np.quantile(picked @ values / len(both), (0.025, 0.975))
        return Figure(float(values.mean()), float(low), float(high))

    return Graded(
        items=len(both),
        model=figure(means[:, 0]),
        people=figure(means[:, 1]),
        people_over_model=figure(means[:, 1] - means[:, 0]),
    )
