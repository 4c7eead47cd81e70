"""A chargeback pauses projects: whoever has open work in them is told that it stays paid."""

import datetime as dt

from django.urls import reverse

from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments import actions as payments
from apps.payments.models import Dispute
from apps.projects.models import Project
from apps.work.actions.told import readers
from apps.work.enums import AssignmentState
from apps.work.models import Assignment

OPEN = (
    AssignmentState.CLAIMED,
    AssignmentState.SUBMITTED,
    AssignmentState.REWORK,
    AssignmentState.REJECTED,
)


def tell_frozen(*, dispute: Dispute, by: Actor, now: dt.datetime) -> None:
    """Once a dispute, project and person. An upward need: the dispute is a row until it is told."""
    projects = Project.objects.filter(org_id=dispute.org_id, frozen_at__isnull=False)
    for project in projects.order_by("id"):
        rows = Assignment.objects.filter(project=project, state__in=OPEN)
        people = readers(set(rows.values_list("contributor_id", flat=True)))
        notices.tell(
            sorted(people),
            kind=Notices.PROJECT_FROZEN,
            title=f"{project.title} is paused",
            body="A payment of the buyer is disputed, so nothing new is given out. What you have "
            "claimed you can finish; its pay is reserved, and what is accepted stays paid.",
            url=reverse("work:desk", args=[project.id]),
            key=f"frozen:{dispute.id}:{project.id}",
            now=now,
        )
    payments.note_workers_told(dispute_id=dispute.id, by=by, now=now)
