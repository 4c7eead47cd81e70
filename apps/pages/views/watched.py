"""What a run says of signals about people and of annotators that are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.projects.models import Project
from apps.projects.rules import MEANINGS
from apps.scoring.models import ScoringRun
from apps.scoring.rules import Z_95, Share, share_of
from apps.work.models import Score
from apps.work.views.buyer import pseudonym

FAMILIES = {
    "time": "time",
    "pattern": "pattern",
    "crowd": "other people's answers",
    "copying": "copying",
    "change": "change over time",
}
NEEDED = 2


@dataclass(frozen=True, slots=True)
class Watched:
    """One signal: how many people had answers enough to be judged by it, for how many it speaks."""

    name: str
    meaning: str
    family: str
    threshold: float
    judged: int
    speaks: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody about whom signals of two families speak: a reason to read, and nothing else."""

    who: str
    signals: Sequence[str]


@dataclass(frozen=True, slots=True)
class Machine:
    """A model or a labelling function. `matrix`: label → (answer, share of the row's answers)."""

    name: str
    kind: str
    answers: int
    agreed: Share | None
    gold: Share | None
    matrix: Sequence[tuple[str, Sequence[tuple[str, Share]]]]


def signals_of(anomalies: Mapping) -> list[Watched]:
    """In the order of the families; empty for runs that kept none."""
    judged = anomalies.get("judged") or {}
    found = [
        Watched(
            name=name,
            meaning=MEANINGS[name],
            family=FAMILIES.get(row["family"], row["family"]),
            threshold=row["threshold"],
            judged=row["judged"],
            speaks=anomalies["signals"][name],
        )
        for name, row in judged.items()
        if name in MEANINGS
    ]
    return sorted(found, key=lambda row: (list(FAMILIES.values()).index(row.family), row.name))


def flagged(project: Project, run: ScoringRun) -> list[Person]:
    """Under the names of the review page, those with most signals first."""
    judged = ((run.result or {}).get("anomalies") or {}).get("judged") or {}
    rows = Score.objects.filter(run=run).values_list("contributor_id", "signals")
    found = []
    for person, signals in rows:
        speaking = [name for name, speaks in signals.items() if speaks]
        if len({judged[name]["family"] for name in speaking if name in judged}) >= NEEDED:
            found.append(
                Person(
                    pseudonym(project.id, person),
                    [MEANINGS[name] for name in sorted(speaking)],
                )
            )
    return sorted(found, key=lambda row: (-len(row.signals), row.who))


def machines_of(figures: Mapping, names: Mapping[str, str]) -> list[Machine]:
    """names: answer → its label, for tasks with choices."""
    non_human = (figures.get("labels") or {}).get("non_human") or {}
    matrices, classes = non_human.get("confusion") or {}, non_human.get("classes") or []
    found = []
    for worker, row in sorted((figures.get("machines") or {}).items()):
        kind, _, name = worker.partition(":")
        found.append(
            Machine(
                name=name,
                kind={"model": "Model", "function": "Labelling function"}.get(kind, kind),
                answers=row["answers"],
                agreed=share_of(row["agreed"], row["labelled"], Z_95) if row["labelled"] else None,
                gold=Share(row["correct"], row["gold"], row["q"], row["low"], row["high"])
                if row["gold"]
                else None,
                matrix=_matrix(matrices.get(worker), classes, names),
            )
        )
    return found


def _matrix(
    counts: Sequence[Sequence[int]] | None, classes: Sequence[str], names: Mapping[str, str]
) -> list[tuple[str, list[tuple[str, Share]]]]:
    if counts is None or len(classes) != len(counts):
        return []
    words = [names.get(key, key) for key in classes]
    return [
        (
            words[place],
            [(words[given], share_of(row[given], sum(row), Z_95)) for given in range(len(words))],
        )
        for place, row in enumerate(counts)
        if sum(row)
    ]
