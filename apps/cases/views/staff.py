"""The administrator's side. Every page here leaves evidence of whose rows it showed."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import ContributorProfile
from apps.audit.views import Seen, staff_only
from apps.cases import actions as cases
from apps.cases import queries
from apps.cases.enums import CaseKind
from apps.cases.forms import BadFaithForm, DecideForm, ProposeForm
from apps.cases.models import Case
from apps.cases.permissions import why_not_open_bad_faith
from apps.cases.views.lists import WAITING
from apps.cases.views.page import bound_decision, case_page
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.work.models import Assignment

SHOWN = 100


@require_safe
@staff_only
def show_list(request: HttpRequest, seen: Seen) -> HttpResponse:
    """Everything that waits for a decision, by deadline, and what was decided lately."""
    kind = request.GET.get("kind", "")
    if kind not in CaseKind.values:
        kind = ""
    waiting = WAITING.page(request, queries.open_by_deadline(request.actor, kind))
    decided = list(queries.lately_decided(request.actor, kind)[:SHOWN])
    for case in [*waiting, *decided]:
        seen.add("case", case.id, case.org_id)
    context = {"page": waiting, "decided": decided, "kind": kind, "kinds": CaseKind.choices}
    return render(request, "cases/staff.html", context)


@staff_only
def detail(request: HttpRequest, seen: Seen, case_id: uuid.UUID) -> HttpResponse:
    return _page(request, seen, case_id)


def _page(
    request: HttpRequest,
    seen: Seen,
    case_id: uuid.UUID,
    *,
    form: DecideForm | None = None,
    status: int = 200,
) -> HttpResponse:
    rows = queries.with_everything(Case.objects.visible_to(request.actor))
    case = get_object_or_404(rows, id=case_id)
    seen.add("case", case.id, case.org_id)
    if case.assignment_id:
        seen.add("assignment", case.assignment_id, case.org_id)
    return case_page(request, case, decide_form=form, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def decide(request: HttpRequest, seen: Seen, case_id: uuid.UUID) -> HttpResponse:
    """The form stands on the page of the case."""
    case = get_object_or_404(Case.objects.visible_to(request.actor), id=case_id)
    if request.method != "POST":
        return redirect("cases:detail", case.id)
    form = bound_decision(request, case)
    status = 422
    if form.is_valid():
        try:
            cases.decide(case_id=case.id, **form.cleaned_data, by=request.actor, now=request.now)
        except WagefileError as refusal:
            show_refusal(form, refusal)
            status = refusal.status
        else:
            messages.success(request, "Decided; both sides have a notice.")
            return redirect("cases:detail", case.id)
    return _page(request, seen, case_id, form=form, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def pay(request: HttpRequest, seen: Seen, case_id: uuid.UUID) -> HttpResponse:
    """Pay what silence decided when there was no money for it."""
    case = get_object_or_404(Case.objects.visible_to(request.actor), id=case_id)
    if request.method == "POST":
        seen.add("case", case.id, case.org_id)
        try:
            cases.pay(case_id=case.id, by=request.actor, now=request.now)
        except WagefileError as refusal:
            messages.error(request, refusal.sentence)
        else:
            messages.success(request, "Paid.")
    return redirect("cases:detail", case.id)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def bad_faith(request: HttpRequest, seen: Seen, assignment_id: uuid.UUID) -> HttpResponse:
    """Open a bad-faith case on a submitted answer, with what is stored about it in view."""
    rows = Assignment.objects.visible_to(request.actor).select_related(
        "project", "criteria", "item", "contributor"
    )
    row = get_object_or_404(rows.prefetch_related("lines"), id=assignment_id)
    seen.add("assignment", row.id, row.org_id)
    form = BadFaithForm(
        request.POST or None,
        rubric=row.criteria.body["rubric"],
        measured=queries.measured(row),
    )
    if request.method == "POST" and form.is_valid():
        try:
            case = cases.open_bad_faith(
                assignment_id=row.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Opened; the contributor has a notice and can answer.")
            return redirect("cases:detail", case.id)
    windows = row.criteria.body["windows"]
    context = {
        "form": form,
        "row": row,
        "work": queries.work_of(row, has_all_scores=True),
        "scores": queries.scores_of(row),
        "days": windows["integrity_stop_days"],
        "hindrance": why_not_open_bad_faith(request.actor, row) or queries.why_too_late(row),
    }
    return render(request, "cases/bad_faith.html", context, status=status_of(form))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def propose(request: HttpRequest, seen: Seen, user_id: uuid.UUID) -> HttpResponse:
    """Propose a deactivation: reason, evidence, ground. A second administrator decides."""
    rows = ContributorProfile.objects.visible_to(request.actor).select_related("user")
    profile = get_object_or_404(rows, user_id=user_id)
    seen.add("person", user_id)
    form = ProposeForm(request.POST or None, hours=settings.WAGEFILE["deactivation_human_hours"])
    if request.method == "POST" and form.is_valid():
        try:
            case = cases.propose_deactivation(
                user_id=user_id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "Proposed; the person has a notice and can answer.")
            return redirect("cases:detail", case.id)
    notice_days = settings.WAGEFILE["deactivation_notice_days"]
    context = {"form": form, "profile": profile, "notice_days": notice_days}
    return render(request, "cases/propose.html", context, status=status_of(form))
