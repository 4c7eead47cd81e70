"""Unspent money goes back where it came from, and never more than is free."""

import pytest
from django.db import transaction

from apps.core.errors import Conflict, IllegalTransition, Invalid
from apps.core.tenancy import acting, system
from apps.ledger.errors import InsufficientFunds
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.actions import refunds as refund_actions
from apps.payments.enums import CALL_TRANSITIONS, CallState
from apps.payments.models import OutboxCall, Refund

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(acme, alice, as_):
    with acting(as_(alice)) as actor:
        yield actor


def ask(money, acme, boss, amount):
    return payments.refund_unspent(org_id=acme.id, amount=amount, by=boss, now=money.now)


def test_a_refund_leaves_wallet_and_stripe(money, acme, boss):
    money.fund(acme, boss, 50_00)
    before = money.at_stripe()
    (refund,) = ask(money, acme, boss, 20_00)
    assert refund.state == "waiting" and money.wallet(acme) == 30_00
    payments.push_outbox(now=money.now)
    refund = money.fresh(refund)
    assert refund.state == "done" and refund.stripe_id.startswith("re_")
    assert money.wallet(acme) == 30_00 and before - money.at_stripe() == 20_00


def test_it_is_split_over_payments_newest_first(money, acme, boss):
    old = money.fund(acme, boss, 50_00)
    money.later(minutes=1)
    new = money.fund(acme, boss, 30_00)
    parts = ask(money, acme, boss, 40_00)
    assert [(row.funding_id, row.amount) for row in parts] == [(new.id, 30_00), (old.id, 10_00)]
    payments.push_outbox(now=money.now)
    assert {money.fresh(row).state for row in parts} == {"done"}
    assert [(row.funding_id, row.amount) for row in ask(money, acme, boss, 40_00)] == [
        (old.id, 40_00)
    ]


def test_what_is_promised_cannot_be_refunded(money, acme, boss, carol):
    money.fund(acme, boss, 50_00)
    money.earn(carol, acme, 45_00)
    with pytest.raises(InsufficientFunds):
        ask(money, acme, boss, 5_01)
    assert money.calls() == [] and money.wallet(acme) == 5_00
    assert not Refund.objects.exists()


def test_a_chargeback_that_came_a_moment_ago_is_one_sentence(money, acme, boss):
    """The organization was read before the freeze; the database saw it, and nothing is kept."""
    money.fund(acme, boss, 50_00)
    parts = refund_actions.split(acme, 20_00)
    disputed = money.fund(acme, boss, 10_00)
    money.dispute(disputed, amount=10_00, withdraw=False)
    money.news("charge.dispute.created")
    assert acme.frozen_at is None
    with pytest.raises(Conflict, match="frozen by a chargeback"), transaction.atomic():
        refund_actions.send_back(acme, parts, asked_by=boss.user_id, by=boss, now=money.now)
    assert not Refund.objects.exists() and money.calls() == []


def test_only_what_was_paid_in_can_be_refunded(money, acme, boss, funded):
    """Money that came another way has no payment to go back to."""
    money.fund(acme, boss, 50_00)
    funded(acme, 100_00)
    with pytest.raises(Invalid, match=r"At most \$50.00"):
        ask(money, acme, boss, 50_01)
    ask(money, acme, boss, 50_00)
    with pytest.raises(Invalid, match=r"At most \$0.00"):
        ask(money, acme, boss, 1)


def test_a_timeout_after_stripe_committed_refunds_once(money, acme, boss, double):
    money.fund(acme, boss, 50_00)
    before = money.at_stripe()
    (refund,) = ask(money, acme, boss, 20_00)
    double.post(
        "/_double/fault", {"kind": "timeout_after_commit", "path": "/v1/refunds", "times": 3}
    )
    payments.push_outbox(now=money.now)
    assert money.fresh(refund).state == "waiting" and before - money.at_stripe() == 20_00
    payments.push_outbox(now=money.later(hours=30))
    assert money.fresh(refund).state == "done" and before - money.at_stripe() == 20_00


def test_a_refused_refund_is_in_the_wallet_again(money, acme, boss):
    funding = money.fund(acme, boss, 50_00)
    gateway.client().v1.refunds.create({"payment_intent": funding.payment_intent_id})
    (refund,) = ask(money, acme, boss, 20_00)
    payments.push_outbox(now=money.now)
    assert money.fresh(refund).state == "refused" and money.wallet(acme) == 50_00


@pytest.mark.parametrize(
    ("first", "then", "state", "wallet"),
    [
        ("pending", "succeeded", "done", 30_00),
        ("pending", "failed", "refused", 50_00),
        ("requires_action", "canceled", "refused", 50_00),
        ("succeeded", "failed", "done", 50_00),
    ],
)
def test_slow_and_returned_refunds(money, acme, boss, monkeypatch, first, then, state, wallet):
    """A bank can hold a refund for days, and return a finished one weeks later."""
    money.fund(acme, boss, 50_00)
    (refund,) = ask(money, acme, boss, 20_00)
    monkeypatch.setattr(
        gateway, "create_refund", lambda _params, **_key: gateway.RefundState("re_1", first)
    )
    payments.push_outbox(now=money.now)
    assert money.fresh(refund).state == ("done" if first == "succeeded" else "waiting")
    assert money.wallet(acme) == 30_00
    monkeypatch.setattr(gateway, "read_refund", lambda _id: gateway.RefundState("re_1", then))
    for _ in range(2):
        with acting(system()) as by:
            payments.check_refund(stripe_id="re_1", by=by, now=money.now)
    assert money.fresh(refund).state == state and money.wallet(acme) == wallet


@pytest.mark.parametrize("state", CallState)
def test_every_illegal_move_is_refused(money, acme, boss, state):
    money.fund(acme, boss, 50_00)
    (refund,) = ask(money, acme, boss, 20_00)
    with acting(system()) as by:
        Refund.objects.filter(id=refund.id).update(state=state)
        OutboxCall.objects.update(state=state)
        for target in set(CallState) - CALL_TRANSITIONS[state]:
            with pytest.raises(IllegalTransition):
                refund_actions._move(Refund.objects.get(id=refund.id), target, by=by, now=money.now)
