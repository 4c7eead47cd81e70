"""Models and labelling functions of a project: their answers, and more of them from a file."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from apps.core.errors import WagefileError
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects import actions, permissions
from apps.projects.enums import AnnotatorKind, ProjectState
from apps.projects.forms.pages import AnswersForm
from apps.projects.models import AnnotatorAnswer, ItemImport, Project
from apps.projects.views.gates import managed, seen

SHOWN = 20


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """Read by everybody of the organization; a file is taken from those who manage the project."""
    if request.method != "POST":
        project = seen(request, project_id)
        return _page(request, project, AnswersForm(currency=project.currency))
    project = managed(request, project_id)
    form = AnswersForm(request.POST, request.FILES, currency=project.currency)
    if not form.is_valid():
        return _page(request, project, form, status=422)
    file = form.cleaned_data["file"]
    try:
        load = actions.start_import(
            project_id=project.id,
            name=file.name,
            content=file.chunks(),
            annotators=form.cleaned_data["kind"],
            tokens_per_answer=form.cleaned_data["tokens"],
            price_per_million=form.cleaned_data["price"],
            by=request.actor,
            now=request.now,
        )
    except WagefileError as refusal:
        named = getattr(refusal, "field", None)
        form.add_error(named if named in form.fields else "file", refusal.sentence)
        return _page(request, project, form, status=refusal.status)
    return redirect("projects:import", project.id, load.id)


def _page(
    request: HttpRequest, project: Project, form: AnswersForm, *, status: int = 200
) -> HttpResponse:
    counts = (
        AnnotatorAnswer.objects.visible_to(request.actor)
        .filter(project=project)
        .values("kind", "annotator")
        .annotate(answers=Count("id"))
        .order_by("kind", "annotator")
    )
    context = {
        "project": project,
        "form": form,
        "annotators": [{**row, "label": AnnotatorKind(row["kind"]).label} for row in counts],
        "imports": project.imports.exclude(annotators="").order_by("-created_at")[:SHOWN],
        "can_manage": permissions.can_manage(request.actor, project),
        "is_open": project.state not in {ProjectState.CLOSING, ProjectState.CLOSED},
        "can_withdraw": project.state != ProjectState.CLOSED,
    }
    return render(request, "projects/annotators.html", context, status=status)


@login_required
@require_POST
def withdraw(request: HttpRequest, project_id: uuid.UUID, import_id: uuid.UUID) -> HttpResponse:
    """Take all answers of one file out again."""
    managed(request, project_id)
    load = ItemImport.objects.filter(project_id=project_id, id=import_id).exclude(annotators="")
    if not load.exists():
        raise Http404("There is no such file of answers.")
    try:
        actions.withdraw_answers(import_id=import_id, by=request.actor, now=request.now)
    except WagefileError as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "The answers of this file no longer count.")
    return redirect("projects:annotators", project_id)
