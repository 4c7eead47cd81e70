"""Pages of releases: list, ask for one, watch it, download its files."""

import uuid

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from apps.core import blobs
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.exports import actions as exports
from apps.exports import rules
from apps.exports.models import Release
from apps.exports.queries import releases as queries
from apps.organizations.enums import Permission
from apps.organizations.permissions import can, check
from apps.projects.models import Project

CONTENT_TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}

RELEASES = Table(
    Column("release", "Release", "number"),
    Column("state", "State", "state"),
    Column("made", "Made", "created_at"),
    Column("answers", "Answers", is_number=True),
    sort="-release",
    size=30,
    is_long=False,
)


@require_safe
def of_project(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    project = get_object_or_404(Project.objects.visible_to(request.actor), id=project_id)
    context = {
        "project": project,
        "page": RELEASES.page(request, queries.releases(project.id, request.actor)),
        "may_release": can(request.actor, Permission.RELEASE, org_id=project.org_id),
    }
    return render(request, "exports/project.html", context)


@require_POST
def make(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(Project.objects.visible_to(request.actor), id=project_id)
    release = exports.make_release(project_id=project_id, by=request.actor, now=request.now)
    return redirect("exports:detail", release_id=release.id)


@require_safe
def detail(request: HttpRequest, release_id: uuid.UUID) -> HttpResponse:
    release = get_object_or_404(
        Release.objects.visible_to(request.actor).select_related("project"), id=release_id
    )
    context = {
        "release": release,
        "project": release.project,
        "files": [(name, file, rules.about(name)) for name, file in sorted(release.files.items())],
        "may_release": can(request.actor, Permission.RELEASE, org_id=release.org_id),
    }
    return render(request, "exports/release.html", context, partial="release")


@require_safe
def download(request: HttpRequest, release_id: uuid.UUID, name: str) -> FileResponse:
    release = get_object_or_404(Release.objects.visible_to(request.actor), id=release_id)
    check(request.actor, Permission.RELEASE, org_id=release.org_id)
    if name not in release.files:
        raise Http404
    path = blobs.path(release.files[name]["sha256"])
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=name,
        content_type=rules.MEDIA_TYPE
        if name == rules.CROISSANT
        else CONTENT_TYPES[name.rsplit(".", 1)[-1]],
    )
