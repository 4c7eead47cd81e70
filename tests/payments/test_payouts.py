"""Paying out: reserved first, sent once whatever breaks, and followed to the bank."""

import pytest

from apps.core.errors import Conflict, IllegalTransition, Invalid, NotAllowed, TooMany
from apps.core.tenancy import acting, system
from apps.ledger.errors import InsufficientFunds
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.actions import outbox
from apps.payments.actions import payouts as payout_actions
from apps.payments.enums import PAYOUT_TRANSITIONS, PayoutState
from apps.payments.models import OutboxCall, Payout

pytestmark = pytest.mark.django_db


@pytest.fixture
def earned(money, acme, alice, as_, carol):
    """Carol has earned 40.00 of 100.00 that acme paid in; Stripe can pay her."""
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00)
    money.earn(carol, acme, 40_00)
    return money.connect(carol)


def test_a_payout_reaches_the_connected_account(money, earned, carol):
    payout = money.request(carol, 25_00)
    assert payout.state == "requested" and money.payable(carol) == 15_00
    before = money.at_stripe()
    assert payments.push_outbox(now=money.now) == 1
    payout = money.fresh(payout)
    assert payout.state == "transferred" and payout.transferred_at == money.now
    (transfer,) = money.transfers(earned.account_id)
    assert (transfer.id, transfer.amount) == (payout.transfer_id, 25_00)
    assert transfer.metadata.to_dict()["payout"] == str(payout.id)
    assert money.payable(carol) == 15_00 and before - money.at_stripe() == 25_00
    (call,) = money.calls()
    assert (call.state, call.stripe_id) == ("done", transfer.id)
    assert call.idempotency_key == f"tr:{call.ledger_transfer_id}:1"
    assert payments.push_outbox(now=money.now) == 0


def test_without_an_amount_everything_is_paid(money, earned, carol):
    assert money.request(carol).amount == 40_00 and money.payable(carol) == 0


def test_what_is_refused(money, earned, carol, dave, acme):
    with pytest.raises(Invalid, match=r"smallest payout is \$6.00"):
        money.request(carol, 5_99)
    with pytest.raises(InsufficientFunds):
        money.request(carol, 40_01)
    money.connect(dave, is_verified=False)
    money.earn(dave, acme, 10_00)
    with pytest.raises(Conflict, match="Set up payouts"):
        money.request(dave)
    assert money.calls() == [] and money.payable(carol) == 40_00 and money.payable(dave) == 10_00


def test_one_payout_a_day(money, earned, carol):
    money.request(carol, 10_00)
    with pytest.raises(TooMany, match="one payout a day"):
        money.request(carol, 10_00)
    money.later(days=1)
    assert money.request(carol, 10_00).amount == 10_00


def test_a_deactivated_person_is_paid_without_minimum(money, earned, carol, profile):
    money.request(carol, 38_00)
    money.later(days=1)
    with pytest.raises(Invalid, match="smallest payout"):
        money.request(carol)
    profile(carol, deactivated_at=money.now)
    assert money.request(carol).amount == 2_00
    assert payments.push_outbox(now=money.now) == 2
    assert len(money.transfers(earned.account_id)) == 2


def test_staff_and_strangers_are_not_paid(money, ada, as_):
    with acting(as_(ada)) as by, pytest.raises(NotAllowed):
        payments.request_payout(by=by, now=money.now)


# ── Once, whatever breaks ───────────────────────────────────────────────────────────────────────


def test_a_timeout_after_stripe_committed_pays_once(money, earned, carol, double):
    """The SDK's three tries all hang up: nobody on our side knows, Stripe has paid."""
    payout = money.request(carol, 25_00)
    double.post(
        "/_double/fault", {"kind": "timeout_after_commit", "path": "/v1/transfers", "times": 3}
    )
    payments.push_outbox(now=money.now)
    assert money.fresh(payout).state == "requested"
    assert "reached" in money.fresh(payout).reason and money.payable(carol) == 15_00
    assert len(money.transfers(earned.account_id)) == 1, "the fault did not commit"
    payments.push_outbox(now=money.now)
    assert money.calls()[0].tries == 1, "a second try in the same moment"
    payments.push_outbox(now=money.later(minutes=1))
    assert money.fresh(payout).state == "transferred" and money.fresh(payout).reason == ""
    assert [row.amount for row in money.transfers(earned.account_id)] == [25_00]
    assert money.payable(carol) == 15_00


@pytest.mark.parametrize("hours", [0.1, 30])
def test_killed_between_the_call_and_the_commit(money, earned, carol, monkeypatch, hours):
    """After 24 hours Stripe has forgotten the key: then only looking first prevents a second."""
    payout = money.request(carol, 25_00)

    class KilledError(BaseException):
        pass

    def die(*_args, **_kwargs):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_finish", die)
        with pytest.raises(KilledError):
            payments.push_outbox(now=money.now)
    assert len(money.transfers(earned.account_id)) == 1
    assert money.fresh(payout).state == "requested"
    payments.push_outbox(now=money.later(hours=hours))
    assert money.fresh(payout).state == "transferred"
    assert len(money.transfers(earned.account_id)) == 1 and money.payable(carol) == 15_00


def test_the_key_alone_prevents_a_second_payment(money, earned, carol, monkeypatch, double):
    """Even if the search finds nothing, the same key is sent and Stripe repeats its answer."""
    payout = money.request(carol, 25_00)
    double.post(
        "/_double/fault", {"kind": "timeout_after_commit", "path": "/v1/transfers", "times": 3}
    )
    payments.push_outbox(now=money.now)
    monkeypatch.setattr(gateway, "find_transfer", lambda _params: "")
    payments.push_outbox(now=money.later(minutes=1))
    assert money.fresh(payout).state == "transferred"
    assert len(money.transfers(earned.account_id)) == 1
    assert money.calls()[0].attempt_class == 1


@pytest.mark.parametrize("kind", ["error_500", "error_429"])
def test_an_error_of_stripes_is_tried_again_with_the_same_key(money, earned, carol, double, kind):
    """Stripe stores a 500 under its key for a day: until then the answer stays the same."""
    payout = money.request(carol, 25_00)
    key = money.calls()[0].idempotency_key
    double.post("/_double/fault", {"kind": kind, "path": "/v1/transfers"})
    payments.push_outbox(now=money.now)
    assert money.fresh(payout).state == "requested" and money.transfers(earned.account_id) == []
    payments.push_outbox(now=money.later(hours=25))
    assert money.fresh(payout).state == "transferred"
    assert money.calls()[0].idempotency_key == key
    assert len(money.transfers(earned.account_id)) == 1


def test_tries_come_apart(money, earned, carol, settings):
    money.request(carol, 25_00)
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    waits = []
    for _ in range(5):
        payments.push_outbox(now=money.now)
        (call,) = money.calls()
        waits.append((call.next_try_at - money.now).total_seconds())
        money.now = call.next_try_at
    assert waits == [10, 20, 40, 80, 160]
    gateway._client.cache_clear()


# ── Definite answers ────────────────────────────────────────────────────────────────────────────


def test_money_that_is_not_available_yet_waits(money, acme, alice, as_, carol):
    """A card payment is in the wallet at once and at Stripe's disposal after two days."""
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00, available=False)
    money.earn(carol, acme, 40_00)
    account = money.connect(carol)
    payout = money.request(carol, 25_00)
    payments.push_outbox(now=money.now)
    payout = money.fresh(payout)
    assert payout.state == "requested" and "available balance" in payout.reason
    (call,) = money.calls()
    assert call.state == "waiting" and call.idempotency_key.endswith(":2")
    payments.push_outbox(now=money.later(days=3))
    assert money.fresh(payout).state == "transferred"
    assert len(money.transfers(account.account_id)) == 1


def test_a_large_payout_is_not_overtaken_by_small_ones(money, acme, alice, as_, carol, dave):
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00, available=False)
        money.fund(acme, by, 30_00)
    money.earn(carol, acme, 60_00)
    money.earn(dave, acme, 10_00)
    for person in (carol, dave):
        money.connect(person)
    large, small = money.request(carol), money.request(dave)
    payments.push_outbox(now=money.now)
    assert [call.tries for call in money.calls()] == [1, 0]
    payments.push_outbox(now=money.later(days=3))
    assert {money.fresh(row).state for row in (large, small)} == {"transferred"}


def test_a_refused_transfer_is_payable_again(money, earned, carol):
    payout = money.request(carol, 25_00)
    with acting(system()):
        params = {**money.calls()[0].params, "destination": "acct_closed"}
        OutboxCall.objects.update(params=params)
    payments.push_outbox(now=money.now)
    payout = money.fresh(payout)
    assert payout.state == "refused" and "No such destination" in payout.reason
    assert money.payable(carol) == 40_00
    assert money.calls()[0].state == "refused"
    again = money.request(carol, 25_00)
    assert payments.push_outbox(now=money.now) == 1, "a refused call was sent again"
    assert money.fresh(again).state == "transferred"
    assert len({call.idempotency_key for call in money.calls()}) == 2


# ── Weekly ──────────────────────────────────────────────────────────────────────────────────────


def test_everybody_over_the_minimum_is_paid_weekly(money, earned, carol, dave, acme):
    money.earn(dave, acme, 5_99)
    assert payments.pay_weekly(by=system(), now=money.now) == 1
    assert payments.pay_weekly(by=system(), now=money.now) == 0
    with acting(system()):
        (payout,) = Payout.objects.all()
    assert (payout.user_id, payout.amount, payout.is_automatic) == (carol.id, 40_00, True)
    payments.push_outbox(now=money.now)
    assert money.fresh(payout).state == "transferred" and money.payable(dave) == 5_99


def test_weekly_skips_whom_stripe_cannot_pay(money, earned, carol, dave, acme):
    money.connect(dave, is_verified=False)
    money.earn(dave, acme, 10_00)
    assert payments.pay_weekly(by=system(), now=money.now) == 1
    assert money.payable(dave) == 10_00


# ── To the bank ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sent(money, earned, carol):
    """A payout that is at the connected account; Stripe pays it out at midnight."""
    payout = money.request(carol, 25_00)
    payments.push_outbox(now=money.now)
    return money.fresh(payout)


def take_all(money):
    payments.take_events(now=money.now)


def test_paid_to_the_bank(money, sent):
    money.later(days=1)
    money.deliver(*money.events("payout.created"))
    take_all(money)
    assert money.fresh(sent).state == "transferred" and money.fresh(sent).bank_payout_id
    money.later(days=3)
    money.deliver(*money.events("payout.paid"))
    take_all(money)
    assert (money.fresh(sent).state, money.fresh(sent).paid_at) == ("paid", money.now)


def test_a_paid_payout_can_still_fail_and_be_paid_again(money, sent, double):
    money.later(days=4)
    (event,) = money.events("payout.paid")
    money.deliver(event)
    take_all(money)
    double.post(f"/_double/payouts/{event['data']['object']['id']}/fail")
    money.deliver(*money.events("payout.failed"))
    take_all(money)
    failed = money.fresh(sent)
    assert failed.state == "failed" and "closed" in failed.reason and failed.paid_at is None
    # A new bank account: Stripe sends the returned money again, in another bank payout.
    double.post(f"/_double/accounts/{sent.account_id}/verify")
    money.later(days=4)
    both = money.events("payout.paid")
    assert len(both) == 2
    # The newest first, then the late copies of the failed one.
    money.deliver(both[1], *money.events("payout.failed"), both[0])
    take_all(money)
    paid = money.fresh(sent)
    assert paid.state == "paid" and paid.bank_payout_id == both[1]["data"]["object"]["id"]


def test_the_second_try_is_found_before_the_first_is_known(money, sent, double):
    """All events of the first bank payout are lost."""
    money.later(days=4)
    first = money.events("payout.paid")[0]["data"]["object"]["id"]
    double.post(f"/_double/payouts/{first}/fail")
    double.post(f"/_double/accounts/{sent.account_id}/verify")
    money.later(days=4)
    newest = money.events("payout.paid")[-1]
    money.deliver(newest)
    take_all(money)
    assert money.fresh(sent).state == "paid"
    money.deliver(*money.events("payout.failed"))
    take_all(money)
    assert money.fresh(sent).state == "paid"


def test_a_bank_payout_by_hand_is_matched_by_its_amount(money, sent):
    gateway.client().v1.payouts.create(
        {"amount": 25_00, "currency": "usd"}, {"stripe_account": sent.account_id}
    )
    money.later(days=3)
    money.deliver(*money.events("payout.paid"))
    take_all(money)
    assert money.fresh(sent).state == "paid"


def test_catching_up_without_any_event(money, sent):
    money.later(days=4)
    payments.catch_up(now=money.now)
    take_all(money)
    assert money.fresh(sent).state == "paid"


@pytest.mark.parametrize("state", PayoutState)
def test_every_illegal_move_is_refused(money, sent, state):
    with acting(system()) as by:
        Payout.objects.filter(id=sent.id).update(state=state)
        for target in set(PayoutState) - PAYOUT_TRANSITIONS[state]:
            payout = Payout.objects.get(id=sent.id)
            with pytest.raises(IllegalTransition):
                payout_actions._move(payout, target, by=by, now=money.now)
            assert money.fresh(sent).state == state


def test_a_round_ends_when_stripe_is_away_and_goes_on_later(money, acme, alice, as_, carol, dave):
    """Whoever was not tried is as untouched as before; whoever was is tried first again."""
    with acting(as_(alice)) as by:
        money.fund(acme, by, 100_00)
    for person in (carol, dave):
        money.earn(person, acme, 10_00)
        money.connect(person)
    first, second = money.request(carol), money.request(dave)
    money.double.post("/_double/fault", {"kind": "error_500", "path": "/v1/transfers"})
    assert payments.push_outbox(now=money.now) == 1
    one, two = money.calls()
    assert (one.tries, two.tries) == (1, 0) and two.next_try_at <= money.now
    assert payments.push_outbox(now=money.now) == 1
    assert money.fresh(second).state == "transferred" and money.fresh(first).state == "requested"
    payments.push_outbox(now=money.later(hours=25))
    assert money.fresh(first).state == "transferred"
