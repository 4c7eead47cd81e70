"""A platform holds a buyer's money for a limited time only."""

import datetime as dt

import pytest

from apps.core.ids import uuid7
from apps.core.tenancy import acting
from apps.notices.models import Notice
from apps.payments import actions as payments
from apps.payments.models import Refund
from apps.payments.rules import unspent_parts
from tests.payments.conftest import STAFF, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(acme, alice, as_):
    return as_(alice)


@pytest.fixture(autouse=True)
def ninety_days(settings):
    settings.PLATFORM_COUNTRY = "DE"


def fund(money, acme, boss, amount):
    with acting(boss):
        return money.fund(acme, boss, amount)


def test_the_limit_follows_the_country_of_the_platform(money, acme, boss, settings):
    assert fund(money, acme, boss, 50_00).hold_until == money.now + dt.timedelta(days=90)
    settings.PLATFORM_COUNTRY = "US"
    assert fund(money, acme, boss, 50_00).hold_until == money.now + dt.timedelta(days=730)


def test_warned_once_then_refunded(money, acme, alice, boss, carol, as_):
    fund(money, acme, boss, 50_00)
    money.earn(carol, acme, 20_00)
    for _ in range(2):
        payments.watch_holds(now=money.later(days=39))
    with acting(as_(alice)):
        notice = Notice.objects.get(kind="wallet.hold_near")
    assert "$30.00" in notice.title and money.wallet(acme) == 30_00
    payments.watch_holds(now=money.later(days=13))
    payments.push_outbox(now=money.now)
    with acting(STAFF):
        refund = Refund.objects.get()
    assert (refund.amount, refund.state, refund.created_by) == (30_00, "done", None)
    payments.watch_holds(now=money.later(days=1))
    payments.fetch_balance(now=money.now)
    assert money.wallet(acme) == 0 and told() == []


def test_only_what_is_old_goes_back(money, acme, boss, carol):
    """The oldest money is spent first: 60.00 of the two payments are left, 10.00 of the old one."""
    fund(money, acme, boss, 50_00)
    money.later(days=60)
    fund(money, acme, boss, 50_00)
    money.earn(carol, acme, 40_00)
    payments.watch_holds(now=money.later(days=31))
    with acting(STAFF):
        assert [row.amount for row in Refund.objects.all()] == [10_00]
    assert money.wallet(acme) == 50_00


def test_a_frozen_wallet_waits(money, acme, boss):
    funding = fund(money, acme, boss, 50_00)
    money.dispute(funding, amount=10_00, withdraw=False)
    money.news("charge.dispute.created")
    payments.watch_holds(now=money.later(days=91))
    with acting(STAFF):
        assert not Refund.objects.exists()


def test_parts_of_what_is_free():
    old, new = uuid7(), uuid7()
    rows = [(old, 50), (new, 30)]
    assert unspent_parts(rows, 0) == {}
    assert unspent_parts(rows, 20) == {new: 20}
    assert unspent_parts(rows, 45) == {new: 30, old: 15}
    assert unspent_parts(rows, 500) == {new: 30, old: 50}
