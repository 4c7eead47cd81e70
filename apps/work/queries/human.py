"""Was the human needed? What the last comparison of models with people says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.money import half_even
from apps.core.tenancy import Actor
from apps.projects.enums import AnnotatorKind
from apps.projects.models import AnnotatorAnswer, Project
from apps.scoring import queries as scoring
from apps.scoring.enums import RunState
from apps.scoring.models import ScoringRun

KIND = "human"
ITEMS = 1_000  # that a price is said for
_MICROS = 1_000_000  # of a minor unit


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to get labels: the share that is right, its 95% interval (None where the money does
    not buy it), and what 1,000 items cost, in minor units.
    """

    title: str
    value: float | None
    low: float | None
    high: float | None
    cost: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A model on `items` with a known answer that people have answered, too.

    `graded_model` and `graded_people` are the mean blind grades of single answers.
    """

    model: str
    items: int
    left_out: int
    arms: Sequence[Arm]
    says: str
    equal_says: str
    graded_model: float
    graded_people: float


@dataclass(frozen=True, slots=True)
class Human:
    """`run` is the newest, `done` the newest finished one, `has_models`: there are some."""

    run: ScoringRun | None
    done: ScoringRun | None
    models: Sequence[Compared]
    entries: int
    sheet: str
    has_models: bool

    @property
    def is_open(self) -> bool:
        return self.run is not None and self.run.state in {RunState.QUEUED, RunState.RUNNING}

    @property
    def error(self) -> str:
        return self.run.error if self.run is not None and self.run.state == "failed" else ""


def of_project(project: Project, actor: Actor) -> Human:
    runs = scoring.of_kind(project.id, KIND, actor)
    done = runs.filter(state=RunState.DONE).first()
    models = AnnotatorAnswer.objects.visible_to(actor).filter(
        project=project, kind=AnnotatorKind.MODEL
    )
    figures = (done.result or {})["human"] if done is not None else {}
    sheet = figures.get("sheet", {})
    return Human(
        run=runs.first(),
        done=done,
        models=[_compared(row, figures["price"]) for row in figures.get("models", [])],
        entries=sheet.get("entries", 0),
        sheet=sheet.get("sha256", ""),
        has_models=models.exists(),
    )


def _compared(row: Mapping[str, Any], price: int) -> Compared:
    """Costs from whole micro-units and whole answers, rounded once."""
    items = row["items"]
    of_model = half_even(row["price"] * ITEMS, _MICROS)
    micros = price * row["people_answers"] * ITEMS
    of_people = half_even(micros, items * _MICROS)
    of_both = half_even(micros + row["price"] * ITEMS * items, items * _MICROS)
    return Compared(
        model=row["model"].partition(":")[2],
        items=items,
        left_out=row["left_out"],
        arms=[
            _arm("The model alone", row["model_alone"], of_model),
            _arm("People alone", row["people_alone"], of_people),
            _arm("Both, for the money of people alone", row["equal"], of_people),
            _arm("Both, with all answers", row["both"], of_both),
        ],
        says=row["says"],
        equal_says=row["equal_says"],
        graded_model=row["graded"]["model"]["value"],
        graded_people=row["graded"]["people"]["value"],
    )


def _arm(title: str, figure: Mapping[str, float] | None, cost: int) -> Arm:
    if figure is None:
        return Arm(title, None, None, None, cost)
    return Arm(title, figure["value"], figure["low"], figure["high"], cost)
