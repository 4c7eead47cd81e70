"""Paying in: money is booked when Stripe says so, once, and never because a page says so."""

import pytest

from apps.core.errors import Conflict, Invalid, NotAllowed
from apps.core.tenancy import acting
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account, settled_amounts
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.errors import StripeUnclearError
from apps.payments.models import Funding
from tests.payments.conftest import STAFF, told

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


@pytest.fixture
def debit(money, acme, boss):
    """A bank debit of 50.00 that the buyer has given on Stripe's page; the bank is silent yet."""
    funding = payments.fund(org_id=acme.id, amount=50_00, by=boss, now=money.now)
    money.pay(funding, outcome="debit", available=False)
    money.deliver(*money.events("checkout.session.completed"))
    payments.take_events(now=money.now)
    return money.fresh(funding)


def incoming() -> int:
    with acting(STAFF):
        account = find_account(Purpose.INCOMING, currency="USD")
        return sum(settled_amounts(account).values())


def test_a_bank_debit_counts_when_it_has_arrived(money, acme, debit):
    """`checkout.session.completed` with payment_status unpaid is no money yet."""
    assert debit.state == "pending" and money.wallet(acme) == 0
    payments.fetch_balance(now=money.now)
    assert incoming() == 50_00 and told() == [], "in Stripe's books, but nobody's yet"
    money.settle(debit, "paid")
    money.deliver(*money.events("checkout.session.async_payment_succeeded"))
    payments.take_events(now=money.now)
    assert money.fresh(debit).state == "paid" and money.wallet(acme) == 50_00
    payments.fetch_balance(now=money.now)
    assert incoming() == 0 and told() == []


def test_a_bank_debit_that_fails_moves_nothing(money, acme, debit):
    payments.fetch_balance(now=money.now)
    money.settle(debit, "failed")
    money.deliver(*money.events("checkout.session.async_payment_failed"))
    payments.take_events(now=money.now)
    assert money.fresh(debit).state == "failed" and money.wallet(acme) == 0
    payments.fetch_balance(now=money.now)
    assert incoming() == 0 and told() == [], "the second line takes it back, its fee included"


@pytest.mark.parametrize(("outcome", "wallet"), [("paid", 50_00), ("failed", 0)])
def test_a_bank_debit_without_any_event_is_found(money, acme, debit, outcome, wallet):
    money.settle(debit, outcome)
    later = money.later(hours=1)
    payments.catch_up(now=later)
    payments.fetch_balance(now=later)
    assert money.fresh(debit).state == outcome and money.wallet(acme) == wallet
    assert incoming() == 0 and told() == []


def test_a_debit_on_its_way_cannot_be_spent(money, acme, boss, debit):
    with pytest.raises(Invalid, match=r"At most \$0.00"):
        payments.refund_unspent(org_id=acme.id, amount=10_00, by=boss, now=money.now)


def test_the_page_says_that_a_debit_takes_days(money, acme, debit, client_of, alice):
    page = client_of(alice).get(f"/payments/fundings/{debit.id}/").content.decode()
    assert "Nothing is counted before it has arrived" in page
    assert "Continue to Stripe" not in page


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
