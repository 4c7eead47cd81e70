"""Paying in: money is booked when Stripe says so, once, and never because a page says so."""

import pytest

from apps.core.errors import Conflict, Invalid, NotAllowed
from apps.core.tenancy import acting
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.errors import StripeUnclearError
from apps.payments.models import Funding

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(acme, alice, as_):
    with acting(as_(alice)) as actor:
        yield actor


def test_a_paid_checkout_is_in_the_wallet(money, acme, boss):
    funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    assert funding.checkout_url.startswith(money.double.url) and money.wallet(acme) == 0
    assert money.check(funding).state == "open" and money.wallet(acme) == 0
    money.pay(funding)
    assert money.check(funding).state == "paid"
    assert money.wallet(acme) == 50_00


def test_asking_again_books_nothing_again(money, acme, boss):
    funding = money.fund(acme, boss, 50_00)
    for _ in range(3):
        money.check(funding)
    assert money.wallet(acme) == 50_00


def test_a_declined_card_moves_nothing_and_can_be_tried_again(money, acme, boss):
    funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    money.pay(funding, outcome="declined")
    assert money.check(funding).state == "open" and money.wallet(acme) == 0
    money.pay(funding)
    assert money.check(funding).state == "paid" and money.wallet(acme) == 50_00


def test_an_expired_checkout_moves_nothing(money, acme, boss):
    funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    money.later(hours=25)
    assert money.check(funding).state == "expired" and money.wallet(acme) == 0


def test_another_amount_than_was_asked_for_is_not_booked(money, acme, boss, monkeypatch):
    funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    Funding.objects.filter(id=funding.id).update(amount=60_00)
    money.pay(funding)
    with pytest.raises(Conflict, match=r"took \$50.00 where \$60.00"):
        money.check(funding)
    assert money.fresh(funding).state == "open" and money.wallet(acme) == 0


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (gateway.Checkout("complete", False, False, 50_00, "USD", "pi_1"), "open"),
        (gateway.Checkout("complete", False, True, 50_00, "USD", "pi_1"), "failed"),
    ],
)
def test_a_bank_debit_counts_when_it_succeeds(money, acme, boss, monkeypatch, seen, state):
    """`checkout.session.completed` with payment_status unpaid is no money yet; a debit that failed
    can be paid at a second try of the same session.
    """
    funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    with monkeypatch.context() as patch:
        patch.setattr(gateway, "read_checkout", lambda _id: seen)
        assert money.check(funding).state == state
    assert money.wallet(acme) == 0
    money.pay(funding)
    assert money.check(funding).state == "paid" and money.wallet(acme) == 50_00


@pytest.mark.parametrize("amount", [-1, 0, 99, 100_000_000])
def test_amounts_that_stripe_cannot_take(money, acme, boss, amount):
    with pytest.raises(Invalid, match="between"):
        payments.fund(org_id=acme.id, amount=amount, by=boss, now=money.now)
    assert not Funding.objects.exists()


def test_only_owner_and_finance_move_money(money, acme, alice, mia, rob, fay, vic, gus, as_):
    for person in (alice, fay):
        with acting(as_(person)) as by:
            payments.fund(org_id=acme.id, amount=10_00, by=by, now=money.now)
    for person in (mia, rob, vic, gus):
        with acting(as_(person)) as by:
            for action in (payments.fund, payments.refund_unspent):
                with pytest.raises(NotAllowed):
                    action(org_id=acme.id, amount=10_00, by=by, now=money.now)


def test_without_stripe_nothing_is_kept(money, acme, boss, settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    with pytest.raises(StripeUnclearError):
        payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    assert not Funding.objects.exists()


def test_the_same_funding_opens_one_session(money, acme, boss):
    words = {
        "amount": 10_00,
        "currency": "USD",
        "success_url": "http://a.test/",
        "cancel_url": "http://a.test/",
    }
    first = gateway.create_checkout(funding_id=acme.id, **words)
    assert gateway.create_checkout(funding_id=acme.id, **words) == first
