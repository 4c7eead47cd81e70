"""How far the work of a project is: counts for the page that its buyer watches.

Up to EXACT assignments they are counted for each page, so that a verdict shows at once. A larger
project is counted by `work.figures`, which is rung every few seconds, and its page reads what that
left: it costs the same whatever has been done.
"""

import uuid

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Least

from apps.core.tables import has_many
from apps.projects.enums import ItemPurpose, ItemState
from apps.projects.models import CriteriaVersion, Item, Project, ProjectFigures
from apps.projects.rules import AS_WORK, Kind
from apps.work.enums import AssignmentState
from apps.work.models import Assignment, EarningLine, Enrolment
from apps.work.queries import completeness

S = AssignmentState
# Where the counts are in `ProjectFigures.body`.
KEY = "progress"
BINS, BINS_AN_ESTIMATE = 13, 4


def of_project(project: Project) -> dict:
    """Counts as `counted` gives them, and `first_due`: when silence accepts the next answer."""
    waiting = Assignment.objects.filter(project=project, state=S.SUBMITTED)
    first = waiting.order_by("review_due_at").values_list("review_due_at", flat=True).first()
    return {**_counts(project), "first_due": first}


def _counts(project: Project) -> dict:
    if has_many(Assignment.objects.filter(project=project)):
        figures = ProjectFigures.objects.filter(project=project).first()
        if figures is not None and KEY in figures.body:
            return figures.body[KEY]
    return counted(project.id)


def counted(project_id: uuid.UUID) -> dict:
    """Answers by state, items and their slots, people, money in minor units, and `times`: answers
    in each quarter of the estimated time, the last bin open. Reads every row of the project.
    """
    work, as_work = Q(kind=Kind.WORK), Q(kind__in=AS_WORK)
    return {
        **Assignment.objects.filter(project_id=project_id).aggregate(
            open=Count("id", filter=as_work & Q(state=S.CLAIMED)),
            waiting=Count("id", filter=Q(state=S.SUBMITTED)),
            rework=Count("id", filter=Q(state=S.REWORK)),
            accepted=Count("id", filter=work & Q(state__in=[S.ACCEPTED, S.OVERTURNED])),
            rejected=Count("id", filter=as_work & Q(state__in=[S.REJECTED, S.FINAL])),
            qualification=Count("id", filter=Q(kind=Kind.QUALIFICATION, state=S.ACCEPTED)),
        ),
        **Item.objects.filter(
            project_id=project_id, purpose=ItemPurpose.WORK, state=ItemState.ACTIVE
        ).aggregate(
            items=Count("id"),
            answers=Sum("overlap", default=0),
            taken=Sum(F("overlap") - F("open_slots"), default=0),
            broken=Count("id", filter=Q(broken_reports__gt=0)),
        ),
        **EarningLine.objects.filter(project_id=project_id).aggregate(
            net=Sum("net", default=0), fee=Sum("fee", default=0)
        ),
        "people": Enrolment.objects.filter(project_id=project_id).count(),
        "completeness": completeness.counted(project_id),
        "times": _times(project_id),
    }


def _times(project_id: uuid.UUID) -> list[int]:
    """Empty while no answer is in."""
    body = (
        CriteriaVersion.objects.filter(project_id=project_id)
        .order_by("-number")
        .values_list("body", flat=True)
        .first()
    )
    if body is None:
        return []
    quarter = F("active_seconds") * BINS_AN_ESTIMATE / body["task"]["estimate_seconds"]
    counts = dict(
        Assignment.objects.filter(project_id=project_id, kind=Kind.WORK, submitted_at__isnull=False)
        .annotate(bin=Least(quarter, BINS - 1))
        .values_list("bin")
        .annotate(Count("id"))
        .order_by("bin")
    )
    return [counts.get(place, 0) for place in range(BINS)] if counts else []
