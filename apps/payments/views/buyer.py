"""The buyer's wallet.

A redirect to Stripe straight after a form POST is held to the page's `form-action` in Chromium, so
a POST ends on a page of ours with a plain link to Stripe.
"""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.core.errors import WagefileError
from apps.core.forms import show_refusal
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.money import Money
from apps.core.tenancy import system
from apps.organizations.models import Organization
from apps.payments import actions as payments
from apps.payments import queries
from apps.payments.enums import FundingState
from apps.payments.forms import FundForm, RefundForm, TopUpForm
from apps.payments.models import Dispute, Funding
from apps.payments.permissions import (
    can_move_money,
    check_can_move_money,
    check_can_see_money,
)
from apps.payments.rules import DISPUTE_WORDS, FUNDING_WORDS
from apps.payments.views.movements import MOVEMENTS, lines


def _organization(request: HttpRequest, org_id: uuid.UUID) -> Organization:
    found = get_object_or_404(Organization.objects.visible_to(request.actor), id=org_id)
    check_can_see_money(request.actor, org_id=org_id)
    return found


@login_required
@require_safe
def wallet(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    return _wallet(request, _organization(request, org_id))


def _wallet(
    request: HttpRequest,
    org: Organization,
    *,
    fund_form: FundForm | None = None,
    refund_form: RefundForm | None = None,
    top_up_form: TopUpForm | None = None,
) -> HttpResponse:
    """With a form that was refused, as it was typed."""
    seen = queries.wallet(org, actor=request.actor, now=request.now)
    context = {
        "org": org,
        "wallet": seen,
        "page": lines(
            MOVEMENTS.page(
                request,
                queries.fundings(org, actor=request.actor),
                path=reverse("payments:wallet", args=[org.id]),
            )
        ),
        "refunds": queries.refunds(org, actor=request.actor),
        "may_move": can_move_money(request.actor, org_id=org.id),
        "fund_form": fund_form or FundForm(currency=org.currency, prefix="fund"),
        "refund_form": refund_form
        or RefundForm(currency=org.currency, most=seen.refundable.amount, prefix="refund"),
        "top_up_form": top_up_form or TopUpForm(currency=org.currency, prefix="top-up"),
    }
    is_refused = fund_form or refund_form or top_up_form
    return render(request, "payments/wallet.html", context, status=422 if is_refused else 200)


@login_required
@require_POST
def fund(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    org = _organization(request, org_id)
    check_can_move_money(request.actor, org_id=org_id)
    form = FundForm(request.POST, currency=org.currency, prefix="fund")
    if form.is_valid():
        try:
            made = payments.fund(
                org_id=org.id,
                amount=form.cleaned_data["amount"],
                by=request.actor,
                now=request.now,
            )
            return redirect("payments:funding", made.id)
        except WagefileError as error:
            show_refusal(form, error)
    return _wallet(request, org, fund_form=form)


@login_required
@require_POST
def refund(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    org = _organization(request, org_id)
    check_can_move_money(request.actor, org_id=org_id)
    most = queries.wallet(org, actor=request.actor, now=request.now).refundable.amount
    form = RefundForm(request.POST, currency=org.currency, most=most, prefix="refund")
    if form.is_valid():
        amount = form.cleaned_data["amount"]
        is_much = amount > queries.refund_left(org, now=request.now)
        act = payments.ask_for_refund if is_much else payments.refund_unspent
        try:
            act(org_id=org.id, amount=amount, by=request.actor, now=request.now)
            words = (
                "waits for two administrators; nothing is reserved until they have looked."
                if is_much
                else "is reserved and on its way back to you."
            )
            messages.success(request, f"{Money(amount, org.currency)} {words}")
            return redirect("payments:wallet", org.id)
        except WagefileError as error:
            show_refusal(form, error)
    return _wallet(request, org, refund_form=form)


@login_required
@require_POST
def top_up(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    """Set the rule; the first payment under it is made on Stripe's page, with the consent."""
    org = _organization(request, org_id)
    check_can_move_money(request.actor, org_id=org_id)
    form = TopUpForm(request.POST, currency=org.currency, prefix="top-up")
    if form.is_valid():
        data = form.cleaned_data
        try:
            asking = payments.set_top_up(
                org_id=org.id,
                level=data["level"],
                amount=data["amount"],
                monthly_cap=data["monthly_cap"],
                by=request.actor,
                now=request.now,
            )
            if asking:
                return redirect("payments:funding", asking.id)
            messages.success(request, "The automatic top-up is changed.")
            return redirect("payments:wallet", org.id)
        except WagefileError as error:
            show_refusal(form, error)
    return _wallet(request, org, top_up_form=form)


@login_required
@require_POST
def top_up_off(request: HttpRequest, org_id: uuid.UUID) -> HttpResponse:
    org = _organization(request, org_id)
    check_can_move_money(request.actor, org_id=org_id)
    payments.switch_off_top_up(org_id=org.id, by=request.actor, now=request.now)
    messages.success(request, "The automatic top-up is off, and the payment method forgotten.")
    return redirect("payments:wallet", org.id)


@login_required
@require_safe
def funding(request: HttpRequest, funding_id: uuid.UUID) -> HttpResponse:
    """The way to Stripe and the page to come back to; asks Stripe itself when somebody returns."""
    row = get_object_or_404(Funding.objects.visible_to(request.actor), id=funding_id)
    check_can_see_money(request.actor, org_id=row.org_id)
    has_returned = "returned" in request.GET
    trouble = ""
    is_poll = request.headers.get("HX-Request") == "true"
    if has_returned and not is_poll and row.state != FundingState.PAID:
        try:
            row = payments.check_funding(funding_id=row.id, by=system(row.org_id), now=request.now)
        except WagefileError as error:
            trouble = error.sentence
    context = {
        "funding": row,
        "amount": Money(row.amount, row.currency),
        "words": FUNDING_WORDS[row.state],
        "has_returned": has_returned,
        "is_waiting": has_returned and row.state == FundingState.OPEN,
        "is_pending": row.state == FundingState.PENDING,
        "trouble": trouble,
        "may_move": can_move_money(request.actor, org_id=row.org_id),
    }
    return render(request, "payments/funding.html", context, partial="state")


@login_required
@require_safe
def dispute(request: HttpRequest, dispute_id: uuid.UUID) -> HttpResponse:
    """What a chargeback means for the buyer's money, and what happens next."""
    rows = Dispute.objects.visible_to(request.actor).select_related("org", "funding")
    row = get_object_or_404(rows, id=dispute_id)
    check_can_see_money(request.actor, org_id=row.org_id)
    context = {
        "dispute": row,
        "org": row.org,
        "words": DISPUTE_WORDS[row.state],
        "owed": queries.owed_after_chargebacks(row.org_id).get(row.currency, 0),
        "frozen": queries.frozen_projects(row.org, actor=request.actor),
    }
    return render(request, "payments/dispute.html", context)
