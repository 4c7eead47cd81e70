"""Stripe's books and ours: each balance transaction booked once, and a difference is found."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.core.tenancy import acting, system
from apps.ledger.enums import Purpose
from apps.ledger.queries import find_account
from apps.notices.models import Notice
from apps.payments import actions as payments
from apps.payments.models import BalanceTxn, Reconciliation, StripeAccount, StripeBalance
from apps.payments.tasks import reconcile
from tests.payments.conftest import STAFF, told

pytestmark = pytest.mark.django_db


def mirror() -> int:
    """What the ledger thinks lies at Stripe."""
    from apps.ledger.queries import settled_amounts  # noqa: PLC0415

    with acting(STAFF):
        account = find_account(Purpose.STRIPE, currency="USD")
        return -sum(settled_amounts(account).values())


@pytest.fixture
def busy(money, acme, alice, as_, carol):
    """Two payments in, a refund, a payout."""
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00)
        money.fund(acme, by, 50_00, available=False)
        payments.refund_unspent(org_id=acme.id, amount=20_00, by=by, now=money.now)
    money.earn(carol, acme, 40_00)
    money.connect(carol)
    money.request(carol, 25_00)
    payments.push_outbox(now=money.now)
    return money


def test_the_mirror_equals_stripes_balance(busy):
    assert payments.fetch_balance(now=busy.now) == 4
    with acting(STAFF):
        rows = list(BalanceTxn.objects.all())
        balance = StripeBalance.objects.get(currency="USD")
    assert {row.type for row in rows} == {"charge", "refund", "transfer"}
    assert all(row.booked_at for row in rows) and sum(row.fee for row in rows) == 3_20 + 1_75
    assert balance.available + balance.pending == busy.at_stripe() == mirror()
    assert mirror() == 100_00 + 50_00 - 20_00 - 25_00 - 4_95
    assert told() == []


def test_fetching_again_books_nothing_again(busy):
    payments.fetch_balance(now=busy.now)
    before = mirror()
    for _ in range(2):
        assert payments.fetch_balance(now=busy.now) == 0
    assert mirror() == before and told() == []


def test_a_charge_without_webhook_is_found(money, acme, alice, as_):
    with acting(as_(alice)) as by:
        funding = payments.fund(org_id=acme.id, amount=50_00, by=by, now=money.now)
    money.pay(funding)
    payments.fetch_balance(now=money.now)
    assert money.fresh(funding).state == "paid" and money.wallet(acme) == 50_00 and told() == []


def test_what_is_not_booked_yet_is_said_and_mended(busy, carol):
    """Stripe has paid, our process died before the commit."""
    busy.later(days=3)
    second = busy.request(carol, 10_00)
    from apps.payments import gateway  # noqa: PLC0415

    call = busy.calls()[-1]
    gateway.create_transfer(call.params, key=call.idempotency_key)
    payments.fetch_balance(now=busy.now)
    assert any("belongs to no row of ours" in sentence for sentence in told())
    payments.push_outbox(now=busy.now)
    payments.fetch_balance(now=busy.now)
    assert busy.fresh(second).state == "transferred" and told() == []


def test_a_booking_that_stripe_does_not_have_is_found(busy, acme, funded):
    payments.fetch_balance(now=busy.now)
    funded(acme, 5_00)
    found = told()
    assert any("Stripe has no such transaction" in sentence for sentence in found)
    assert any("its mirror in the ledger" in sentence for sentence in found)


def test_the_command_names_the_differences(busy, acme, funded):
    out = StringIO()
    call_command("reconcile_stripe", "--fetch", stdout=out)
    assert "4 balance transactions, each booked once" in out.getvalue()
    funded(acme, 5_00)
    with pytest.raises(CommandError, match="2 differences"):
        call_command("reconcile_stripe", stdout=out)
    assert "$5.00" in out.getvalue()


def test_each_night_is_kept_and_shown(busy, acme, funded, ada, client_of, as_):
    reconcile()
    funded(acme, 5_00)
    reconcile()
    with acting(STAFF):
        good, bad = Reconciliation.objects.order_by("differences")
    assert (good.transactions, good.differences, good.sentences) == (4, 0, [])
    assert bad.differences == 2 and "$5.00" in " ".join(bad.sentences)
    page = client_of(ada).get("/payments/staff/").content.decode()
    assert "2 differences" in page and "$5.00" in page and "Equal" in page
    with acting(as_(ada)):
        notice = Notice.objects.get(kind="staff.reconcile")
    assert "differ in 2 places" in notice.title


def test_the_platform_bears_what_a_connected_account_cannot(busy, carol):
    """Stripe's bill for an account that stays below zero: at the cost of capital, booked once."""
    with acting(STAFF):
        account_id = StripeAccount.objects.get(user=carol).account_id
    busy.later(days=5)
    busy.double.post(f"/_double/accounts/{account_id}/debit", {"amount": 9_00})
    busy.double.post(f"/_double/accounts/{account_id}/write_off", {})
    payments.fetch_balance(now=busy.now)
    with acting(STAFF):
        row = BalanceTxn.objects.get(type="connect_collection_transfer")
    assert row.amount < 0 and row.booked_at and told() == [] and mirror() == busy.at_stripe()


def test_changed_amounts_are_found(busy):
    payments.fetch_balance(now=busy.now)
    with acting(system()):
        row = BalanceTxn.objects.filter(type="refund").get()
        BalanceTxn.objects.filter(id=row.id).update(amount=row.amount - 1)
    assert any(row.id in sentence and "$20.00" in sentence for sentence in told())


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(["fund", "refund", "pay"]), st.integers(6_00, 80_00)), min_size=3
    )
)
def test_whatever_happens_the_books_agree(money, acme, alice, as_, carol, steps):
    """Property: after any sequence of steps, refused ones included, both sides say the same."""
    from apps.core.errors import WagefileError  # noqa: PLC0415

    boss = as_(alice)
    account = money.connect(carol)
    for kind, amount in steps[:12]:
        money.later(days=1)
        try:
            if kind == "fund":
                with acting(boss):
                    money.fund(acme, boss, amount, available=bool(amount % 2))
            elif kind == "refund":
                with acting(boss):
                    payments.refund_unspent(org_id=acme.id, amount=amount, by=boss, now=money.now)
            elif money.wallet(acme) >= amount:
                money.earn(carol, acme, amount)
                money.request(carol)
        except WagefileError:
            continue
        payments.push_outbox(now=money.now)
    payments.push_outbox(now=money.later(days=3))
    payments.fetch_balance(now=money.now)
    assert told() == [] and mirror() == money.at_stripe() and account.is_verified
