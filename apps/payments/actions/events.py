"""Webhooks: verified, stored, answered; handled later by reading the object again.

What an event says is never believed: it only says which object to look at. So order, duplicates,
replays and gaps change nothing.
"""

import datetime as dt
import logging
from typing import Any

from django.conf import settings
from django.db.models import Q

from apps.core.errors import WagefileError
from apps.core.tasks import enqueue, one_at_a_time
from apps.core.tenancy import Actor, acting, system
from apps.payments import gateway
from apps.payments.actions.disputes import check_dispute
from apps.payments.actions.funding import check_funding
from apps.payments.actions.onboarding import refresh_account
from apps.payments.actions.payouts import take_bank_payout
from apps.payments.actions.refunds import check_refund
from apps.payments.actions.reversals import check_reversals
from apps.payments.enums import PayoutState
from apps.payments.errors import UnmatchedEventError
from apps.payments.models import Funding, Payout, StripeAccount, StripeEvent

log = logging.getLogger(__name__)

# Doubling from ten seconds: the last try is about a week after the first.
MOST_TRIES = 16
FIRST_WAIT_SECONDS = 5


def store_event(*, endpoint: str, payload: bytes, signature: str, now: dt.datetime) -> None:
    """Keep a signed event of "platform" or "connect". Nothing is kept of a ForgedEventError."""
    secret = {
        "platform": settings.STRIPE_WEBHOOK_SECRET,
        "connect": settings.STRIPE_CONNECT_WEBHOOK_SECRET,
    }[endpoint]
    keep(gateway.verified(payload, signature, secret=secret), endpoint=endpoint, now=now)


def keep(body: dict[str, Any], *, endpoint: str, now: dt.datetime) -> None:
    """INSERT … ON CONFLICT DO NOTHING: the second copy of an event leaves no trace."""
    event = gateway.normalize_event(body)
    with acting(system()):
        StripeEvent.objects.bulk_create(
            [
                StripeEvent(
                    event_id=event.id,
                    account_id=event.account_id[:60],
                    endpoint=endpoint,
                    type=event.type,
                    body=body,
                    received_at=now,
                )
            ],
            ignore_conflicts=True,
        )
        enqueue("payments.take_events")


def take_events(*, now: dt.datetime, limit: int = 500) -> int:
    """Handle what is open and due, oldest first; how many are done."""
    done = 0
    with one_at_a_time("payments.take_events") as is_mine:
        for row_id in _due(now, limit) if is_mine else []:
            done += handle_event(event_id=row_id, now=now)
    return done


def _due(now: dt.datetime, limit: int) -> list[int]:
    with acting(system()):
        rows = StripeEvent.objects.filter(handled_at=None).order_by("received_at", "id")
        return [
            row_id
            for row_id, tries, received_at in rows.values_list("id", "tries", "received_at")[:limit]
            if tries == 0
            or received_at + dt.timedelta(seconds=FIRST_WAIT_SECONDS * 2**tries) <= now
        ]


def handle_event(*, event_id: int, now: dt.datetime) -> bool:
    """Handle one stored event (by the id of its row); whether it needs no other try."""
    with acting(system()):
        row = StripeEvent.objects.filter(id=event_id).first()
        if row is None or row.handled_at:
            return True
    try:
        _follow(gateway.normalize_event(row.body), now=now)
        error = ""
    except WagefileError as refused:
        error = refused.sentence
    except Exception:
        # One event that we do not understand must not stop those behind it.
        log.exception("event %s", row.event_id)
        error = "An error of ours; it is in the log."
    with acting(system()):
        is_over = not error or row.tries + 1 >= MOST_TRIES
        StripeEvent.objects.filter(id=event_id, handled_at=None).update(
            tries=row.tries + 1, error=error[:300], handled_at=now if is_over else None
        )
    return is_over


def _follow(event: gateway.Event, *, now: dt.datetime) -> None:
    if event.type.startswith("charge.dispute."):
        # In transactions of its own: a wallet is frozen before its projects are looked for.
        check_dispute(stripe_id=event.object_id, now=now)
        return
    with acting(system()) as by:
        if event.type.startswith("checkout.session."):
            _follow_funding(Q(session_id=event.object_id), now=now)
        elif event.type.startswith("payment_intent."):
            _follow_funding(Q(payment_intent_id=event.object_id, is_automatic=True), now=now)
        elif event.type.startswith("refund.") or event.type == "charge.refund.updated":
            check_refund(stripe_id=event.object_id, by=by, now=now)
        elif event.type.startswith("payout.") and event.account_id:
            _follow_payout(event, by=by, now=now)
        elif event.type == "transfer.reversed":
            check_reversals(transfer_id=event.object_id, by=by, now=now)
        elif event.type.startswith("v2.core.account"):
            _follow_account(event.object_id, by=by, now=now)
        elif event.type.startswith("account.external_account.") and event.account_id:
            _follow_account(event.account_id, by=by, now=now)


def _follow_funding(which: Q, *, now: dt.datetime) -> None:
    """A session that is none of ours (a rolled-back try, another system) is nothing to do."""
    found = Funding.objects.filter(which).values_list("id", "org_id").first()
    if found:
        funding_id, org_id = found
        with acting(system(org_id)) as by:
            check_funding(funding_id=funding_id, by=by, now=now)


def _follow_payout(event: gateway.Event, *, by: Actor, now: dt.datetime) -> None:
    carried = take_bank_payout(
        bank_payout_id=event.object_id, account_id=event.account_id, by=by, now=now
    )
    on_the_way = Q(state=PayoutState.REQUESTED) | Q(state=PayoutState.TRANSFERRED)
    if not carried and Payout.objects.filter(on_the_way, account_id=event.account_id).exists():
        raise UnmatchedEventError("No payout of ours is known to be in this bank payout yet.")


def _follow_account(account_id: str, *, by: Actor, now: dt.datetime) -> None:
    account = StripeAccount.objects.filter(account_id=account_id).first()
    if account:
        refresh_account(user_id=account.user_id, by=by, now=now)
