"""What answers since the last full run have changed, for the pages of both sides."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.core.tenancy import Actor
from apps.projects.models import Item, Project
from apps.work.models import OnlineScore, OnlineState


@dataclass(frozen=True, slots=True)
class Changed:
    """An item that was answered since the run: its label then and now, in words."""

    item: Item
    before: str
    label: str
    probability: float
    answers: int


@dataclass(frozen=True, slots=True)
class Since:
    """State of a project, its last items in words."""

    state: OnlineState
    last: Sequence[Changed]

    @property
    def alpha_change(self) -> float | None:
        figures = self.state.figures
        if figures.get("alpha") is None or figures.get("alpha_before") is None:
            return None
        return figures["alpha"] - figures["alpha_before"]


def of_project(project: Project, actor: Actor) -> Since | None:
    """None before the first full run is taken."""
    state = (
        OnlineState.objects.visible_to(actor).filter(project=project).select_related("run").first()
    )
    if state is None:
        return None
    rows = state.figures.get("last", [])
    items = Item.objects.in_bulk([int(row["item"]) for row in rows])
    words = _words(project)
    return Since(
        state,
        [
            Changed(
                item=items[int(row["item"])],
                before=words(row["before"]),
                label=words(row["label"]),
                probability=row["probability"],
                answers=row["answers"],
            )
            for row in rows
            if int(row["item"]) in items
        ],
    )


class _Words:
    """Keys of answers in the words of the task, as far as it has choices."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def __call__(self, key: str | None) -> str:
        return "undecided" if key is None else self.names.get(key, key)


def _words(project: Project) -> _Words:
    config = project.criteria_in_force.body["task"]["config"]
    return _Words({choice["key"]: choice["label"] for choice in config.get("choices", [])})


def of_contributor(actor: Actor, projects: Sequence[uuid.UUID]) -> dict[uuid.UUID, OnlineScore]:
    """Project → the own score since its last full run."""
    rows = OnlineScore.objects.of_contributor(actor).filter(project_id__in=projects)
    return {row.project_id: row for row in rows}
