"""The buyer's wallet, the contributor's payouts, and Stripe's webhooks.

A redirect to Stripe straight after a form POST is held to the page's `form-action` in Chromium, so
a POST ends on a page of ours with a plain link to Stripe.
"""

import uuid
from dataclasses import replace

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import ContributorProfile
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.money import Money
from apps.core.tables import Column, Page, Table
from apps.core.tenancy import system
from apps.organizations.models import Organization
from apps.payments import actions as payments
from apps.payments import queries
from apps.payments.enums import FundingState
from apps.payments.errors import ForgedEventError
from apps.payments.forms import FundForm, PayoutForm, RefundForm
from apps.payments.models import Funding
from apps.payments.permissions import (
    can_move_money,
    check_can_be_paid,
    check_can_move_money,
    check_can_see_money,
)
from apps.payments.rules import FUNDING_WORDS

MOVEMENTS = Table(
    Column("when", "When", "created_at"),
    Column("amount", "Amount", "amount", is_number=True),
    Column("state", "State"),
    sort="-when",
    size=25,
)


def _lines(page: Page) -> Page:
    return replace(page, rows=[queries.line(row) for row in page])


# ── The buyer's wallet ──────────────────────────────────────────────────────────────────────────


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
) -> HttpResponse:
    """With a form that was refused, as it was typed."""
    seen = queries.wallet(org, actor=request.actor)
    context = {
        "org": org,
        "wallet": seen,
        "page": _lines(
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
    }
    is_refused = fund_form or refund_form
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
    most = queries.wallet(org, actor=request.actor).refundable.amount
    form = RefundForm(request.POST, currency=org.currency, most=most, prefix="refund")
    if form.is_valid():
        amount = form.cleaned_data["amount"]
        try:
            payments.refund_unspent(org_id=org.id, amount=amount, by=request.actor, now=request.now)
            words = f"{Money(amount, org.currency)} is reserved and on its way back to you."
            messages.success(request, words)
            return redirect("payments:wallet", org.id)
        except WagefileError as error:
            show_refusal(form, error)
    return _wallet(request, org, refund_form=form)


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
        "trouble": trouble,
        "may_move": can_move_money(request.actor, org_id=row.org_id),
    }
    return render(request, "payments/funding.html", context, partial="state")


# ── The contributor's payouts ───────────────────────────────────────────────────────────────────


@login_required
@require_safe
def payouts(request: HttpRequest) -> HttpResponse:
    user_id = check_can_be_paid(request.actor)
    if "returned" in request.GET and queries.account(user_id):
        # Stripe's return address only says that the form was left, not that it was finished.
        try:
            payments.refresh_account(user_id=user_id, by=request.actor, now=request.now)
        except WagefileError as error:
            messages.warning(request, error.sentence)
    return _payouts(request, user_id)


def _payouts(
    request: HttpRequest,
    user_id: uuid.UUID,
    *,
    form: PayoutForm | None = None,
    stripe_url: str = "",
    status: int = 200,
) -> HttpResponse:
    profile = ContributorProfile.objects.filter(user_id=user_id).first()
    outlook = queries.outlook(user_id, region=profile.region if profile else "", now=request.now)
    context = {
        "outlook": outlook,
        "page": _lines(
            MOVEMENTS.page(request, queries.payouts(user_id), path=reverse("payments:payouts"))
        ),
        "has_profile": profile is not None,
        "is_deactivated": bool(profile and profile.deactivated_at),
        "forms": [
            (
                row,
                form
                if form and form.currency == row.payable.currency
                else PayoutForm(currency=row.payable.currency, prefix=row.payable.currency),
            )
            for row in outlook.earned
        ],
        "stripe_url": stripe_url,
        "link_expired": "again" in request.GET,
        "now": request.now,
    }
    return render(request, "payments/payouts.html", context, status=status)


@login_required
@require_POST
def connect(request: HttpRequest) -> HttpResponse:
    """The link is good once and for minutes, so it is shown and never kept."""
    user_id = check_can_be_paid(request.actor)
    try:
        url = payments.connect(by=request.actor, now=request.now)
    except WagefileError as error:
        messages.error(request, error.sentence)
        return _payouts(request, user_id, status=error.status)
    response = _payouts(request, user_id, stripe_url=url)
    response.headers["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def refresh(request: HttpRequest) -> HttpResponse:
    user_id = check_can_be_paid(request.actor)
    try:
        payments.refresh_account(user_id=user_id, by=request.actor, now=request.now)
    except WagefileError as error:
        messages.error(request, error.sentence)
        return _payouts(request, user_id, status=error.status)
    return redirect("payments:payouts")


@login_required
@require_POST
def request_payout(request: HttpRequest) -> HttpResponse:
    user_id = check_can_be_paid(request.actor)
    currency = request.POST.get("currency", "USD")
    if currency not in queries.withdrawal_minimums():
        currency = "USD"
    form = PayoutForm(request.POST, currency=currency, prefix=currency)
    if not form.is_valid():
        return _payouts(request, user_id, form=form, status=422)
    try:
        made = payments.request_payout(
            by=request.actor,
            now=request.now,
            amount=form.cleaned_data["amount"],
            currency=currency,
        )
    except WagefileError as error:
        show_refusal(form, error)
        return _payouts(request, user_id, form=form, status=error.status)
    messages.success(request, f"{Money(made.amount, currency)} is reserved and on its way to you.")
    return redirect("payments:payouts")


# ── Webhooks ────────────────────────────────────────────────────────────────────────────────────


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, endpoint: str) -> HttpResponse:
    """Stored and answered; everything else happens later. Anything forged or old is a 400."""
    try:
        payments.store_event(
            endpoint=endpoint,
            payload=request.body,
            signature=request.headers.get("Stripe-Signature", ""),
            now=request.now,
        )
    except ForgedEventError as error:
        return HttpResponse(error.sentence, status=error.status, content_type="text/plain")
    return HttpResponse(status=200)
