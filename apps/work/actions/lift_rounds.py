"""A round of measuring: asked for by somebody or by a rule, begun by a worker."""

import datetime as dt

from django.db import IntegrityError, transaction

from apps.audit import actions as audit
from apps.audit.actions import Event
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor
from apps.projects.models import Project
from apps.scoring.enums import Reason
from apps.work.models import LiftRound


def ask(
    project: Project,
    reason: Reason,
    *,
    by: Actor,
    now: dt.datetime,
    seed: int = 0,
    further: int | None = None,
) -> LiftRound | None:
    """A round for this reason; None when one waits already."""
    try:
        with transaction.atomic():
            made = LiftRound.objects.create(
                org_id=project.org_id,
                project=project,
                reason=reason,
                asked_at=now,
                asked_by_id=by.user_id,
                seed=seed,
                further=further,
            )
    except IntegrityError:
        return None
    audit.record(
        Event(
            "project.lift_asked", ("project", project.id), project.org_id,
            {"round": made.id, "reason": reason, "seed": seed},
        ),
        by=by,
        now=now,
    )  # fmt: skip
    enqueue("work.begin_lift", id=made.id, org_id=made.org_id)
    return made
