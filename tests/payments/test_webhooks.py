"""Events: nothing forged or old is kept; copies, gaps and any order end in the same books."""

import itertools
import json
import time

import pytest
from django.test import Client

from apps.core.tenancy import acting
from apps.payments import actions as payments
from apps.payments import gateway
from apps.payments.models import StripeEvent
from tests.payments.conftest import CONNECT, PLATFORM, post

pytestmark = pytest.mark.django_db

COMPLETED = "checkout.session.completed"


@pytest.fixture
def paid(money, acme, alice, as_):
    """A funding that Stripe has, and we have not been told of."""
    with acting(as_(alice)) as by:
        funding = payments.fund(org_id=acme.id, amount=50_00, by=by, now=money.now)
    money.pay(funding)
    return funding


def test_stored_answered_and_handled_later(money, paid, acme):
    (event,) = money.events(COMPLETED)
    assert money.deliver(event) == [200]
    (row,) = money.stored()
    assert (row.event_id, row.endpoint, row.handled_at) == (event["id"], "platform", None)
    assert money.wallet(acme) == 0
    assert payments.take_events(now=money.now) == 1
    assert money.stored()[0].handled_at == money.now and money.stored()[0].error == ""
    assert money.fresh(paid).state == "paid" and money.wallet(acme) == 50_00


def test_copies_and_replays_change_nothing(money, paid, acme):
    (event,) = money.events(COMPLETED)
    for _ in range(3):
        assert money.deliver(event, event) == [200, 200]
        payments.take_events(now=money.now)
    assert len(money.stored()) == 1 and money.wallet(acme) == 50_00


def test_any_order_ends_in_the_same_books(money, paid, acme):
    rows = money.events()
    types = {row["type"] for row in rows}
    assert {COMPLETED, "payment_intent.succeeded", "charge.succeeded"} <= types
    for order in itertools.islice(itertools.permutations(rows), 0, None, 7):
        assert set(money.deliver(*order)) == {200}
        payments.take_events(now=money.now)
        assert money.wallet(acme) == 50_00
    assert len(money.stored()) == len(rows) and all(row.handled_at for row in money.stored())


def test_what_an_event_says_is_not_believed(money, acme, alice, as_):
    """Signed by Stripe, but the session was never paid: Stripe itself is asked."""
    with acting(as_(alice)) as by:
        funding = payments.fund(org_id=acme.id, amount=50_00, by=by, now=money.now)
    lie = {
        "id": "evt_lie",
        "object": "event",
        "type": COMPLETED,
        "data": {"object": {"id": funding.session_id, "payment_status": "paid"}},
    }
    assert money.deliver(lie) == [200]
    payments.take_events(now=money.now)
    assert money.fresh(funding).state == "open" and money.wallet(acme) == 0


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ({"secret": "whsec_wrong"}, {}),
        ({"secret": CONNECT}, {}),  # the other endpoint's secret
        ({"at": time.time() - 301}, {}),  # old, or replayed by somebody who recorded it
        ({"raw": b"not json"}, {}),
        ({"raw": b'{"id": "evt_1", "object": "event"}'}, {}),
        ({"raw": b"[]"}, {}),
        ({"raw": b"\xff\xfe"}, {}),
        ({}, {"type": "x" * 121}),
        ({}, {"id": 7}),
        ({}, {"object": "customer"}),
    ],
)
def test_forged_old_and_broken_events_are_refused(money, paid, words, body):
    (event,) = money.events(COMPLETED)
    assert post({**event, **body}, endpoint="platform", **words) == 400
    assert money.stored() == []


def test_a_changed_body_is_refused(money, paid):
    (event,) = money.events(COMPLETED)
    payload = json.dumps(event).encode()
    from stripe_double.webhooks import sign  # noqa: PLC0415

    good = sign(payload, PLATFORM, int(time.time()))
    for sent, header in (
        (payload.replace(b"5000", b"9000"), good),
        (json.dumps(event, indent=1).encode(), good),
        (payload, ""),
        (payload, "t=1,v1=00"),
        (payload, "nonsense"),
    ):
        answer = Client().post(
            "/payments/webhooks/platform/",
            sent,
            content_type="application/json",
            headers={"Stripe-Signature": header} if header else {},
        )
        assert answer.status_code == 400
    assert money.stored() == []


def test_webhooks_are_posts(money):
    for endpoint in ("platform", "connect"):
        assert Client().get(f"/payments/webhooks/{endpoint}/").status_code == 405
    enforced = Client(enforce_csrf_checks=True)
    answer = enforced.post("/payments/webhooks/platform/", b"{}", content_type="application/json")
    assert answer.status_code == 400


def test_unknown_events_and_foreign_objects_are_taken_quietly(money):
    bodies = [
        {"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {}}},
        {"id": "evt_2", "object": "event", "type": COMPLETED, "data": {"object": {"id": "cs_x"}}},
        {
            "id": "evt_3",
            "object": "event",
            "type": "refund.updated",
            "data": {"object": {"id": "re_x"}},
        },
        {
            "id": "evt_4",
            "object": "v2.core.event",
            "type": "v2.core.account.updated",
            "related_object": {"id": "acct_x"},
        },
    ]
    assert set(money.deliver(*bodies)) == {200}
    assert payments.take_events(now=money.now) == 4
    assert all(row.handled_at and not row.error for row in money.stored())


def test_while_stripe_is_away_events_wait(money, paid, acme, settings):
    money.deliver(*money.events(COMPLETED))
    base = settings.STRIPE_API_BASE
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    assert payments.take_events(now=money.now) == 0
    (row,) = money.stored()
    assert row.handled_at is None and row.tries == 1 and "reached" in row.error
    settings.STRIPE_API_BASE = base
    assert payments.take_events(now=money.now) == 0, "a second try in the same moment"
    assert payments.take_events(now=money.later(minutes=1)) == 1
    assert money.wallet(acme) == 50_00


def test_one_broken_event_does_not_stop_the_next(money, paid, acme, monkeypatch):
    bad = {"id": "evt_bad", "object": "event", "type": "refund.x", "data": {"object": {"id": "re"}}}
    money.deliver(bad, *money.events(COMPLETED))
    from apps.payments.actions import events  # noqa: PLC0415

    def boom(**_words):
        raise ZeroDivisionError

    monkeypatch.setattr(events, "check_refund", boom)
    payments.take_events(now=money.now)
    assert money.wallet(acme) == 50_00
    with acting_staff():
        assert "log" in StripeEvent.objects.get(event_id="evt_bad").error


def acting_staff():
    from tests.payments.conftest import STAFF  # noqa: PLC0415

    return acting(STAFF)


def test_gaps_are_closed_without_any_event(money, paid, acme):
    payments.catch_up(now=money.later(minutes=5))
    assert money.wallet(acme) == 0, "a buyer who is still paying is left alone"
    payments.catch_up(now=money.later(minutes=10))
    assert money.wallet(acme) == 50_00


def test_undelivered_events_are_fetched(money, paid, acme, monkeypatch):
    rows = money.events(COMPLETED)
    monkeypatch.setattr(gateway, "undelivered_events", lambda: rows)
    for _ in range(2):
        payments.catch_up(now=money.now)
    assert len(money.stored()) == 1
    payments.take_events(now=money.now)
    assert money.wallet(acme) == 50_00


def test_the_stand_in_delivers_to_our_endpoints(money, acme, alice, as_, carol):
    """Thin events of accounts come to the second endpoint with the second secret."""
    account = money.connect(carol, is_verified=False)
    money.double.post(f"/_double/accounts/{account.account_id}/verify")
    thin = [row for row in money.events() if row["object"] == "v2.core.event"]
    assert thin and set(money.deliver(*thin)) == {200}
    assert {post(row, endpoint="connect", secret=PLATFORM) for row in thin} == {400}
    payments.take_events(now=money.now)
    with acting_staff():
        account.refresh_from_db()
    assert account.is_verified and account.requirements == []
