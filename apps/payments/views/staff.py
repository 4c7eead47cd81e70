"""The administrator's money: disputes, corrections by two, stopped payouts, nightly comparisons."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.audit.views import Seen, staff_only
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal, status_of
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.payments import actions as payments
from apps.payments import queries
from apps.payments.enums import CorrectionState
from apps.payments.forms import CorrectionForm, DecisionForm, GroundsForm
from apps.payments.models import Correction
from apps.payments.rules import CORRECTION_WORDS


@require_safe
@staff_only
def money(request: HttpRequest, seen: Seen) -> HttpResponse:
    """What waits for an administrator, and how the books compared."""
    return _money(request, seen, CorrectionForm())


def _money(request: HttpRequest, seen: Seen, form: CorrectionForm) -> HttpResponse:
    shown = queries.staff_money(request.actor)
    for dispute in shown.disputes:
        seen.add("dispute", dispute.id, dispute.org_id)
    for correction in shown.corrections:
        seen.add("correction", correction.id, correction.org_id)
    for account in shown.stopped:
        seen.add("person", account.user_id)
    context = {"shown": shown, "form": form}
    return render(request, "payments/staff_money.html", context, status=status_of(form))


@require_POST
@staff_only
def propose(request: HttpRequest, seen: Seen) -> HttpResponse:
    form = CorrectionForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = payments.propose(
                kind=data["kind"],
                amount=data["amount"],
                reason=data["reason"],
                evidence=data["evidence"],
                currency=data["currency"],
                by=request.actor,
                now=request.now,
                **queries.named(data["kind"], data["whom"]),
            )
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Proposed. Another administrator decides it.")
            return redirect("payments:correction", made.id)
    return _money(request, seen, form)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only
def correction(request: HttpRequest, seen: Seen, correction_id: uuid.UUID) -> HttpResponse:
    """One correction with its grounds; the first administrator proposes, the second decides."""
    rows = Correction.objects.visible_to(request.actor).select_related(
        "org", "user", "payout", "asked_by", "proposed_by", "decided_by"
    )
    row = get_object_or_404(rows, id=correction_id)
    seen.add("correction", row.id, row.org_id)
    is_asked = row.state == CorrectionState.ASKED
    posted = request.POST if request.method == "POST" else None
    form: GroundsForm | DecisionForm = (GroundsForm if is_asked else DecisionForm)(posted)
    if form.is_valid():
        try:
            _act(request, row, form)
        except WagefileError as error:
            show_refusal(form, error)
        else:
            messages.success(request, "Written down.")
            return redirect("payments:correction", row.id)
    context = {
        "row": row,
        "words": CORRECTION_WORDS[row.state],
        "form": form,
        "is_asked": is_asked,
        "may_decide": row.state == CorrectionState.PROPOSED
        and request.actor.user_id != row.proposed_by_id,
    }
    return render(request, "payments/correction.html", context, status=status_of(form))


def _act(request: HttpRequest, row: Correction, form: GroundsForm | DecisionForm) -> None:
    data = form.cleaned_data
    if isinstance(form, GroundsForm):
        payments.back_refund(
            correction_id=row.id,
            reason=data["reason"],
            evidence=data["evidence"],
            by=request.actor,
            now=request.now,
        )
        return
    payments.decide(
        correction_id=row.id,
        is_approved=data["outcome"] == "approve",
        decision=data["decision"],
        by=request.actor,
        now=request.now,
    )


@require_POST
@staff_only
def release(request: HttpRequest, seen: Seen, user_id: uuid.UUID) -> HttpResponse:
    """An administrator has looked at a change that its owner did not know."""
    seen.add("person", user_id)
    payments.release_payouts(user_id=user_id, by=request.actor, now=request.now)
    messages.success(request, "Payouts of this person go again.")
    return redirect("payments:staff_money")
