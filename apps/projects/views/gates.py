"""What every page of a project begins with: the row, and whether this person may see it."""

import uuid

from django.db.models import QuerySet
from django.http import Http404

from apps.core.http import HttpRequest
from apps.organizations.enums import Permission
from apps.organizations.permissions import check
from apps.projects import permissions
from apps.projects.models import Project


def visible(request: HttpRequest) -> QuerySet[Project]:
    return Project.objects.visible_to(request.actor).select_related("org", "criteria")


def seen(request: HttpRequest, project_id: uuid.UUID) -> Project:
    """A project of one's own organization. Foreign ones are not there, for staff they are shut."""
    project = visible(request).filter(id=project_id).first()
    if project is None:
        raise Http404("There is no such project.")
    check(request.actor, Permission.VIEW, org_id=project.org_id)
    return project


def managed(request: HttpRequest, project_id: uuid.UUID) -> Project:
    """The same, for those who may write it."""
    project = seen(request, project_id)
    permissions.check_can_manage(request.actor, project)
    return project
