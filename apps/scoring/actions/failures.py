"""Who is told that a run failed: those who manage its project, and the staff."""

import datetime as dt

from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.scoring.models import LiftRun, ScoringRun


def tell(
    run: ScoringRun | LiftRun, *, title: str, called: str, means: str, now: dt.datetime
) -> None:
    """called: what the staff knows the run as. means: what follows for the buyer."""
    notices.tell(
        people_with(Permission.MANAGE_PROJECTS, org_id=run.org_id),
        kind=Notices.RUN_FAILED,
        title=title,
        body=f"{run.error}\n\n{means}",
        url=reverse("projects:detail", args=[run.project_id]),
        now=now,
    )
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_RUN,
        title=title,
        body=f"{called} {run.id}: {run.error}",
        url=reverse("pages:staff"),
        now=now,
    )
