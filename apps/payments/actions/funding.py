"""Money of a buyer on its way into the wallet."""

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.audit import actions as audit
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotThere
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.queries import people_with
from apps.payments import gateway
from apps.payments.actions.outcomes import note_outcome
from apps.payments.enums import FUNDING_TRANSITIONS, FundingState
from apps.payments.models import Funding
from apps.payments.permissions import check_can_move_money, check_is_system
from apps.payments.queries import hold_time
from apps.payments.rules import FUNDING_MAXIMUM, FUNDING_MINIMUM, FUNDING_WORDS

_NOTICES = {
    FundingState.PENDING: Notices.FUNDING_ARRIVED,
    FundingState.PAID: Notices.FUNDING_ARRIVED,
    FundingState.FAILED: Notices.FUNDING_FAILED,
    FundingState.EXPIRED: Notices.FUNDING_FAILED,
}


def fund(
    *, org_id: uuid.UUID, amount: int, by: Actor, now: dt.datetime, customer_id: str = ""
) -> Funding:
    """Open a checkout of `amount` minor units; `checkout_url` is where the buyer pays.

    With `customer_id` the payment method is kept at Stripe for automatic top-ups.

    No money moves before Stripe says that it was paid. Raises Invalid and StripeUnclearError;
    what is left at Stripe of a failed try is a session whose address nobody has.
    """
    mover = check_can_move_money(by, org_id=org_id)
    with transaction.atomic():
        org = Organization.objects.visible_to(by).filter(id=org_id).first()
        if org is None:
            raise NotThere("There is no such organization.")
        _check_amount(amount, org.currency)
        funding = Funding(
            org=org, amount=amount, currency=org.currency, created_at=now, created_by_id=mover
        )
        page = settings.SITE_URL + reverse("payments:funding", args=[funding.id])
        checkout = gateway.create_checkout(
            funding_id=funding.id,
            amount=amount,
            currency=org.currency,
            success_url=f"{page}?returned=1",
            cancel_url=page,
            customer_id=customer_id,
        )
        funding.session_id, funding.checkout_url = checkout.id, checkout.url
        funding.save(force_insert=True)
        _record(funding, "opened", by=by, now=now)
    return funding


def _check_amount(amount: int, currency: str) -> None:
    if not FUNDING_MINIMUM <= amount <= FUNDING_MAXIMUM:
        least, most = written(FUNDING_MINIMUM, currency), written(FUNDING_MAXIMUM, currency)
        raise Invalid(f"One payment is between {least} and {most}.", field="amount")


def check_funding(*, funding_id: uuid.UUID, by: Actor, now: dt.datetime) -> Funding:
    """Ask Stripe how the checkout stands and follow: paid money is booked, once.

    Called for every event, for a buyer who returns and by the catch-up: it does not matter which
    comes first, or twice. Raises Conflict if Stripe took another amount than was asked for.
    """
    check_is_system(by)
    funding = Funding.objects.filter(id=funding_id).first()
    if funding is None:
        raise NotThere("There is no such payment.")
    if not FUNDING_TRANSITIONS[funding.state]:
        return funding
    seen = _read(funding)
    if seen is None:
        return funding
    with transaction.atomic():
        funding = Funding.objects.select_for_update(of=("self",), no_key=True).get(id=funding_id)
        target = _state(seen)
        if target in (funding.state, FundingState.OPEN):
            return funding
        if target == FundingState.PAID:
            _book(funding, seen, now=now)
        _move(funding, target, by=by, now=now)
    return funding


def _read(funding: Funding) -> gateway.Checkout | None:
    """None for an automatic one that the outbox has not sent yet."""
    if funding.session_id:
        return gateway.read_checkout(funding.session_id)
    return gateway.read_intent(funding.payment_intent_id) if funding.payment_intent_id else None


def take_intent(funding: Funding, intent_id: str) -> None:
    """The outbox has sent an automatic one: how it stands is read next."""
    funding.payment_intent_id = intent_id
    funding.save(update_fields=["payment_intent_id"])


def fail(funding: Funding, why: str, *, by: Actor, now: dt.datetime) -> None:
    """Stripe has refused an automatic one. The row is locked by the caller."""
    _move(funding, FundingState.FAILED, by=by, now=now, why=why)


def _state(seen: gateway.Checkout) -> FundingState:
    if seen.is_paid:
        return FundingState.PAID
    if seen.is_failed:
        return FundingState.FAILED
    if seen.is_pending:
        return FundingState.PENDING
    return FundingState.EXPIRED if seen.status == "expired" else FundingState.OPEN


def _book(funding: Funding, seen: gateway.Checkout, *, now: dt.datetime) -> None:
    if (seen.amount, seen.currency) != (funding.amount, funding.currency):
        took, asked = written(seen.amount, seen.currency), written(funding.amount, funding.currency)
        raise Conflict(f"Stripe took {took} where {asked} was asked for; nothing was booked.")
    funding.payment_intent_id, funding.paid_at = seen.payment_intent_id, now
    funding.hold_until = now + hold_time()
    came_from = Purpose.INCOMING if seen.is_debit else Purpose.STRIPE
    ledger.post(
        [
            ledger.Entry(
                id=derived(funding.id, "paid"),
                kind=TransferKind.POSTED,
                code="funding",
                at=now,
                amount=funding.amount,
                currency=funding.currency,
                debit=ledger.account(came_from, currency=funding.currency),
                credit=ledger.account(
                    Purpose.WALLET, currency=funding.currency, holder=funding.org_id
                ),
                subject=funding.id,
            )
        ]
    )


def _move(
    funding: Funding, target: FundingState, *, by: Actor, now: dt.datetime, why: str = ""
) -> None:
    if target not in FUNDING_TRANSITIONS[funding.state]:
        raise IllegalTransition(f"A payment that is {funding.state} cannot become {target}.")
    funding.state = target
    funding.save(update_fields=["state", "payment_intent_id", "paid_at", "hold_until"])
    _record(funding, str(target), by=by, now=now)
    amount = written(funding.amount, funding.currency)
    notices.tell(
        people_with(Permission.MOVE_MONEY, org_id=funding.org_id),
        kind=_NOTICES[target],
        title=f"Payment of {amount}: {FUNDING_WORDS[target].lower()}.",
        url=reverse("payments:wallet", args=[funding.org_id]),
        now=now,
    )
    if funding.is_automatic and target in (FundingState.PAID, FundingState.FAILED):
        note_outcome(funding, why=why, by=by, now=now)


def _record(funding: Funding, what: str, *, by: Actor, now: dt.datetime) -> None:
    data = {"amount": funding.amount, "currency": funding.currency}
    event = audit.Event(f"funding.{what}", ("funding", funding.id), funding.org_id, data)
    audit.record(event, by=by, now=now)
