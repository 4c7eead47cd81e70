"""Writing a project: kept step by step, complete or not."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping

from django.db import transaction

from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import Actor
from apps.organizations import permissions as organizations
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.projects import permissions
from apps.projects.actions.moves import locked, record
from apps.projects.enums import Layer, ProjectState, Visibility
from apps.projects.models import Item, Project, ProjectDraft
from apps.projects.queries import SECTIONS
from apps.projects.queries.criteria import whole

DRAFT_BYTES_MAX = 1_000_000


def create(
    *, org_id: uuid.UUID, title: str, by: Actor, now: dt.datetime, is_simulated: bool = False
) -> Project:
    """A draft without anything in it but its title. `is_simulated` marks a made-up crowd."""
    with transaction.atomic():
        organizations.check(by, Permission.MANAGE_PROJECTS, org_id=org_id)
        if by.user_id is None:
            raise NotAllowed("A project is created by a person.")
        org = Organization.objects.visible_to(by).filter(id=org_id).first()
        if org is None:
            raise NotThere("There is no such organization.")
        project = Project.objects.create(
            org=org,
            title=_title(title),
            currency=org.currency,
            is_simulated=is_simulated,
            created_at=now,
            created_by_id=by.user_id,
        )
        ProjectDraft.objects.create(project=project, org=org, body={}, saved_at=now)
        record(project, "created", by=by, now=now)
        return project


def save_draft(
    *, project_id: uuid.UUID, step: str, data: Mapping, by: Actor, now: dt.datetime
) -> ProjectDraft:
    """Keep one section of the draft (see the package's docstring), incomplete ones too.

    Of a live project this writes what the next version of its criteria would say.
    """
    with transaction.atomic():
        project = locked(project_id, by=by)
        permissions.check_can_manage(by, project)
        if project.state in {ProjectState.CLOSING, ProjectState.CLOSED}:
            raise Conflict("A project that closes is not written any further.")
        if step not in SECTIONS:
            raise Invalid(f"A draft has no section {step!r}.")
        draft, _ = ProjectDraft.objects.select_for_update(of=("self",), no_key=True).get_or_create(
            project=project, defaults={"org_id": project.org_id, "saved_at": now}
        )
        before = draft.body.get(step) or {}
        draft.body = {**draft.body, step: dict(data)}
        _check_storable(draft.body)
        draft.saved_at = now
        draft.save()
        if project.state == ProjectState.DRAFT:
            _follow(project, step, before, data)
        return draft


def _title(title: str) -> str:
    title = title.strip()
    if not title or len(title) > 120:
        raise Invalid("Give the project a title of at most 120 characters.", field="title")
    return title


def _check_storable(body: Mapping) -> None:
    """What PostgreSQL and the hash can hold: no NUL, no half characters, no NaN."""
    try:
        text = json.dumps(body, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError):
        raise Invalid("This step holds something that cannot be stored as text.") from None
    if "\\u0000" in text:
        raise Invalid("This step holds a NUL character, which cannot be stored.")
    if size > DRAFT_BYTES_MAX:
        raise Invalid("The draft is longer than a million characters.")


def _follow(project: Project, step: str, before: Mapping, data: Mapping) -> None:
    """The row of a draft project shows what its draft says; items follow the overlap."""
    if step == "work":
        project.title = str(data.get("title") or "").strip()[:120] or project.title
        project.task_type = str(data.get("task_type") or "")[:30]
        if data.get("layer") in Layer.values:
            project.layer = str(data["layer"])
        if data.get("visibility") in Visibility.values:
            project.visibility = str(data["visibility"])
        project.save(update_fields=["title", "task_type", "layer", "visibility"])
    elif step == "items":
        old, new = whole(before.get("overlap"), 1), whole(data.get("overlap"), 1)
        if old != new and 1 <= new <= 1000:
            # Items whose row named no overlap took the default of their day.
            Item.objects.filter(project=project, overlap=old).update(overlap=new, open_slots=new)
