"""The outbox: calls that move money, sent oldest first and never carried out twice.

A try has three steps, each committed by itself: note that it begins, call Stripe without an open
transaction, book the answer. Whatever dies in between, the next try knows that the call may have
been carried out: it looks for its object at Stripe first, then repeats it with the same key.
"""

import datetime as dt
import logging
from dataclasses import dataclass

from django.urls import reverse

from apps.accounts.queries import staff_ids
from apps.core.errors import WagefileError
from apps.core.tasks import one_at_a_time
from apps.core.tenancy import Actor, acting, system
from apps.notices import actions as notices
from apps.notices.enums import Kind as Notices
from apps.payments import gateway
from apps.payments.actions import corrections, funding, payouts, refunds, reversals
from apps.payments.actions.onboarding import refresh_account
from apps.payments.enums import CALL_TRANSITIONS, CallState
from apps.payments.errors import StripeRefusedError, StripeShortError, StripeUnclearError
from apps.payments.models import Correction, Funding, OutboxCall, Payout, Refund
from apps.payments.rules import wait

log = logging.getLogger(__name__)

SHORT = "Stripe's available balance does not cover this yet."
UNCLEAR = "unclear"


# So many tries without success are no hiccup any more.
TRIES_BEFORE_STAFF = 5
# Taken at once: enough to keep the search for the oldest cheap, few enough to lose little time.
BATCH = 100


@dataclass(frozen=True, slots=True)
class Try:
    """A call taken from the outbox, and how it stood before."""

    call: OutboxCall
    tries: int
    next_try_at: dt.datetime
    error: str

    @property
    def may_be_done(self) -> bool:
        """An earlier try of this key has no answer: Stripe may have carried it out."""
        return self.tries > 0 and self.error != SHORT

    @property
    def currency(self) -> str:
        return self.call.params["currency"]


def push_outbox(*, now: dt.datetime) -> int:
    """Send every call that is due; how many were tried. Only one process does this at a time.

    The round ends early when an answer is unclear: Stripe may be away, and the rest can wait for
    the next round.
    """
    tried, is_over = 0, False
    with one_at_a_time("payments.push_outbox") as is_mine:
        while is_mine and not is_over and (batch := _take(now)):
            sent, is_over = _send_batch(batch, now=now)
            tried += sent
    return tried


def _take(now: dt.datetime) -> list[Try]:
    """The oldest due calls, marked as being tried. A short one holds up the younger ones of its
    currency, so that a stream of small payouts cannot starve a large one.
    """
    with acting(system()):
        waiting = OutboxCall.objects.filter(state=CallState.WAITING)
        short = waiting.filter(error=SHORT, next_try_at__gt=now)
        currencies = list(short.values_list("params__currency", flat=True).distinct())
        due = waiting.filter(next_try_at__lte=now).exclude(params__currency__in=currencies)
        calls = list(
            due.order_by("created_at", "id").select_for_update(
                of=("self",), no_key=True, skip_locked=True
            )[:BATCH]
        )
        batch = [Try(call, call.tries, call.next_try_at, call.error) for call in calls]
        for call in calls:
            call.tries += 1
            call.next_try_at = now + wait(call.tries)
            # Until an answer is booked nobody knows what became of this try.
            call.error = ""
        OutboxCall.objects.bulk_update(calls, ["tries", "next_try_at", "error"])
    return batch


def _send_batch(batch: list[Try], *, now: dt.datetime) -> tuple[int, bool]:
    """How many were tried, and whether the round is over. What was not tried is put back."""
    tried, short, is_over = 0, set(), False
    left: list[Try] = []
    for taken in batch:
        if is_over or taken.currency in short:
            left.append(taken)
            continue
        answer = _send(taken, now=now)
        tried += 1
        if answer == SHORT:
            short.add(taken.currency)
        is_over = answer == UNCLEAR
    _put_back(left)
    return tried, is_over


def _put_back(left: list[Try]) -> None:
    for taken in left:
        call = taken.call
        call.tries, call.next_try_at, call.error = taken.tries, taken.next_try_at, taken.error
    with acting(system()):
        OutboxCall.objects.bulk_update(
            [taken.call for taken in left], ["tries", "next_try_at", "error"]
        )


def _send(taken: Try, *, now: dt.datetime) -> str:
    """SHORT, UNCLEAR, or "" for a definite answer."""
    call = taken.call
    try:
        answer = _call_stripe(taken)
    except StripeShortError as error:
        if call.kind in ("reversal", "top_up"):
            # It is somebody else who has too little, and waiting for that helps nobody.
            _refuse(call, error.sentence, now=now)
            return ""
        _postpone(call, SHORT, now=now)
        return SHORT
    except StripeRefusedError as error:
        _refuse(call, error.sentence, now=now)
        return ""
    except StripeUnclearError as error:
        log.warning("outbox call %s: %s", call.id, error.sentence)
        _postpone(call, error.sentence, now=now)
        return UNCLEAR
    _finish(call, answer, now=now)
    if call.kind == "top_up":
        _follow_top_up(call, now=now)
    return ""


def _follow_top_up(call: OutboxCall, *, now: dt.datetime) -> None:
    """A card has paid at once; what this does not find, its event and the catch-up do."""
    with acting(system()):
        org_id = Funding.objects.values_list("org_id", flat=True).get(id=call.subject_id)
    try:
        with acting(system(org_id)) as by:
            funding.check_funding(funding_id=call.subject_id, by=by, now=now)
    except WagefileError as error:
        log.warning("top-up %s: %s", call.subject_id, error.sentence)


def _tell_staff(call: OutboxCall, why: str, *, now: dt.datetime) -> None:
    """Once a call: somebody has to look before Stripe forgets its key."""
    notices.tell(
        staff_ids(),
        kind=Notices.STAFF_OUTBOX,
        title=f"A {call.kind} at Stripe does not get through",
        body=f"After {call.tries} tries: {why}",
        url=reverse("pages:staff-checks"),
        key=f"outbox:{call.id}",
        now=now,
    )


def _call_stripe(taken: Try) -> gateway.RefundState:
    """For a transfer the state is "succeeded": Stripe makes it at once or not at all."""
    call = taken.call
    if call.kind == "refund":
        known = gateway.find_refund(call.params) if taken.may_be_done else None
        return known or gateway.create_refund(call.params, key=call.idempotency_key)
    if call.kind == "top_up":
        made = gateway.find_intent(call.params) if taken.may_be_done else ""
        made = made or gateway.create_intent(call.params, key=call.idempotency_key)
        return gateway.RefundState(made, "succeeded")
    if call.kind == "reversal":
        back = gateway.find_reversal(call.params) if taken.may_be_done else None
        back = back or gateway.create_reversal(call.params, key=call.idempotency_key)
        return gateway.RefundState(back.id, "succeeded")
    found = gateway.find_transfer(call.params) if taken.may_be_done else ""
    transfer_id = found or gateway.create_transfer(call.params, key=call.idempotency_key)
    return gateway.RefundState(transfer_id, "succeeded")


def _postpone(call: OutboxCall, why: str, *, now: dt.datetime) -> None:
    """Ask again later. A definite "not enough" is stored under its key: the next try takes a new
    one. An unclear answer keeps its key.
    """
    with acting(system()):
        if why == SHORT:
            call.attempt_class += 1
            start = call.idempotency_key.rpartition(":")[0]
            call.idempotency_key = f"{start}:{call.attempt_class}"
        call.error = why[:300]
        call.save(update_fields=["attempt_class", "idempotency_key", "error"])
        if call.kind == "transfer":
            Payout.objects.filter(id=call.subject_id).update(reason=call.error)
        if call.tries >= TRIES_BEFORE_STAFF:
            _tell_staff(call, why, now=now)


def _refuse(call: OutboxCall, why: str, *, now: dt.datetime) -> None:
    with acting(system()) as by:
        _tell_staff(call, why, now=now)
        if call.kind == "refund":
            refund = Refund.objects.select_for_update(of=("self",), no_key=True).get(
                id=call.subject_id
            )
            call = _close(call, CallState.REFUSED, error=why, now=now)
            refunds.void(refund, by=by, now=now)
            return
        if call.kind == "reversal":
            correction = Correction.objects.select_for_update(of=("self",), no_key=True).get(
                id=call.subject_id
            )
            _close(call, CallState.REFUSED, error=why, now=now)
            corrections.fail(correction, why, by=by, now=now)
            return
        if call.kind == "top_up":
            paying_in = Funding.objects.select_for_update(of=("self",), no_key=True).get(
                id=call.subject_id
            )
            _close(call, CallState.REFUSED, error=why, now=now)
            funding.fail(paying_in, why, by=by, now=now)
            return
        payout = Payout.objects.select_for_update(of=("self",), no_key=True).get(id=call.subject_id)
        call = _close(call, CallState.REFUSED, error=why, now=now)
        payouts.void(payout, why, by=by, now=now)
    _refresh(payout, now=now)


def _refresh(payout: Payout, *, now: dt.datetime) -> None:
    """The usual reason of a refusal is an account that Stripe has restricted since."""
    with acting(system()) as by:
        try:
            refresh_account(user_id=payout.user_id, by=by, now=now)
        except (StripeUnclearError, StripeRefusedError) as error:
            log.warning("account of payout %s: %s", payout.id, error.sentence)


def _finish(call: OutboxCall, answer: gateway.RefundState, *, now: dt.datetime) -> None:
    with acting(system()) as by:
        if call.kind == "refund":
            refund = Refund.objects.select_for_update(of=("self",), no_key=True).get(
                id=call.subject_id
            )
            _close(call, CallState.DONE, stripe_id=answer.id, now=now)
            refunds.take_answer(refund, answer, by=by, now=now)
        elif call.kind == "reversal":
            _finish_reversal(call, answer.id, by=by, now=now)
        elif call.kind == "top_up":
            paying_in = Funding.objects.select_for_update(of=("self",), no_key=True).get(
                id=call.subject_id
            )
            _close(call, CallState.DONE, stripe_id=answer.id, now=now)
            funding.take_intent(paying_in, answer.id)
        else:
            payout = Payout.objects.select_for_update(of=("self",), no_key=True).get(
                id=call.subject_id
            )
            _close(call, CallState.DONE, stripe_id=answer.id, now=now)
            payouts.post(payout, answer.id, by=by, now=now)


def _finish_reversal(call: OutboxCall, stripe_id: str, *, by: Actor, now: dt.datetime) -> None:
    correction = Correction.objects.select_for_update(of=("self",), no_key=True).get(
        id=call.subject_id
    )
    payout = Payout.objects.select_for_update(of=("self",), no_key=True).get(
        id=correction.payout_taken_back_id
    )
    _close(call, CallState.DONE, stripe_id=stripe_id, now=now)
    corrections.finish(correction, by=by, now=now)
    # Its event may have come first, and booked it.
    if not payout.reversals.filter(id=stripe_id).exists():
        seen = gateway.SeenReversal(stripe_id, correction.amount, str(correction.id))
        reversals.take(payout, seen, by=by, now=now)


def _close(
    call: OutboxCall,
    target: CallState,
    *,
    now: dt.datetime,
    stripe_id: str = "",
    error: str = "",
) -> OutboxCall:
    call = OutboxCall.objects.select_for_update(of=("self",), no_key=True).get(id=call.id)
    if target not in CALL_TRANSITIONS[call.state]:
        message = f"outbox call {call.id} is {call.state} already"
        raise RuntimeError(message)
    call.state, call.stripe_id, call.error, call.done_at = target, stripe_id, error[:300], now
    call.save(update_fields=["state", "stripe_id", "error", "done_at"])
    return call
