"""The one private move of a project between states, and what every action begins with."""

import datetime as dt
import uuid

from django.urls import reverse

from apps.audit import actions as audit
from apps.core.errors import IllegalTransition, NotThere
from apps.core.tenancy import Actor
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.queries import people_with
from apps.projects.enums import PROJECT_TRANSITIONS, ProjectState
from apps.projects.models import Offer, Project


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
    project.save()
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
