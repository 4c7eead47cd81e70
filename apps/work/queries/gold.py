"""Known answers: those that a contributor missed and may be told of, and those of a project."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Coalesce

from apps.core.tenancy import Actor
from apps.projects.enums import GoldState
from apps.projects.models import GoldAnswer, Project
from apps.projects.rules import Kind
from apps.tasktypes import registry
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, Verdict

S = AssignmentState


@dataclass(frozen=True, slots=True)
class Missed:
    """`known` is the answer that was taken for right, in words; "" where it is not told."""

    known: str
    explanation: str


def missed(
    actor: Actor, now: dt.datetime, project_id: uuid.UUID | None = None
) -> dict[uuid.UUID, Missed]:
    """Own assignment → the known answer that it missed. Only after the review: see the SQL function
    `work_gold_missed`, which alone may read known answers for a contributor.
    """
    if actor.user_id is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT assignment_id, answer::text, explanation FROM work_gold_missed(%s, %s)",
            [project_id, now],
        )
        found = {row[0]: (json.loads(row[1]), row[2]) for row in cursor.fetchall()}
    if not found:
        return {}
    rows = Assignment.objects.of_contributor(actor).filter(id__in=found).select_related("criteria")
    return {row.id: Missed(in_words(row, found[row.id][0]), found[row.id][1]) for row in rows}


def missed_in_qualification(actor: Actor, project_id: uuid.UUID) -> dict[uuid.UUID, Missed]:
    """Own assignment → what can be contested of a qualification that is over. `known` is "": the
    next attempt may be given the same items.
    """
    if actor.user_id is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM work_qualification_missed(%s)", [project_id])
        return {row[0]: Missed("", row[1]) for row in cursor.fetchall()}


def in_words(row: Assignment, answer: dict) -> str:
    """An answer as the criteria of this work say it."""
    task = row.criteria.body["task"]
    return registry.get(task["type"]).describe(task["config"], answer)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many known answers of a project are doubted, contested and demoted; `worn` are those in
    use that have been given as often as the criteria allow, and rest.
    """

    suspect: int
    contested: int
    demoted: int
    worn: int


# The states that a row is in besides being in use.
STATES: dict[GoldState, dict[str, Any]] = {
    GoldState.SUSPECT: {"is_suspect": True, "demoted_at": None},
    GoldState.CONTESTED: {"contested_until__isnull": False, "demoted_at": None},
    GoldState.DEMOTED: {"demoted_at__isnull": False},
}


def standing(project: Project) -> Standing:
    """Of ordinary work, in one query."""
    most = project.criteria_in_force.body["limits"].get("gold_exposure_max")
    counts = {state.value: Count("pk", filter=Q(**wanted)) for state, wanted in STATES.items()}
    if most:
        counts["worn"] = Count("pk", filter=Q(demoted_at=None, item__exposed__gte=most))
    rows = GoldAnswer.objects.filter(project=project, item__purpose="work").order_by()
    return Standing(**{"worn": 0, **rows.aggregate(**counts)})


def of_project(project: Project) -> QuerySet[GoldAnswer]:
    """Its known answers of ordinary work, in use and demoted; `doubt` is −1 before any run."""
    rows = GoldAnswer.objects.filter(project=project, item__purpose="work")
    return rows.select_related("item", "demoted_by").annotate(
        id=F("item_id"), doubt=Coalesce("wrong", -1.0)
    )


def rejections(item_id: int) -> tuple[int, int]:
    """How many rejections rest on the known answer of an item: can be appealed, final."""
    cited = Verdict.objects.filter(
        assignment__item_id=item_id,
        assignment__kind=Kind.WORK,
        outcome="rejected",
        is_bad_faith=False,
        scores__gold=False,
    )
    counts = cited.aggregate(
        open=Count("assignment_id", filter=Q(assignment__state=S.REJECTED), distinct=True),
        final=Count("assignment_id", filter=Q(assignment__state=S.FINAL), distinct=True),
    )
    return counts["open"], counts["final"]
