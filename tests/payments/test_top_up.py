"""The wallet pays in by itself: with consent, below its level, up to its cap, and off in time."""

import pytest

from apps.core.errors import Invalid, NotAllowed
from apps.core.tenancy import acting
from apps.notices.models import Notice
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.models import Funding, TopUpRule
from tests.payments.conftest import STAFF, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(acme, alice, as_):
    return as_(alice)


def set_rule(money, acme, by, *, level=20_00, amount=50_00, monthly_cap=120_00):
    with acting(by):
        return payments.set_top_up(
            org_id=acme.id,
            level=level,
            amount=amount,
            monthly_cap=monthly_cap,
            by=by,
            now=money.now,
        )


def rule() -> TopUpRule:
    with acting(STAFF):
        return TopUpRule.objects.get()


def automatic() -> list[Funding]:
    with acting(STAFF):
        return list(Funding.objects.filter(is_automatic=True).order_by("created_at"))


def round_of(money) -> None:
    """What beat rings."""
    payments.top_up(now=money.now)
    payments.push_outbox(now=money.now)


@pytest.fixture
def ready(money, acme, boss):
    """A rule that is on, with the 50.00 of the first payment in the wallet."""
    asking = set_rule(money, acme, boss)
    money.pay(asking)
    money.news("checkout.session.completed")
    payments.top_up(now=money.now)
    assert rule().is_on
    return money


def answer(money, what: str) -> None:
    """What the saved payment method does from now on."""
    money.double.post(f"/_double/payment_methods/{rule().method_id}", {"next": what})


def test_it_begins_with_consent_at_stripe(money, acme, boss):
    asking = set_rule(money, acme, boss)
    assert asking.checkout_url and not rule().is_on and rule().customer_id.startswith("cus_")
    round_of(money)
    assert automatic() == [] and not rule().is_on
    money.pay(asking)
    money.news("checkout.session.completed")
    round_of(money)
    assert rule().is_on and rule().method_id.startswith("pm_") and automatic() == []
    assert money.wallet(acme) == 50_00


def test_below_the_level_it_pays_in_once(ready, acme, carol):
    ready.earn(carol, acme, 30_01)
    round_of(ready)
    (funding,) = automatic()
    assert (funding.state, funding.amount) == ("paid", 50_00)
    assert ready.wallet(acme) == 19_99 + 50_00
    round_of(ready)
    assert len(automatic()) == 1
    payments.fetch_balance(now=ready.now)
    assert told() == []


def test_a_timeout_after_stripe_committed_charges_once(ready, acme, carol, double):
    ready.earn(carol, acme, 40_00)
    double.post(
        "/_double/fault",
        {"kind": "timeout_after_commit", "path": "/v1/payment_intents", "times": 3},
    )
    round_of(ready)
    assert automatic()[0].state == "open" and ready.wallet(acme) == 10_00
    ready.later(hours=30)
    round_of(ready)
    assert [row.state for row in automatic()] == ["paid"] and ready.wallet(acme) == 60_00
    payments.fetch_balance(now=ready.now)
    assert told() == []


def test_the_cap_of_the_month_holds_and_is_told_once(ready, acme, carol, alice, as_):
    for _ in range(4):
        if ready.wallet(acme) > 10_00:
            ready.earn(carol, acme, ready.wallet(acme) - 10_00)
        ready.later(days=2)
        round_of(ready)
    assert len(automatic()) == 2, "a third one would go over 120.00"
    with acting(as_(alice)):
        assert Notice.objects.filter(kind="wallet.top_up").count() == 1
    ready.later(days=31)
    round_of(ready)
    assert len(automatic()) == 3


@pytest.mark.parametrize("what", ["decline", "authentication_required"])
def test_failures_are_told_and_switch_it_off(ready, acme, carol, alice, as_, what):
    ready.earn(carol, acme, 40_00)
    answer(ready, what)
    for _ in range(4):
        round_of(ready)
        round_of(ready)
        ready.later(days=1, minutes=1)
    assert [row.state for row in automatic()] == ["failed"] * 3
    assert not rule().is_on and "3 automatic payments in a row failed" in rule().off_reason
    with acting(as_(alice)):
        titles = [row.body for row in Notice.objects.filter(kind="wallet.top_up")]
    assert len(titles) == 3 and sum("switched off now" in body for body in titles) == 1
    assert ready.wallet(acme) == 10_00


def test_a_success_forgets_earlier_failures(ready, acme, carol):
    ready.earn(carol, acme, 40_00)
    answer(ready, "decline")
    round_of(ready)
    assert rule().failures == 1
    answer(ready, "ok")
    ready.later(days=1, minutes=1)
    round_of(ready)
    assert rule().failures == 0 and ready.wallet(acme) == 60_00


def test_a_frozen_wallet_is_not_paid_into(ready, acme, carol):
    with acting(STAFF):
        first = Funding.objects.get()
    ready.dispute(first, amount=10_00, withdraw=False)
    ready.news("charge.dispute.created")
    ready.earn(carol, acme, 40_00)
    round_of(ready)
    assert automatic() == []


def test_off_is_off_and_the_method_forgotten(ready, acme, boss, carol):
    method = rule().method_id
    with acting(boss):
        payments.switch_off_top_up(org_id=acme.id, by=boss, now=ready.now)
    ready.earn(carol, acme, 40_00)
    round_of(ready)
    assert automatic() == [] and not rule().is_on and rule().method_id == ""
    assert gateway.client().v1.payment_methods.retrieve(method).customer is None
    assert set_rule(ready, acme, boss) is not None, "a new rule asks for consent again"


@pytest.mark.parametrize(
    ("words", "field"),
    [({"level": 0}, "level"), ({"amount": 99}, "amount"), ({"monthly_cap": 49_99}, "monthly_cap")],
)
def test_rules_that_make_no_sense(money, acme, boss, words, field):
    with pytest.raises(Invalid) as refusal:
        set_rule(money, acme, boss, **words)
    assert refusal.value.field == field


def test_only_owner_and_finance_set_it(money, acme, mia, as_):
    with pytest.raises(NotAllowed):
        set_rule(money, acme, as_(mia))


def test_the_way_through_the_page(money, acme, client_of, fay):
    browser = client_of(fay)
    page = f"/payments/wallets/{acme.id}/top-up/"
    typed = {"top-up-level": "20", "top-up-amount": "50", "top-up-monthly_cap": "12"}
    wrong = browser.post(page, typed)
    assert wrong.status_code == 422 and "at least one payment" in wrong.content.decode()
    sent = browser.post(page, {**typed, "top-up-monthly_cap": "120"}, follow=True)
    assert "Continue to Stripe" in sent.content.decode()
    wallet = browser.get(f"/payments/wallets/{acme.id}/").content.decode()
    assert "It begins when its first payment has arrived" in wallet
    assert browser.post(f"{page}off/").status_code == 302 and "Switched off" in rule().off_reason
