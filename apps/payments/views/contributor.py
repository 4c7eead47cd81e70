"""The contributor's payouts."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import ContributorProfile
from apps.core.errors import WagefileError
from apps.core.forms import show_refusal
from apps.core.htmx import render
from apps.core.http import HttpRequest
from apps.core.money import Money
from apps.payments import actions as payments
from apps.payments import queries
from apps.payments.forms import PayoutForm
from apps.payments.permissions import check_can_be_paid
from apps.payments.views.movements import MOVEMENTS, lines


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
        "page": lines(
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


@login_required
@require_POST
def not_me(request: HttpRequest) -> HttpResponse:
    """The owner does not know the change: stopped at once, and a person looks."""
    check_can_be_paid(request.actor)
    try:
        payments.stop_payouts(by=request.actor, now=request.now)
    except WagefileError as error:
        messages.error(request, error.sentence)
        return redirect("payments:payouts")
    messages.warning(
        request,
        "Nothing is paid out until an administrator has looked. Change your password at Stripe, "
        "and write to us what you know: Contact a person, at the foot of each page.",
    )
    return redirect("payments:payouts")
