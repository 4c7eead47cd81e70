"""The known answers of a project: which are met, which are in doubt, which were taken back, why."""

import uuid
from dataclasses import dataclass

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from apps.audit.views import Seen, staff_only
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.tables import Column, Table
from apps.organizations.enums import Permission
from apps.organizations.permissions import check
from apps.projects import permissions
from apps.projects.enums import GoldState, ProjectState
from apps.projects.models import GoldAnswer, Project
from apps.projects.views.gates import seen as seen_by_buyer
from apps.scoring.rules import Z_95, Share, share_of
from apps.tasktypes import registry
from apps.work.queries import gold as golds

GOLD = Table(
    Column("item", "Item", "item__external_id"),
    Column("known", "Known answer"),
    Column("answers", "Answers", "answers", is_number=True),
    Column("exposed", "Given", "item__exposed", is_number=True),
    Column("against", "Gave another", is_number=True),
    Column("wrong", "Doubt", "is_suspect doubt", is_number=True),
    Column("state", "State"),
    Column("act", ""),
    sort="-wrong",
    size=50,
    is_long=False,
)


class GoldFilter(forms.Form):
    state = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *[(str(state), state.label) for state in golds.STATES]],
        help_text="Suspect: statistics doubt it. Contested: a contributor does.",
    )


@dataclass(frozen=True, slots=True)
class Row:
    """`against` is the share that gave another answer, with its 95% interval."""

    gold: GoldAnswer
    known: str
    against: Share | None


@login_required
@require_safe
def show(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    """For those of the buyer who see answers."""
    project = seen_by_buyer(request, project_id)
    check(request.actor, Permission.SEE_ANSWERS, org_id=project.org_id)
    return _page(request, project, may_demote=permissions.can_manage(request.actor, project))


@require_safe
@staff_only
def staff_show(request: HttpRequest, seen: Seen, project_id: uuid.UUID) -> HttpResponse:
    rows = Project.objects.visible_to(request.actor).select_related("org", "criteria")
    project = get_object_or_404(rows, id=project_id)
    seen.add("project", project.id, project.org_id)
    return _page(request, project, may_demote=True, is_staff=True)


def _page(
    request: HttpRequest, project: Project, *, may_demote: bool, is_staff: bool = False
) -> HttpResponse:
    if project.state == ProjectState.DRAFT:
        raise Http404("A draft has no scores of its known answers.")
    rows = golds.of_project(project)
    form = GoldFilter(request.GET)
    if form.is_valid() and form.cleaned_data["state"]:
        rows = rows.filter(**golds.STATES[GoldState(form.cleaned_data["state"])])
    page = GOLD.page(request, rows, hidden=[] if may_demote else ["act"])
    task = project.criteria_in_force.body["task"]
    kind = registry.get(task["type"])
    context = {
        "project": project,
        "page": page,
        "form": form,
        "counts": golds.standing(project),
        "rows": [
            Row(row, kind.describe(task["config"], row.answer), _against(row)) for row in page
        ],
        "most": project.criteria_in_force.body["limits"].get("gold_exposure_max"),
        "may_demote": may_demote,
        "is_staff": is_staff,
        "list_name": "pages:staff-gold" if is_staff else "pages:project-gold",
        "demote_name": "cases:staff-demote-gold" if is_staff else "cases:demote-gold",
    }
    return render(request, "pages/gold.html", context)


def _against(row: GoldAnswer) -> Share | None:
    if row.against is None or not row.answers:
        return None
    return share_of(round(row.against * row.answers), row.answers, Z_95)
