"""The one private move of a project between states, and what every action begins with."""

import datetime as dt
import uuid

from django.db import IntegrityError
from django.urls import reverse

from apps.audit import actions as audit
from apps.core.errors import Conflict, IllegalTransition, NotThere, broken_by
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects.enums import PROJECT_TRANSITIONS, ProjectState
from apps.projects.models import Offer, Project

FROZEN = (
    "The money of this organization is frozen by a chargeback: see the wallet. Work that is "
    "claimed goes on and stays paid."
)


def locked(project_id: uuid.UUID, *, by: Actor) -> Project:
    """The project, locked until the end of the transaction. NotThere for a foreign one."""
    found = (
        Project.objects.visible_to(by)
        .select_for_update(of=("self",), no_key=True)
        .select_related("org", "criteria")
        .filter(id=project_id)
        .first()
    )
    if found is None:
        raise NotThere("There is no such project.")
    return found


def check_not_frozen(project: Project) -> None:
    """No money of the buyer's moves while a payment of theirs is disputed, or the loss is owed."""
    if project.org.frozen_at is not None:
        raise Conflict(FROZEN)


def record(project: Project, event: str, *, by: Actor, now: dt.datetime, **data: object) -> None:
    """An event on the project's chain: ids and numbers only."""
    audit.record(
        audit.Event(f"project.{event}", ("project", project.id), project.org_id, dict(data)),
        by=by,
        now=now,
    )


def move(
    project: Project, state: ProjectState, *, by: Actor, now: dt.datetime, **data: object
) -> None:
    """Check the transition table, save, keep the offer's state in step, write the evidence."""
    if state not in PROJECT_TRANSITIONS[project.state]:
        raise IllegalTransition(f"A {project.state} project cannot become {state}.")
    before, project.state = project.state, state
    if state == ProjectState.CLOSED:
        project.closed_at = now
    try:
        project.save()
    except IntegrityError as error:
        # The freeze came after `check_not_frozen` had looked: the database has the last word.
        if broken_by(error) == "project_not_frozen":
            raise Conflict(FROZEN) from error
        raise
    Offer.objects.filter(project=project).update(state=state, updated_at=now)
    record(project, str(state), by=by, now=now, before=before, **data)


def tell_managers(
    project: Project,
    title: str,
    body: str,
    *,
    now: dt.datetime,
    kind: Notices = Notices.PROJECT,
    key: str | None = None,
) -> None:
    notices.tell(
        people_with(Permission.MANAGE_PROJECTS, org_id=project.org_id),
        kind=kind,
        title=title,
        body=body,
        url=reverse("projects:detail", args=[project.id]),
        key=key,
        now=now,
    )
