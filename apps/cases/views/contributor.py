"""The contributor's side: own cases, and the appeal of a rejection."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.cases import actions as cases
from apps.cases import queries, rules
from apps.cases.forms import AppealForm, ContestForm, ContestLiftForm
from apps.cases.views.lists import CASES, CaseFilter, filtered
from apps.core.errors import NotThere, WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.projects.rules import Kind
from apps.work.enums import AssignmentState
from apps.work.models import Assignment
from apps.work.queries import gold, lift, scores


@login_required
@require_safe
def mine(request: HttpRequest) -> HttpResponse:
    form = CaseFilter(request.GET)
    rows = filtered(queries.of_contributor(request.actor), form)
    context = {"page": CASES.page(request, rows, hidden=["person"]), "form": form}
    return render(request, "cases/mine.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def appeal(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    own = Assignment.objects.of_contributor(request.actor)
    row = get_object_or_404(
        own.select_related("project", "criteria", "item").prefetch_related("lines"),
        id=assignment_id,
    )
    form = AppealForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            case = cases.appeal(
                assignment_id=row.id,
                reason=form.cleaned_data["reason"],
                by=request.actor,
                now=request.now,
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Your appeal is filed.")
            return redirect("cases:detail", case.id)
    is_possible = row.state == AssignmentState.REJECTED and row.appeal_due_at > request.now
    context = {
        "form": form,
        "work": queries.work_of(row, has_all_scores=False),
        "is_possible": is_possible,
        "days": row.criteria.body["windows"]["appeal_decision_days"],
        "due_at": rules.decision_due(row.criteria.body["windows"], request.now),
    }
    return render(request, "cases/appeal.html", context, status=status_of(form))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def contest_gold(request: HttpRequest, assignment_id: uuid.UUID) -> HttpResponse:
    """Contest the known answer that one's own answer missed: reviewed, or of a qualification."""
    own = Assignment.objects.of_contributor(request.actor)
    row = get_object_or_404(
        own.select_related("project", "criteria", "item").prefetch_related("lines"),
        id=assignment_id,
    )
    form = ContestForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            case = cases.contest_gold(
                assignment_id=row.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Your contest is filed.")
            return redirect("cases:detail", case.id)
    windows = row.criteria.body["windows"]
    context = {
        "form": form,
        "work": queries.work_of(row, has_all_scores=False),
        "missed": _missed(row, request),
        "is_qualification": row.kind == Kind.QUALIFICATION,
        "before": queries.contest_of(row, request.actor),
        "days": windows["appeal_decision_days"],
        "due_at": rules.decision_due(windows, request.now),
    }
    return render(request, "cases/contest_gold.html", context, status=status_of(form))


def _missed(row: Assignment, request: HttpRequest) -> gold.Missed | None:
    if row.kind == Kind.QUALIFICATION:
        return gold.missed_in_qualification(request.actor, row.project_id).get(row.id)
    return gold.missed(request.actor, request.now, row.project_id).get(row.id)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def contest_lift(request: HttpRequest, project_id: uuid.UUID) -> HttpResponse:
    joined = scores.enrolments(request.actor).filter(project_id=project_id).first()
    own = lift.own(joined.project, request.actor) if joined else None
    if joined is None or own is None:
        raise NotThere("There is no lift of yours here.")
    form = ContestLiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            case = cases.contest_lift(
                project_id=project_id,
                reason=form.cleaned_data["reason"],
                by=request.actor,
                now=request.now,
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Your contest is filed; the run is repeated.")
            return redirect("cases:detail", case.id)
    context = {
        "form": form,
        "own": own,
        "project": joined.project,
        "is_possible": own.can_contest(request.now),
        "days": own.windows["appeal_decision_days"],
    }
    return render(request, "cases/contest_lift.html", context, status=status_of(form))
