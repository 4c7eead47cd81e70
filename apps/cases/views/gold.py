"""Taking a known answer back: by a manager of the buyer, or by an administrator."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.audit.views import Seen, staff_only
from apps.cases import actions as cases
from apps.cases.enums import CaseKind
from apps.cases.forms import DemoteForm
from apps.cases.models import Case
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects.models import Project
from apps.projects.queries import pictures
from apps.projects.views.gates import managed
from apps.tasktypes import registry
from apps.work.queries import gold as golds


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def demote(request: HttpRequest, project_id: uuid.UUID, gold: int) -> HttpResponse:
    return _page(request, managed(request, project_id), gold, list_name="pages:project-gold")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def staff_demote(
    request: HttpRequest, seen: Seen, project_id: uuid.UUID, gold: int
) -> HttpResponse:
    rows = Project.objects.visible_to(request.actor).select_related("org", "criteria")
    project = get_object_or_404(rows, id=project_id)
    seen.add("gold", gold, project.org_id)
    return _page(request, project, gold, list_name="pages:staff-gold")


def _page(request: HttpRequest, project: Project, item_id: int, *, list_name: str) -> HttpResponse:
    row = get_object_or_404(golds.of_project(project), item_id=item_id)
    list_url = reverse(list_name, args=[project.id])
    form = DemoteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cases.demote_gold(
                project_id=project.id,
                item_id=item_id,
                reason=form.cleaned_data["reason"],
                by=request.actor,
                now=request.now,
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request, "Demoted. Scores are computed anew; everybody concerned is told."
            )
            return redirect(list_url)
    task, payload = project.criteria_in_force.body["task"], row.item.payload
    names = registry.get(task["type"]).assets(payload)
    shown = project.assets.filter(name__in=names).order_by("name").values_list("sha256", flat=True)
    is_open, is_final = golds.rejections(item_id)
    contests = Case.objects.visible_to(request.actor).open().filter(kind=CaseKind.GOLD_CONTEST)
    context = {
        "form": form,
        "project": project,
        "gold": row,
        "known": registry.get(task["type"]).describe(task["config"], row.answer),
        "fields": [(name, value) for name, value in payload.items() if value not in names],
        "pictures": [pictures.link(sha256=sha, subject=project.id) for sha in shown],
        "open": is_open,
        "final": is_final,
        "contests": contests.filter(assignment__item_id=item_id).count(),
        "list_url": list_url,
    }
    return render(request, "cases/demote_gold.html", context, status=status_of(form))
