"""Unspent money of a wallet on its way back to the payment methods it came from."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.urls import reverse

from apps.audit import actions as audit
from apps.core.errors import Conflict, IllegalTransition, Invalid, NotThere, broken_by
from apps.core.ids import derived
from apps.core.money import written
from apps.core.tasks import enqueue
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.organizations.enums import Permission
from apps.organizations.models import Organization
from apps.organizations.queries import people_with
from apps.payments import gateway
from apps.payments.enums import CALL_TRANSITIONS, CallState, FundingState
from apps.payments.models import Funding, OutboxCall, Refund
from apps.payments.permissions import check_can_move_money, check_is_system
from apps.payments.queries import disputed_ids, refund_left
from apps.payments.rules import REFUND_WORDS

GONE = {"failed", "canceled"}


FROZEN = "The wallet is frozen by a chargeback; nothing is refunded until it is settled."


def refund_unspent(*, org_id: uuid.UUID, amount: int, by: Actor, now: dt.datetime) -> list[Refund]:
    """Reserve `amount` of the wallet and ask Stripe to send it back, newest payment first.

    One refund for each payment that it is split over. The ledger refuses more than the wallet has
    free; Invalid if the payments have less left to be refunded, and Conflict for a frozen wallet or
    more than `queries.refund_left`: `corrections.ask_for_refund` is for those.
    """
    mover = check_can_move_money(by, org_id=org_id)
    if amount <= 0:
        raise Invalid("A refund is more than nothing.", field="amount")
    with transaction.atomic():
        org = Organization.objects.visible_to(by).filter(id=org_id).first()
        if org is None:
            raise NotThere("There is no such organization.")
        if org.frozen_at is not None:
            raise Conflict(FROZEN)
        parts = split(org, amount)
        if amount > refund_left(org, now=now):
            raise Conflict("Two administrators have to approve a refund of so much.")
        return send_back(org, parts, asked_by=mover, by=by, now=now)


def send_back(
    org: Organization,
    parts: Sequence[tuple[Funding, int]],
    *,
    asked_by: uuid.UUID | None,
    by: Actor,
    now: dt.datetime,
) -> list[Refund]:
    """A refund for each (funding, part): rows, outbox calls and pending transfers together.

    `asked_by` None: the time for which the money may be held is over.
    """
    if org.frozen_at is not None:
        raise Conflict(FROZEN)
    refunds = [
        Refund(
            org=org,
            funding=funding,
            amount=part,
            currency=org.currency,
            created_at=now,
            created_by_id=asked_by,
        )
        for funding, part in parts
    ]
    try:
        Refund.objects.bulk_create(refunds)
    except IntegrityError as error:
        # The freeze came after the look at `frozen_at`: the database has the last word.
        if broken_by(error) == "refund_not_frozen":
            raise Conflict(FROZEN) from error
        raise
    OutboxCall.objects.bulk_create(_call(refund, now=now) for refund in refunds)
    for refund in refunds:
        _record(refund, "asked", by=by, now=now)
    ledger.post([_reserve(refund, now=now) for refund in refunds])
    enqueue("payments.push_outbox")
    return refunds


def split(org: Organization, amount: int) -> list[tuple[Funding, int]]:
    """(funding, part) newest first: younger payments are the likelier to be refundable."""
    # Locked without the join of the sum below: two refunds at once see each other's parts.
    paid = list(
        Funding.objects.select_for_update(of=("self",), no_key=True)
        .filter(org=org, state=FundingState.PAID, currency=org.currency)
        .exclude(id__in=disputed_ids(org))
        .order_by("-paid_at", "-id")
    )
    gone = dict(
        Refund.objects.filter(org=org)
        .exclude(state=CallState.REFUSED)
        .values_list("funding_id")
        .annotate(total=Sum("amount"))
    )
    parts, rest = [], amount
    for funding in paid:
        part = min(rest, funding.amount - gone.get(funding.id, 0))
        if part > 0:
            parts.append((funding, part))
            rest -= part
    if rest:
        most = written(amount - rest, org.currency)
        raise Invalid(f"At most {most} of what was paid in can still be refunded.", field="amount")
    return parts


def _reserve(refund: Refund, *, now: dt.datetime) -> ledger.Entry:
    return ledger.Entry(
        id=derived(refund.id, "reserve"),
        kind=TransferKind.PENDING,
        code="refund",
        at=now,
        amount=refund.amount,
        currency=refund.currency,
        debit=ledger.account(Purpose.WALLET, currency=refund.currency, holder=refund.org_id),
        credit=ledger.account(Purpose.STRIPE, currency=refund.currency),
        subject=refund.id,
    )


def _call(refund: Refund, *, now: dt.datetime) -> OutboxCall:
    reserve = derived(refund.id, "reserve")
    return OutboxCall(
        kind="refund",
        subject_id=refund.id,
        ledger_transfer_id=reserve,
        idempotency_key=f"re:{reserve}:1",
        params={
            "payment_intent": refund.funding.payment_intent_id,
            "amount": refund.amount,
            "currency": refund.currency,
            "metadata": {"refund": str(refund.id), "ledger_transfer": str(reserve)},
        },
        next_try_at=now,
        created_at=now,
    )


def take_answer(refund: Refund, seen: gateway.RefundState, *, by: Actor, now: dt.datetime) -> None:
    """Follow what Stripe says of a refund, whose row is locked. A pending one stays reserved."""
    refund.stripe_id = seen.id
    refund.save(update_fields=["stripe_id"])
    if refund.state == CallState.WAITING and seen.status == "succeeded":
        post(refund, by=by, now=now)
    elif refund.state == CallState.WAITING and seen.status in GONE:
        void(refund, by=by, now=now)
    elif refund.state == CallState.DONE and seen.status in GONE:
        _take_back(refund, by=by, now=now)


def post(refund: Refund, *, by: Actor, now: dt.datetime) -> None:
    _move(refund, CallState.DONE, by=by, now=now)
    ledger.post([_resolve(refund, TransferKind.POST, now=now)])


def void(refund: Refund, *, by: Actor, now: dt.datetime) -> None:
    _move(refund, CallState.REFUSED, by=by, now=now)
    ledger.post([_resolve(refund, TransferKind.VOID, now=now)])


def _resolve(refund: Refund, kind: TransferKind, *, now: dt.datetime) -> ledger.Entry:
    return ledger.Entry(
        id=derived(refund.id, str(kind)),
        kind=kind,
        code="refund",
        at=now,
        pending=derived(refund.id, "reserve"),
    )


def _take_back(refund: Refund, *, by: Actor, now: dt.datetime) -> None:
    """A bank can return a refund weeks later; Stripe then gives the money back to our balance."""
    fresh = ledger.post(
        [
            ledger.Entry(
                id=derived(refund.id, "returned"),
                kind=TransferKind.POSTED,
                code="refund_returned",
                at=now,
                amount=refund.amount,
                currency=refund.currency,
                debit=ledger.account(Purpose.STRIPE, currency=refund.currency),
                credit=ledger.account(
                    Purpose.WALLET, currency=refund.currency, holder=refund.org_id
                ),
                reverses=derived(refund.id, str(TransferKind.POST)),
                subject=refund.id,
            )
        ]
    )
    if not fresh:
        return
    _record(refund, "returned", by=by, now=now)
    _tell(refund, "The bank returned it; the money is in the wallet again", now=now)


def check_refund(*, stripe_id: str, by: Actor, now: dt.datetime) -> Refund | None:
    """Ask Stripe how a refund stands and follow; None if it is none of ours (yet)."""
    check_is_system(by)
    if not Refund.objects.filter(stripe_id=stripe_id).exists():
        return None
    seen = gateway.read_refund(stripe_id)
    with transaction.atomic():
        refund = Refund.objects.select_for_update(of=("self",), no_key=True).get(
            stripe_id=stripe_id
        )
        take_answer(refund, seen, by=by, now=now)
    return refund


def _move(refund: Refund, target: CallState, *, by: Actor, now: dt.datetime) -> None:
    if target not in CALL_TRANSITIONS[refund.state]:
        raise IllegalTransition(f"A refund that is {refund.state} cannot become {target}.")
    refund.state = target
    refund.save(update_fields=["state"])
    _record(refund, str(target), by=by, now=now)
    _tell(refund, REFUND_WORDS[target], now=now)


def _tell(refund: Refund, words: str, *, now: dt.datetime) -> None:
    notices.tell(
        people_with(Permission.MOVE_MONEY, org_id=refund.org_id),
        kind=Notices.REFUND,
        title=f"Refund of {written(refund.amount, refund.currency)}: {words}.",
        url=reverse("payments:wallet", args=[refund.org_id]),
        now=now,
    )


def _record(refund: Refund, what: str, *, by: Actor, now: dt.datetime) -> None:
    data = {"amount": refund.amount, "currency": refund.currency}
    event = audit.Event(f"refund.{what}", ("refund", refund.id), refund.org_id, data)
    audit.record(event, by=by, now=now)
