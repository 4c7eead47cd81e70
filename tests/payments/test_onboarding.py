"""Connected accounts: opened on the click, judged by the capability, blocked early."""

import pytest
from django.conf import settings as django_settings

from apps.accounts.models import ContributorProfile
from apps.core.errors import Conflict, Invalid, NotAllowed, NotThere
from apps.core.tenancy import Actor, acting, system
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.models import StripeAccount
from apps.payments.rules import PAYABLE_COUNTRIES, in_words, next_weekly

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(carol):
    """carol, without the account that the cast invented for her."""
    with acting(system()):
        StripeAccount.objects.filter(user=carol).delete()
    with acting(Actor(kind="person", user_id=carol.id)) as actor:
        yield actor


def test_the_account_is_opened_once_and_the_link_is_fresh(money, person, carol):
    first = payments.connect(by=person, now=money.now)
    second = payments.connect(by=person, now=money.now)
    assert first != second and first.startswith(money.double.url)
    account = StripeAccount.objects.get(user=carol)
    assert (account.country, account.is_verified) == ("US", False)
    assert len(gateway.client().v2.core.accounts.list({"limit": 10}).data) == 1


def test_a_lost_answer_opens_no_second_account(money, person, carol):
    gateway.create_recipient(user_id=carol.id, country="US", email=carol.email)
    payments.connect(by=person, now=money.now)
    assert len(gateway.client().v2.core.accounts.list({"limit": 10}).data) == 1


def test_the_capability_decides(money, person, carol):
    payments.connect(by=person, now=money.now)
    account = payments.refresh_account(user_id=carol.id, by=person, now=money.now)
    assert account.transfers_status == "restricted" and not account.is_verified
    assert in_words(account.requirements) == [
        "your first name",
        "a bank account or card to be paid to",
    ]
    money.double.post(f"/_double/accounts/{account.account_id}/verify")
    account = payments.refresh_account(user_id=carol.id, by=person, now=money.now)
    assert account.is_verified and account.requirements == []


def test_a_lost_event_is_caught_up_with_in_a_day(money, person, carol):
    payments.connect(by=person, now=money.now)
    account = StripeAccount.objects.get(user=carol)
    money.double.post(f"/_double/accounts/{account.account_id}/verify")
    payments.catch_up(now=money.now)
    assert not StripeAccount.objects.get(user=carol).is_verified
    payments.catch_up(now=money.later(days=2))
    assert StripeAccount.objects.get(user=carol).is_verified


def test_countries_that_cannot_be_paid_are_said_early(money, person, carol, profile):
    profile(carol, region="BR")
    with pytest.raises(Invalid, match="not yet in BR"):
        payments.connect(by=person, now=money.now)
    assert gateway.client().v2.core.accounts.list().data == []
    assert len(PAYABLE_COUNTRIES) == 34 and {"US", "GB", "NO", "DE", "CA", "CH"} < PAYABLE_COUNTRIES


def test_a_profile_comes_first(money, person, carol):
    ContributorProfile.objects.filter(user=carol).delete()
    with pytest.raises(Conflict, match="profile first"):
        payments.connect(by=person, now=money.now)
    with pytest.raises(NotThere):
        payments.refresh_account(user_id=carol.id, by=person, now=money.now)


def test_only_the_person_sets_up_payouts(money, person, carol, dave, ada, as_):
    with pytest.raises(NotAllowed):
        payments.refresh_account(user_id=dave.id, by=person, now=money.now)
    with acting(as_(ada)) as by, pytest.raises(NotAllowed):
        payments.connect(by=by, now=money.now)


def test_the_next_automatic_payout_is_when_the_beat_is(money):
    beat = django_settings.CELERY_BEAT_SCHEDULE["payments.weekly"]["schedule"]
    at = next_weekly(money.now)
    assert (beat.hour, beat.minute, beat.day_of_week) == ({at.hour}, {at.minute}, {at.isoweekday()})
    assert at > money.now and (next_weekly(at) - at).days == 7
