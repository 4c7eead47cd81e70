"""Signed webhooks: two endpoints, two secrets, order, retries, faults, and the lists of events."""

import json

import pytest
import stripe

from stripe_double import Double
from stripe_double.webhooks import ATTEMPTS, FAILURES, delay

SECRET, CONNECT_SECRET = "whsec_platform", "whsec_connect"


def test_a_payment_tells_its_story_in_order(story, double, receiver):
    charge = story.fund(available=False)
    assert double.drain() == 0
    assert receiver.types("/platform") == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    (event,) = receiver.bodies("/platform", "charge.succeeded")
    assert event["data"]["object"]["id"] == charge.id and "account" not in event


def test_signatures_by_endpoint(story, double, receiver):
    story.fund()
    story.transfer(story.account().id, 100)
    assert double.drain() == 0
    paths = {path for path, _, _ in receiver.got}
    assert paths == {"/platform", "/connect"}
    for path, body, signature in receiver.got:
        secret = SECRET if path == "/platform" else CONNECT_SECRET
        other = CONNECT_SECRET if path == "/platform" else SECRET
        verify = stripe.WebhookSignature.verify_header
        assert verify(body, signature, secret, 300)
        with pytest.raises(stripe.SignatureVerificationError):
            verify(body, signature, other, 300)
        with pytest.raises(stripe.SignatureVerificationError):
            verify(body.replace(b"evt_", b"evt-"), signature, secret, 300)


def test_signatures_keep_real_time(story, double, receiver):
    double.advance(90 * 86_400)
    story.fund()
    assert double.drain() == 0
    _, body, signature = receiver.got[0]
    assert stripe.Webhook.construct_event(body, signature, SECRET).created > 0


def test_a_refused_event_is_sent_again_and_order_is_kept(story, double, receiver):
    for _ in range(3):
        receiver.answers.put(500)
    story.fund()
    assert double.drain() == 0
    types = receiver.types("/platform")
    assert types[:4] == ["payment_intent.created"] * 4 and types[4] == "charge.succeeded"
    assert len({json.loads(body)["id"] for _, body, _ in receiver.got[:4]}) == 1


def test_an_event_never_taken_is_listed_as_undelivered(double, story, receiver, monkeypatch):
    monkeypatch.setattr("stripe_double.webhooks.FIRST_DELAY", 0.001)
    for _ in range(ATTEMPTS):
        receiver.answers.put(400)
    story.fund()
    assert double.drain() == 0
    listed = story.client.v1.events.list({"delivery_success": False}).data
    assert [row.type for row in listed] == ["payment_intent.created"]
    taken = story.client.v1.events.list({"delivery_success": True}).data
    assert "checkout.session.completed" in [row.type for row in taken]


def test_an_endpoint_that_is_down_loses_nothing(receiver, stories, monkeypatch):
    monkeypatch.setattr("stripe_double.webhooks.FIRST_DELAY", 0.001)
    monkeypatch.setattr("stripe_double.webhooks.LONGEST_DELAY", 0.01)
    port = receiver.server.server_port
    receiver.server.shutdown()
    receiver.server.server_close()
    with Double.start(webhook=f"{receiver.url}/platform", secret=SECRET) as double:
        stories(double).fund(available=False)
        for _ in range(500):
            if double.webhooks.lanes["platform"].unreachable > ATTEMPTS + 2:
                break
            assert double.drain(0.02) == 4
        assert double.webhooks.lanes["platform"].unreachable > ATTEMPTS + 2
        back = type(receiver)(port)
        assert double.drain() == 0
        assert back.types() == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed",
        ]
        back.stop()


def test_a_broken_receiver_gets_more_patience(double, story, receiver, monkeypatch):
    monkeypatch.setattr("stripe_double.webhooks.FIRST_DELAY", 0.001)
    monkeypatch.setattr("stripe_double.webhooks.LONGEST_DELAY", 0.001)
    for _ in range(FAILURES - 1):
        receiver.answers.put(503)
    story.fund()
    assert double.drain() == 0
    assert receiver.types("/platform").count("payment_intent.created") == FAILURES
    assert story.client.v1.events.list({"delivery_success": False}).data == []


def test_waits_are_bounded():
    assert [delay(n) for n in (1, 2, 3)] == [0.1, 0.2, 0.4] and delay(10**6) == 4.0


def test_duplicate_and_dropped_events(story, double, receiver):
    double.post("/_double/fault", {"kind": "duplicate_event", "event": "charge.succeeded"})
    double.post("/_double/fault", {"kind": "drop_event", "event": "payment_intent.succeeded"})
    story.fund()
    assert double.drain() == 0
    types = receiver.types("/platform")
    assert types.count("charge.succeeded") == 2 and "payment_intent.succeeded" not in types
    assert len({row["id"] for row in receiver.bodies("/platform", "charge.succeeded")}) == 1
    (missed,) = story.client.v1.events.list({"delivery_success": False}).data
    assert missed.type == "payment_intent.succeeded"
    again = story.client.v1.events.retrieve(missed.id)
    assert again.data.object.status == "succeeded"


def test_a_reordered_event_is_overtaken_by_the_next(story, double, receiver):
    double.post("/_double/fault", {"kind": "reorder_event", "event": "charge.succeeded"})
    story.fund()
    assert double.drain() == 0
    types = receiver.types("/platform")
    assert types[1] == "payment_intent.succeeded" and types.count("charge.succeeded") == 1


def test_a_reordered_event_that_nothing_overtakes_comes_in_the_end(
    story, double, receiver, monkeypatch
):
    monkeypatch.setattr("stripe_double.webhooks.LONELY", 0.05)
    name = "checkout.session.completed"
    double.post("/_double/fault", {"kind": "reorder_event", "event": name})
    story.fund()
    assert double.drain() == 0 and receiver.types("/platform")[-1] == name


def test_a_delayed_event_lets_all_others_pass(story, double, receiver):
    fault = {"kind": "delay_event", "event": "payment_intent.created", "hold_seconds": 0.4}
    double.post("/_double/fault", fault)
    story.fund()
    assert double.drain() == 0
    assert receiver.types("/platform") == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "payment_intent.created",
    ]


def test_events_may_be_held_and_released_backwards(story, double, receiver):
    double.post("/_double/webhooks/hold")
    story.fund()
    assert double.drain(0.05) == 4 and receiver.got == []
    double.post("/_double/webhooks/release", {"order": "backwards"})
    assert double.drain() == 0
    types = receiver.types("/platform")
    assert types[0] == "checkout.session.completed" and types[-1] == "payment_intent.created"


@pytest.mark.parametrize("kind", ["tampered_event", "old_event"])
def test_a_forged_event_comes_first_and_the_honest_one_after_it(story, double, receiver, kind):
    double.post("/_double/fault", {"kind": kind, "event": "payment_intent.created"})
    receiver.answers.put(400)
    story.fund()
    assert double.drain() == 0
    (_, forged, signature), (_, honest, second) = receiver.got[:2]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(forged, signature, SECRET)
    event = stripe.Webhook.construct_event(honest, second, SECRET)
    assert event.type == "payment_intent.created"


def test_event_lists_by_type_and_account(story, double):
    story.fund()
    account = story.account().id
    story.transfer(account, 100)
    assert double.drain() == 0
    listed = story.client.v1.events.list({"types": ["transfer.created", "charge.succeeded"]})
    assert [row.type for row in listed.data] == ["transfer.created", "charge.succeeded"]
    assert all(row.pending_webhooks == 0 for row in listed.data)
    options = {"stripe_account": account}
    (payment, bank) = story.client.v1.events.list(options=options).data
    assert bank.type == "account.external_account.created"
    assert payment.type == "payment.created" and payment.account == account
    thin = story.client.v2.core.events.list({"object_id": account}).data
    assert [row.type for row in thin][-1] == "v2.core.account.created"


def test_an_endpoint_needs_its_secret():
    with pytest.raises(ValueError, match="secret"):
        Double.start(webhook="http://127.0.0.1:9/hook")
