"""Bank debits in Checkout: unpaid at first, settled by the clock or by a switch."""

import pytest
import stripe

DAY = 86_400


@pytest.fixture
def debit(story, double):
    """Choose a bank account in a new session; the session after it."""

    def choose(amount=10_000, outcome="debit", currency="usd", **extra):
        session = story.session(amount, currency, **extra)
        double.post(f"/_double/checkout/{session.id}/pay", {"outcome": outcome})
        return read(story, session.id)

    return choose


def read(story, ident):
    return story.client.v1.checkout.sessions.retrieve(ident, {"expand": ["payment_intent"]})


def test_a_debit_completes_the_session_unpaid(story, double, receiver, debit):
    session = debit()
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert session.payment_intent.status == "processing"
    charge = story.client.v1.charges.retrieve(session.payment_intent.latest_charge)
    assert charge.id.startswith("py_") and charge.status == "pending" and not charge.paid
    assert charge.payment_method_details.type == "us_bank_account"
    row = story.client.v1.balance_transactions.retrieve(charge.balance_transaction)
    assert (row.type, row.amount, row.fee, row.status) == ("payment", 10_000, 80, "pending")
    assert story.available() == 0 and story.balance().pending[0].amount == 9_920
    assert double.drain() == 0
    assert receiver.types("/platform")[1:] == [
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]


def test_it_succeeds_by_the_clock(story, double, receiver, debit):
    session = debit()
    double.advance(4 * DAY - 60)
    assert read(story, session.id).payment_status == "unpaid"
    double.advance(61)
    after = read(story, session.id)
    assert after.payment_status == "paid" and after.payment_intent.status == "succeeded"
    assert after.payment_intent.amount_received == 10_000 and story.available() == 9_920
    assert double.drain() == 0
    assert receiver.types("/platform")[-3:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    (event,) = receiver.bodies("/platform", "checkout.session.async_payment_succeeded")
    assert event["data"]["object"]["payment_status"] == "paid"


def test_it_comes_back_by_the_clock_and_leaves_no_money(story, double, receiver, debit):
    session = debit(outcome="debit_failed")
    double.advance(4 * DAY + 1)
    after = read(story, session.id)
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    assert after.payment_intent.status == "requires_payment_method"
    assert after.payment_intent.last_payment_error.code == "insufficient_funds"
    balance = story.balance()
    assert (balance.available[0].amount, balance.pending[0].amount) == (0, 0)
    rows = story.client.v1.balance_transactions.list({"expand": ["data.source"]}).data
    (back,) = [row for row in rows if row.type == "payment_failure_refund"]
    assert (back.amount, back.fee, back.net) == (-10_000, -80, -9_920)
    assert back.source.id == after.payment_intent.latest_charge
    assert back.source.failure_balance_transaction == back.id and back.source.status == "failed"
    assert double.drain() == 0
    assert receiver.types("/platform")[-1] == "checkout.session.async_payment_failed"


def test_a_switch_settles_it_earlier_and_once(story, double, debit):
    ident = debit().id
    double.post(f"/_double/checkout/{ident}/settle", {"outcome": "failed"})
    assert read(story, ident).payment_intent.status == "requires_payment_method"
    with pytest.raises(RuntimeError, match="No debit is under way"):
        double.post(f"/_double/checkout/{ident}/settle", {"outcome": "paid"})
    double.advance(5 * DAY)
    assert story.available() == 0
    other = debit().id
    double.post(f"/_double/checkout/{other}/settle")
    assert read(story, other).payment_status == "paid"


def test_a_pending_debit_funds_and_refunds_nothing(story, debit):
    charge = debit().payment_intent.latest_charge
    with pytest.raises(stripe.InvalidRequestError, match="can't fund"):
        story.transfer(story.account().id, 100, source_transaction=charge)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        story.client.v1.refunds.create({"charge": charge})
    assert refused.value.code == "charge_not_refundable"


def test_a_settled_debit_is_refunded_as_a_payment(story, double, debit):
    session = debit()
    double.advance(4 * DAY + 1)
    refund = story.client.v1.refunds.create({"payment_intent": session.payment_intent.id})
    row = story.client.v1.balance_transactions.retrieve(refund.balance_transaction)
    assert row.type == "payment_refund" and story.available() == -80


def test_debits_by_currency(story, debit):
    session = debit(currency="eur")
    assert session.payment_method_types == ["card", "sepa_debit"]
    charge = story.client.v1.charges.retrieve(session.payment_intent.latest_charge)
    assert charge.payment_method_details.sepa_debit.country == "AT"
    with pytest.raises(RuntimeError, match="outcome must be one of"):
        debit(currency="gbp")


def test_the_client_may_say_what_is_offered(story, double):
    session = story.session(payment_method_types=["card"])
    assert session.payment_method_types == ["card"]
    with pytest.raises(RuntimeError, match="outcome must be one of"):
        double.post(f"/_double/checkout/{session.id}/pay", {"outcome": "debit"})
    less = story.session(excluded_payment_method_types=["us_bank_account"])
    assert less.payment_method_types == ["card"]
    with pytest.raises(stripe.InvalidRequestError, match="does not simulate klarna"):
        story.session(payment_method_types=["klarna"])


def test_a_debit_that_the_bank_takes_back_later_is_a_dispute(story, double, debit):
    session = debit()
    double.advance(4 * DAY + 1)
    dispute = double.post(
        "/_double/disputes",
        {"payment_intent": session.payment_intent.id, "reason": "insufficient_funds"},
    )
    read_again = story.client.v1.disputes.retrieve(dispute["id"])
    assert read_again.reason == "insufficient_funds" and not read_again.is_charge_refundable
    assert "payment_method_details" not in read_again.to_dict()
    assert story.available() == 9_920 - 10_000 - 1_500
