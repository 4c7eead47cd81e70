"""Customers, kept payment methods, and charging them when their owner is away."""

import pytest
import stripe

DAY = 86_400


@pytest.fixture
def kept(story, double):
    """A customer who paid once and kept the means; the intent of it."""

    def pay(outcome="paid", **extra):
        customer = story.client.v1.customers.create({"name": "Acme", "metadata": {"org": "7"}})
        data = {"setup_future_usage": "off_session", **extra}
        session = story.session(customer=customer.id, payment_intent_data=data)
        double.post(f"/_double/checkout/{session.id}/pay", {"outcome": outcome})
        found = story.client.v1.checkout.sessions.retrieve(
            session.id, {"expand": ["payment_intent"]}
        )
        return found.payment_intent

    return pay


def again(story, intent, amount=2_000, key=None, **extra):
    params = {
        "amount": amount,
        "currency": "usd",
        "customer": intent.customer,
        "payment_method": intent.payment_method,
        "off_session": True,
        "confirm": True,
        "metadata": {"funding": "f2"},
        **extra,
    }
    options = {"idempotency_key": key} if key else None
    return story.client.v1.payment_intents.create(params, options)


def test_customers_are_made_read_updated_and_deleted(story):
    customers = story.client.v1.customers
    made = customers.create({"name": "Acme", "email": "a@example.test", "metadata": {"a": "1"}})
    assert made.id.startswith("cus_")
    after = customers.update(made.id, {"name": "Acme Ltd", "metadata": {"a": "", "b": "2"}})
    assert after.name == "Acme Ltd" and after.metadata.to_dict() == {"b": "2"}
    assert [row.id for row in customers.list({"email": "a@example.test"}).data] == [made.id]
    assert customers.delete(made.id).deleted and customers.retrieve(made.id).deleted
    assert customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        customers.update(made.id, {"name": "x"})


def test_a_kept_card_is_charged_again(story, kept):
    first = kept()
    (method,) = story.client.v1.customers.payment_methods.list(first.customer).data
    assert method.id == first.payment_method and method.card.last4 == "4242"
    second = again(story, first)
    assert second.status == "succeeded" and second.amount_received == 2_000
    charge = story.client.v1.charges.retrieve(second.latest_charge)
    assert charge.metadata.to_dict() == {"funding": "f2"} and charge.customer == first.customer
    listed = story.client.v1.payment_intents.list({"customer": first.customer}).data
    assert [row.id for row in listed] == [second.id, first.id]


def test_without_setup_future_usage_nothing_is_kept(story, double):
    customer = story.client.v1.customers.create({"name": "Acme"})
    session = story.session(customer=customer.id)
    double.post(f"/_double/checkout/{session.id}/pay")
    assert story.client.v1.payment_methods.list({"customer": customer.id}).data == []


def test_checkout_makes_a_customer_when_told(story, double):
    session = story.session(customer_creation="always", customer_email="a@example.test")
    double.post(f"/_double/checkout/{session.id}/pay")
    customer = story.client.v1.checkout.sessions.retrieve(session.id).customer
    assert story.client.v1.customers.retrieve(customer).email == "a@example.test"


@pytest.mark.parametrize(
    ("outcome", "code", "decline"),
    [
        ("declined_later", "card_declined", "generic_decline"),
        ("authenticate", "authentication_required", "authentication_required"),
    ],
)
def test_a_kept_card_that_refuses(story, double, receiver, kept, outcome, code, decline):
    first = kept(outcome)
    assert first.status == "succeeded"
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            again(story, first, key="pi:1")
    error = refused.value
    assert (error.http_status, error.code) == (402, code)
    assert error.error.decline_code == decline
    assert error.error.payment_method.id == first.payment_method
    failed = story.client.v1.payment_intents.retrieve(error.error.payment_intent.id)
    assert failed.status == "requires_payment_method" and failed.last_payment_error.code == code
    assert story.client.v1.charges.retrieve(failed.latest_charge).status == "failed"
    assert len(story.client.v1.payment_intents.list().data) == 2
    assert double.drain() == 0
    assert receiver.types("/platform").count("payment_intent.payment_failed") == 1
    confirm = story.client.v1.payment_intents.confirm
    done = confirm(failed.id, {"payment_method": "pm_card_visa"})
    assert done.status == "succeeded"


def test_the_switch_says_how_later_charges_go(story, double, kept):
    first = kept()
    address = f"/_double/payment_methods/{first.payment_method}"
    double.post(address, {"next": "decline"})
    with pytest.raises(stripe.CardError):
        again(story, first)
    double.post(address, {"next": "ok"})
    assert again(story, first).status == "succeeded"
    with pytest.raises(RuntimeError, match="next must be one of"):
        double.post(address, {"next": "perhaps"})


def test_a_kept_bank_account_is_debited_again(story, double, receiver, kept):
    first = kept("debit")
    assert first.status == "processing"
    second = again(story, first, payment_method_types=["us_bank_account"])
    assert second.status == "processing"
    double.post(f"/_double/payment_intents/{second.id}/settle", {"outcome": "paid"})
    third = again(story, first)
    double.advance(5 * DAY)
    read = story.client.v1.payment_intents.retrieve
    assert {read(row.id).status for row in (first, second, third)} == {"succeeded"}
    double.post(f"/_double/payment_methods/{first.payment_method}", {"next": "decline"})
    fourth = again(story, first)
    double.advance(5 * DAY)
    assert read(fourth.id).status == "requires_payment_method"
    assert double.drain() == 0
    types = receiver.types("/platform")
    assert types.count("checkout.session.async_payment_succeeded") == 1


def test_a_detached_card_is_never_charged_again(story, kept):
    first = kept()
    assert story.client.v1.payment_methods.detach(first.payment_method).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="was detached"):
        again(story, first)
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        story.client.v1.payment_methods.detach(first.payment_method)


def test_a_kept_card_is_charged_for_its_owner_only(story, kept):
    first = kept()
    other = story.client.v1.customers.create({"name": "Other"})
    with pytest.raises(stripe.InvalidRequestError, match="customer that it is attached to"):
        again(story, first, customer=other.id)
    with pytest.raises(stripe.InvalidRequestError, match="attached to a customer"):
        story.client.v1.payment_methods.attach(first.payment_method, {"customer": other.id})


def test_named_test_methods_are_attached_as_new_ones(story):
    customer = story.client.v1.customers.create({"payment_method": "pm_card_visa"})
    made = story.client.v1.payment_methods.attach(
        "pm_card_bypassPending", {"customer": customer.id}
    )
    rows = story.client.v1.payment_methods.list({"customer": customer.id, "type": "card"}).data
    assert len(rows) == 2 and rows[0].id == made.id and made.id.startswith("pm_")
    read = story.client.v1.customers.payment_methods.retrieve(customer.id, made.id)
    assert read.card.last4 == "0077"


def test_an_intent_may_wait_and_be_canceled(story):
    intents = story.client.v1.payment_intents
    waiting = intents.create({"amount": 500, "currency": "usd"})
    assert waiting.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        intents.confirm(waiting.id)
    assert intents.update(waiting.id, {"description": "Fee"}).description == "Fee"
    with pytest.raises(stripe.InvalidRequestError, match="must be one of abandoned"):
        intents.cancel(waiting.id, {"cancellation_reason": "boredom"})
    canceled = intents.cancel(waiting.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1},
        {"customer": "cus_none"},
        {"payment_method": "pm_none"},
        {"application_fee_amount": 5},
        {"capture_method": "manual"},
        {"payment_method_types": ["klarna"]},
        {"confirm": False},
    ],
)
def test_intents_that_are_refused(story, kept, change):
    with pytest.raises(stripe.InvalidRequestError):
        again(story, kept(), **change)
    assert len(story.client.v1.payment_intents.list().data) == 1
