"""A change of where payouts go waits, is told everywhere, and can be disowned."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from apps.core.errors import Conflict, NotAllowed
from apps.core.tenancy import acting, system
from apps.notices.models import Notice
from apps.payments import actions as payments
from apps.payments.models import Payout, StripeAccount
from tests.payments.conftest import STAFF

pytestmark = pytest.mark.django_db

WAIT = dt.timedelta(hours=48)


@pytest.fixture
def earned(money, acme, alice, as_, carol):
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00)
    money.earn(carol, acme, 40_00)
    return money.connect(carol)


def change(money, account) -> None:
    """Another bank account, entered at Stripe; its events come."""
    money.double.post(f"/_double/accounts/{account.account_id}/external_account", {})
    events = money.events("v2.core.account[configuration.recipient].updated")
    money.deliver(*events, *money.events("account.external_account.created"))
    payments.take_events(now=money.now)


def fresh(account) -> StripeAccount:
    with acting(STAFF):
        return StripeAccount.objects.get(pk=account.pk)


def test_the_first_place_is_no_change(earned):
    assert earned.destination_key and earned.wait_until is None


def test_a_change_waits_48_hours(money, earned, carol):
    change(money, earned)
    account = fresh(earned)
    assert account.wait_until == money.now + WAIT
    assert account.destination_key != earned.destination_key
    with pytest.raises(Conflict, match=r"was changed\. Nothing is paid out before 4 March 2026"):
        money.request(carol)
    money.later(hours=48)
    assert money.request(carol).amount == 40_00


def test_the_weekly_payout_waits_too_and_says_why(money, earned, carol, as_):
    change(money, earned)
    with acting(system()) as by:
        assert payments.pay_weekly(by=by, now=money.now) == 0
    with acting(as_(carol)):
        notice = Notice.objects.filter(kind="payout.waiting").get()
    assert "was changed" in notice.body and money.payable(carol) == 40_00


def test_what_is_reserved_and_not_sent_waits_too(money, earned, carol):
    payout = money.request(carol, 20_00)
    change(money, earned)
    assert payments.push_outbox(now=money.now) == 0
    assert "was changed" in money.fresh(payout).reason
    payments.push_outbox(now=money.later(hours=49))
    assert money.fresh(payout).state == "transferred"


def test_it_is_told_in_the_page_and_by_mail_whatever_was_chosen(money, earned, carol, as_):
    change(money, earned)
    with acting(as_(carol)):
        notice = Notice.objects.get(kind="payout.changed")
    assert notice.mail == "now" and notice.due_at == money.now + WAIT


def test_the_same_place_again_is_no_change(money, earned, carol):
    for _ in range(2):
        with acting(system()) as by:
            payments.refresh_account(user_id=carol.id, by=by, now=money.now)
    assert fresh(earned).wait_until is None


def test_this_was_not_me(money, earned, carol, dave, ada, client_of, as_):
    change(money, earned)
    page = client_of(carol).get("/payments/payouts/").content.decode()
    assert "This was not me" in page
    answer = client_of(carol).post("/payments/payouts/not-me/", follow=True).content.decode()
    assert "until an administrator has looked" in answer
    money.later(days=5)
    with pytest.raises(Conflict, match="was not yours"):
        money.request(carol)
    with acting(as_(ada)):
        assert Notice.objects.filter(kind="staff.payouts_stopped").count() == 1
    with acting(as_(carol)) as by, pytest.raises(NotAllowed):
        payments.release_payouts(user_id=carol.id, by=by, now=money.now)
    assert "Carol" in client_of(ada).get("/payments/staff/").content.decode()
    assert client_of(ada).post(f"/payments/staff/payouts/{carol.id}/release/").status_code == 302
    assert money.request(carol).amount == 40_00


def test_what_was_on_its_way_stops_as_well(money, earned, carol, as_, ada):
    payout = money.request(carol, 20_00)
    with acting(as_(carol)) as by:
        payments.stop_payouts(by=by, now=money.now)
    payments.push_outbox(now=money.later(days=30))
    assert money.fresh(payout).state == "requested"
    with acting(as_(ada)) as by:
        payments.release_payouts(user_id=carol.id, by=by, now=money.now)
    payments.push_outbox(now=money.now)
    assert money.fresh(payout).state == "transferred"


def test_postgresql_refuses_a_payout_that_has_to_wait(money, earned, carol, as_):
    change(money, earned)
    with (
        acting(as_(carol)),
        pytest.raises(IntegrityError, match="changed and waits"),
        transaction.atomic(),
    ):
        Payout.objects.create(
            user=carol, amount=1, currency="USD", account_id="acct_1", created_at=money.now
        )


def test_nothing_of_the_bank_is_kept(money, earned):
    """The key is a keyed hash: 64 hexadecimal digits, of neither the number nor Stripe's id."""
    key = fresh(earned).destination_key
    assert len(key) == 64 and int(key, 16)
