"""Checkout, charges and refunds through the official SDK."""

import pytest
import stripe

DAY = 86_400


def test_a_new_session_is_open_and_unpaid(story):
    session = story.session(2_500, metadata={"org": "7"}, client_reference_id="org-7")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.amount_total == 2_500 and session.payment_intent is None
    assert session.id.startswith("cs_test_") and session.url.endswith(session.id)
    again = story.client.v1.checkout.sessions.retrieve(session.id)
    assert again.metadata.to_dict() == {"org": "7"}
    assert again.client_reference_id == "org-7"


def test_paying_with_the_default_card_is_pending_for_two_days(story, double):
    charge = story.fund(10_000, available=False)
    balance = story.balance()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 9_680)
    transaction = story.client.v1.balance_transactions.retrieve(charge.balance_transaction)
    assert (transaction.amount, transaction.fee, transaction.net) == (10_000, 320, 9_680)
    assert transaction.status == "pending"
    double.advance(2 * DAY - 60)
    assert story.available() == 0
    double.advance(61)
    assert story.available() == 9_680
    assert story.balance().pending[0].amount == 0


def test_the_bypass_card_is_available_at_once(story):
    story.fund(10_000)
    assert story.available() == 9_680


def test_metadata_and_group_reach_the_charge(story):
    data = {"metadata": {"txn": "t1"}, "transfer_group": "project_1", "description": "Wallet"}
    charge = story.fund(5_000, payment_intent_data=data)
    assert charge.metadata.to_dict() == {"txn": "t1"}
    assert charge.transfer_group == "project_1" and charge.description == "Wallet"
    intent = story.client.v1.payment_intents.retrieve(charge.payment_intent)
    assert intent.status == "succeeded" and intent.amount_received == 5_000


def test_a_declined_card_leaves_the_session_open_and_no_money(story, double):
    ident = story.session().id
    double.post(f"/_double/checkout/{ident}/pay", {"outcome": "declined"})
    session = story.client.v1.checkout.sessions.retrieve(ident, {"expand": ["payment_intent"]})
    assert session.status == "open" and session.payment_status == "unpaid"
    assert session.payment_intent.last_payment_error.code == "card_declined"
    assert story.available() == 0
    double.post(f"/_double/checkout/{ident}/pay", {"outcome": "paid"})
    after = story.client.v1.checkout.sessions.retrieve(ident)
    assert after.payment_status == "paid" and after.payment_intent == session.payment_intent.id


def test_paying_twice_charges_once(story, double):
    ident = story.session().id
    for _ in range(2):
        double.post(f"/_double/checkout/{ident}/pay", {"outcome": "paid"})
    assert len(story.client.v1.charges.list().data) == 1


def test_a_session_expires_by_the_clock(story, double):
    ident = story.session().id
    double.advance(DAY + 1)
    assert story.client.v1.checkout.sessions.retrieve(ident).status == "expired"
    with pytest.raises(RuntimeError, match="expired"):
        double.post(f"/_double/checkout/{ident}/pay", {"outcome": "paid"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mode": "subscription"}, None),
        ({"success_url": "javascript:alert(1)"}, "url_invalid"),
        ({"customer": "cus_none"}, "resource_missing"),
        ({"line_items": []}, "parameter_missing"),
    ],
)
def test_sessions_that_are_refused(story, change, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.session(**change)
    assert refused.value.code == code and refused.value.http_status == 400


@pytest.mark.parametrize(
    ("amount", "code"), [(49, "amount_too_small"), (10**8, "amount_too_large")]
)
def test_amounts_out_of_range(story, amount, code):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.session(amount)
    assert refused.value.code == code


def test_refunds_stop_at_the_charge(story):
    charge = story.fund(10_000)
    refund = story.client.v1.refunds.create({"charge": charge.id, "amount": 4_000})
    assert refund.status == "succeeded" and story.available() == 5_680
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        story.client.v1.refunds.create({"charge": charge.id, "amount": 6_001})
    story.client.v1.refunds.create({"payment_intent": charge.payment_intent})
    after = story.client.v1.charges.retrieve(charge.id)
    assert after.refunded and after.amount_refunded == 10_000
    assert story.available() == -320
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.client.v1.refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"


def test_a_refund_of_pending_money_comes_out_of_pending(story, double):
    charge = story.fund(10_000, available=False)
    story.client.v1.refunds.create({"charge": charge.id, "amount": 1_000})
    assert story.balance().pending[0].amount == 8_680
    double.advance(2 * DAY + 1)
    assert story.available() == 8_680


def test_line_items_of_a_session(story):
    rows = story.client.v1.checkout.sessions.line_items.list(story.session(900).id).data
    assert [(row.amount_total, row.description) for row in rows] == [(900, "Wallet")]
