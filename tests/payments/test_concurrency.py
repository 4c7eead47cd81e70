"""Several sessions at once, each seeing only what is committed."""

from functools import partial

import pytest

from apps.core.errors import WagefileError
from apps.core.tenancy import Actor, acting, system
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.actions import outbox
from apps.payments.models import Payout
from apps.projects import actions as projects
from apps.projects.models import Project
from stripe_double import Double
from tests.payments.conftest import CONNECT, PLATFORM, STAFF, Money, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]


@pytest.fixture
def earned(transactional_db, money, acme, alice, as_, carol):
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00)
    money.earn(carol, acme, 40_00)
    return money.connect(carol)


def ask(money, user, amount):
    person = Actor(kind="person", user_id=user.id)
    with acting(person):
        return payments.request_payout(by=person, now=money.now, amount=amount)


def test_two_requests_at_once_are_one_payout(money, earned, carol, together):
    results = together(*[lambda: ask(money, carol, 30_00)] * 4)
    assert sum(isinstance(result, Payout) for result in results) == 1
    assert sum(isinstance(result, WagefileError) for result in results) == 3, results
    assert money.payable(carol) == 10_00


def test_two_workers_send_one_call(money, earned, carol, together):
    money.request(carol)
    assert sum(together(*[lambda: payments.push_outbox(now=money.now)] * 4)) == 1
    assert len(money.transfers(earned.account_id)) == 1


def test_the_try_is_noted_before_the_call_and_survives_a_kill(money, earned, carol, monkeypatch):
    """Committed for real: what another process finds afterwards."""
    payout = money.request(carol)

    class KilledError(BaseException):
        pass

    def die(*_args, **_kwargs):
        raise KilledError

    for step in ("_call_stripe", "_finish"):
        with monkeypatch.context() as patch:
            patch.setattr(outbox, step, die)
            with pytest.raises(KilledError):
                payments.push_outbox(now=money.now)
        (call,) = money.calls()
        assert call.state == "waiting" and call.next_try_at > money.now
        money.later(hours=25)
    assert call.tries == 2
    payments.push_outbox(now=money.now)
    assert money.fresh(payout).state == "transferred"
    assert len(money.transfers(earned.account_id)) == 1 and money.payable(carol) == 0


def test_two_checks_at_once_book_once(transactional_db, money, acme, alice, as_, together):
    with acting(as_(alice)) as by:
        funding = payments.fund(org_id=acme.id, amount=50_00, by=by, now=money.now)
    money.pay(funding)
    states = [row.state for row in together(*[lambda: money.check(funding)] * 4)]
    assert states == ["paid"] * 4 and money.wallet(acme) == 50_00


def test_weekly_twice_at_once(money, earned, carol, together):
    made = together(*[lambda: payments.pay_weekly(by=system(), now=money.now)] * 2)
    assert sum(made) == 1 and money.payable(carol) == 0
    with acting(STAFF):
        assert Payout.objects.count() == 1


@pytest.fixture
def disputed(transactional_db, money, acme, alice, as_, project):
    """50.00 paid in, 20.00 of it held by a project that is paused; 10.00 are disputed."""
    boss = as_(alice)
    with acting(boss):
        funding = money.fund(acme, boss, 50_00)
    money.project = project(acme, wallet=0, budget=20_00, qualification=0)
    with acting(boss):
        projects.pause(project_id=money.project.id, by=boss, now=money.now)
    money.dispute_id = money.dispute(funding, amount=10_00)
    return money


def test_a_chargeback_seen_by_four_at_once_is_booked_and_collected_once(disputed, acme, together):
    check = partial(payments.check_dispute, stripe_id=disputed.dispute_id, now=disputed.now)
    assert {row.state for row in together(*[check] * 4)} == {"open"}
    assert disputed.wallet(acme) == 30_00 - 10_00 - 15_00
    payments.fetch_balance(now=disputed.now)
    assert told() == []


def test_who_resumes_while_the_wallet_freezes_does_not_stay_live(
    disputed, acme, alice, as_, together
):
    boss = as_(alice)

    def resume():
        with acting(boss):
            projects.resume(project_id=disputed.project.id, by=boss, now=disputed.now)

    check = partial(payments.check_dispute, stripe_id=disputed.dispute_id, now=disputed.now)
    together(resume, check, resume)
    with acting(STAFF):
        assert Project.objects.get().state == "paused"


def test_signed_events_come_over_the_wire(live_server, settings, now, acme, alice, as_, carol):
    """The stand-in's own deliveries to both endpoints, one of them twice and one of them lost."""
    settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_CONNECT_WEBHOOK_SECRET = PLATFORM, CONNECT
    with Double.start(
        webhook=f"{live_server.url}/payments/webhooks/platform/",
        secret=PLATFORM,
        connect_webhook=f"{live_server.url}/payments/webhooks/connect/",
        connect_secret=CONNECT,
        now=now.isoformat(),
    ) as double:
        settings.STRIPE_API_BASE = double.url
        money = Money(double, now)
        double.post(
            "/_double/fault", {"kind": "duplicate_event", "event": "checkout.session.completed"}
        )
        double.post("/_double/fault", {"kind": "drop_event", "event": "charge.succeeded"})
        with acting(as_(alice)) as by:
            funding = payments.fund(org_id=acme.id, amount=50_00, by=by, now=now)
        money.pay(funding)
        account = money.connect(carol)
        assert double.drain() == 0
        names = [row.type for row in money.stored()]
        assert names.count("checkout.session.completed") == 1
        assert "v2.core.account.created" in names and "charge.succeeded" not in names
        payments.take_events(now=now)
        payments.catch_up(now=now)
        assert "charge.succeeded" in [row.type for row in money.stored()]
        payments.take_events(now=now)
        assert money.wallet(acme) == 50_00 and account.is_verified
        assert all(row.handled_at and not row.error for row in money.stored())
        gateway.client()._requestor._client.close()
        gateway._client.cache_clear()
