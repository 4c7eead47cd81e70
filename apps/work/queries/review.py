"""What waits for a buyer's review, project by project."""

import uuid
from collections.abc import Collection

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, Func, IntegerField, OuterRef, QuerySet, Subquery

from apps.core.tables import MOST_COUNTED
from apps.projects.models import Project
from apps.projects.rules import AS_WORK
from apps.work.enums import AssignmentState
from apps.work.models import Assignment


def waiting_in(project: OuterRef) -> Func:
    """How many answers of a project wait for a verdict, counted to one beyond MOST_COUNTED."""
    waiting = _waiting(project).values("id")[: MOST_COUNTED + 1]
    return Func(ArraySubquery(waiting), function="cardinality", output_field=IntegerField())


def is_waiting_in(project: OuterRef) -> Exists:
    """Whether any answer of a project waits for a verdict."""
    return Exists(_waiting(project))


def projects_waiting(org_ids: Collection[uuid.UUID]) -> QuerySet[Project]:
    """Projects of these with answers waiting: how many are `waiting`, when the first is `due`."""
    first = _waiting(OuterRef("id")).order_by("review_due_at").values("review_due_at")[:1]
    return (
        Project.objects.filter(org_id__in=org_ids, published_at__isnull=False)
        .select_related("org")
        .annotate(due=Subquery(first))
        .filter(due__isnull=False)
        .annotate(waiting=waiting_in(OuterRef("id")))
        .order_by(F("due"), "id")
    )


def _waiting(project: OuterRef) -> QuerySet[Assignment]:
    return Assignment.objects.filter(
        project_id=project, kind__in=AS_WORK, state=AssignmentState.SUBMITTED
    )
