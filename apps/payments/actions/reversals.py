"""Money of a payout that comes back from the connected account: payable again, by Stripe's word."""

import datetime as dt

from django.db import transaction
from django.db.models import F

from apps.core.ids import derived
from apps.core.tenancy import Actor
from apps.ledger import actions as ledger
from apps.ledger.enums import Purpose, TransferKind
from apps.payments import gateway
from apps.payments.actions import payouts
from apps.payments.models import Payout, Reversal
from apps.payments.permissions import check_is_system
from apps.payments.rules import booking_base


def check_reversals(*, transfer_id: str, by: Actor, now: dt.datetime) -> Payout | None:
    """Ask Stripe what of a transfer was taken back, by whomever, and book it once.

    None if the transfer is none of ours (yet).
    """
    check_is_system(by)
    if not Payout.objects.filter(transfer_id=transfer_id).exists():
        return None
    found = gateway.reversals(transfer_id)
    with transaction.atomic():
        payout = Payout.objects.select_for_update(of=("self",), no_key=True).get(
            transfer_id=transfer_id
        )
        known = set(payout.reversals.values_list("id", flat=True))
        for seen in found:
            if seen.id not in known:
                take(payout, seen, by=by, now=now)
    return payout


def take(payout: Payout, seen: gateway.SeenReversal, *, by: Actor, now: dt.datetime) -> None:
    """Book one reversal. The row of the payout is locked by the caller."""
    Reversal.objects.create(
        id=seen.id, payout=payout, user_id=payout.user_id, amount=seen.amount, booked_at=now
    )
    Payout.objects.filter(id=payout.id).update(taken_back=F("taken_back") + seen.amount)
    payout.taken_back += seen.amount
    payouts.note_taken_back(payout, seen.amount, by=by, now=now)
    ledger.post(
        [
            ledger.Entry(
                id=derived(booking_base(seen.id), "reversed"),
                kind=TransferKind.POSTED,
                code="payout_reversed",
                at=now,
                amount=seen.amount,
                currency=payout.currency,
                debit=ledger.account(Purpose.STRIPE, currency=payout.currency),
                credit=ledger.account(
                    Purpose.PAYABLE, currency=payout.currency, holder=payout.user_id
                ),
                reverses=derived(payout.id, "post"),
                subject=payout.id,
            )
        ]
    )
