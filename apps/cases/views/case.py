"""What both sides share: the list's door, the page of a case, the dispute, the statement."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from apps.cases import actions as cases
from apps.cases import permissions, queries
from apps.cases.forms import AnswerForm, DisputeForm
from apps.cases.models import Case
from apps.cases.views import staff
from apps.cases.views.page import case_page
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.money import written
from apps.work.models import EarningLine


@login_required
@require_safe
def show_list(request: HttpRequest) -> HttpResponse:
    """Everybody's own list."""
    return redirect("cases:staff" if request.actor.is_staff else "cases:mine")


@login_required
@require_safe
def detail(request: HttpRequest, case_id: uuid.UUID) -> HttpResponse:
    if request.actor.is_staff:
        return staff.detail(request, case_id=case_id)
    return case_page(request, _case(request, case_id))


def _case(request: HttpRequest, case_id: uuid.UUID) -> Case:
    """A case of one's own or of one's organization; reading it needs a role that sees the work."""
    rows = queries.with_everything(Case.objects.visible_to(request.actor))
    case = get_object_or_404(rows, id=case_id)
    permissions.check_can_read(request.actor, case)
    return case


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dispute(request: HttpRequest, line_id: uuid.UUID) -> HttpResponse:
    lines = EarningLine.objects.visible_to(request.actor).select_related("project", "criteria")
    line = get_object_or_404(lines, id=line_id)
    permissions.check_may_dispute(request.actor, line)
    is_contributor = line.contributor_id == request.actor.user_id
    most = queries.most_due(line) if is_contributor else line.gross
    form = DisputeForm(
        request.POST or None,
        currency=line.currency,
        most=_most_says(most, line, is_contributor=is_contributor),
    )
    if request.method == "POST" and form.is_valid():
        try:
            case = cases.dispute(
                line_id=line.id, **form.cleaned_data, by=request.actor, now=request.now
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, "The dispute is open.")
            return redirect("cases:detail", case.id)
    context = {
        "form": form,
        "line": line,
        "is_contributor": is_contributor,
        "most": most,
        "days": line.criteria.body["windows"]["appeal_decision_days"],
    }
    return render(request, "cases/dispute.html", context, status=status_of(form))


def _most_says(most: int, line: EarningLine, *, is_contributor: bool) -> str:
    amount = written(most, line.currency)
    if is_contributor:
        return f"At most {amount}: what the criteria of this work could still have paid."
    return f"At most {amount}, what the line cost."


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, case_id: uuid.UUID) -> HttpResponse:
    """The statement of the other side; the form stands on the page of the case."""
    if request.method != "POST":
        return redirect("cases:detail", case_id)
    case = get_object_or_404(Case.objects.visible_to(request.actor), id=case_id)
    form = AnswerForm(request.POST)
    if form.is_valid():
        try:
            cases.answer(
                case_id=case.id,
                text=form.cleaned_data["text"],
                by=request.actor,
                now=request.now,
            )
        except WagefileError as refusal:
            show_refusal(form, refusal)
            status = refusal.status
        else:
            messages.success(request, "Your statement is on record.")
            return redirect("cases:detail", case.id)
    else:
        status = 422
    return case_page(request, _case(request, case_id), answer_form=form, status=status)
